"""What comes by a connection: is looked at in slices, and bounded in bytes and in time.

A request whose body is larger than most, or which asks whether to go on, is judged by its headers
first, and takes room for its body from a budget. Until then nothing more is read: what a client
sends waits in the kernel, and so at the client. A request has a minute to come whole, and a second
more for each `LEAST_RATE` bytes of its body, so that only what is too slow to end is ended.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

from emulator.web.http.budget import SMALL, Claim
from emulator.web.http.connection_limit import Peer
from emulator.web.http.messages import Reply, Request
from emulator.web.http.reader import Bytes, Reader, Unreadable
from emulator.web.http.site import Judgement, Site

LEAST_RATE = 32 * 1024
"""Bytes: a zip of 50 MB, as JSON, may take 36 minutes."""
_GO_ON = b"HTTP/1.1 100 Continue\r\n\r\n"
_MOST_DROPPED = 128 * 1024 * 1024  # bytes behind a refusal


class Intake:
    """On the reactor's thread."""

    def __init__(
        self,
        site: Site,
        loop: asyncio.AbstractEventLoop,
        transport: asyncio.Transport,
        peer: Peer,
        *,
        admit: Callable[[Request], Reply | None],
        complete: Callable[[Request, bool], None],
        refuse: Callable[[Reply], None],
        is_behind: Callable[[], bool],
    ) -> None:
        """`admit` judges the headers of each request. `complete` gets it whole, with whether to
        stay connected then; `refuse` gets what is answered to the last that comes, and to what is
        none. `is_behind`: there is enough to do before the next one is looked at."""
        self._site = site
        self._loop = loop
        self._transport = transport
        self._peer = peer
        self._who = peer.address or peer.environment
        self._admit = admit
        self._complete = complete
        self._refuse = refuse
        self._is_behind = is_behind
        self._reader = Reader(
            site.limits, peer, _server(transport), begun=self._begun, complete=self._completed
        )
        self._deaf = False  # what the client still sends means nothing
        self._dropped = 0  # bytes of that
        self._held = False  # by the judge, or for want of room
        self._claim: Claim | None = None  # of the request that comes
        self._unread: Bytes = b""  # has come, and is still to be looked at
        self._queueing = False  # for a turn of the loop in which to do that
        self._timer: asyncio.TimerHandle | None = None
        self._began: float | None = None  # the request that comes

    def take(self, count: int) -> None:
        """So many bytes have come into the site's memory."""
        self._site.turns.came += count
        if self._deaf:
            self._dropped += count
            if self._dropped > _MOST_DROPPED:
                self._transport.abort()
            return
        data: Bytes = self._site.incoming[:count]
        if self._unread or self._site.turns.full or self._waits:
            self._unread = bytes(self._unread) + bytes(data)
            self.settle()
        else:
            self._look_at(data)

    def end(self) -> None:
        """The client sends no more."""
        if not self._deaf:
            self._reader.end()

    def stop(self) -> None:
        """Whatever comes from now on means nothing, and is dropped."""
        self._deaf = True
        self._unread = b""
        self._reader.forget()
        if self._claim is not None:
            self._claim.release()
            self._claim = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def close(self) -> None:
        """The connection is no more."""
        self.stop()
        self._reader.close()

    def settle(self) -> None:
        """Has what is left looked at later, reads on or not, and has the request's time begin.
        Called when `is_behind` may have changed, too."""
        waits = self._waits
        if self._unread and not waits and not self._queueing:
            self._queueing = True
            self._site.turns.wait(self._who, self._look_further, self._loop)
        if self._unread or waits:
            self._transport.pause_reading()
        elif not self._transport.is_reading():
            self._transport.resume_reading()
        if self._began is None and not self._deaf and not self._reader.is_between:
            self._begin_time()

    @property
    def _waits(self) -> bool:
        """Nothing is looked at now."""
        return not self._deaf and (self._held or self._is_behind())

    def _look_at(self, data: Bytes) -> None:
        """As much as this turn of the loop has time for."""
        turns = self._site.turns
        began = turns.begin()
        try:
            while data and not self._deaf:
                data = self._reader.feed(data)
                if self._needs_room():
                    self._hold()
                if self._waits or (data and turns.is_over(began)):
                    break
        except Unreadable as error:
            self._turn_away(error.status, error.why, error.reply)
        finally:
            turns.end(began, self._loop)
        if self._deaf:
            data = b""
        elif isinstance(data, memoryview) and data.obj is self._site.incoming.obj:
            data = bytes(data)  # the kernel writes there again
        self._unread = data
        self.settle()

    def _look_further(self) -> None:
        self._queueing = False
        if self._unread and not self._waits and not self._deaf:
            data, self._unread = self._unread, b""
            self._look_at(data)

    # Before a body is read

    def _begun(self, request: Request) -> Reply | None:
        """The headers are there. The parser calls it, so it may do nothing that reads on."""
        refusal = self._admit(request)
        if refusal is None and (request.length > SMALL or request.asks_to_go_on):
            self._hold()
        return refusal

    def _needs_room(self) -> bool:
        """For a head that is longer than most, or a body that was said to have no length."""
        if self._held or self._claim is not None:
            return False
        return self._reader.head > SMALL or self._reader.body.came > SMALL

    def _hold(self) -> None:
        self._held = True
        self._loop.call_soon(self._judge)

    def _judge(self) -> None:
        request = self._reader.request
        if self._deaf or not self._held:
            return
        if request is not None:
            self._site.judge(request, partial(self._judged, request))
        else:
            self._claim = self._site.heads.take(self._peer, self._site.max_head)
            self._claim.then(self._go_on)

    def _judged(self, request: Request, verdict: Judgement) -> None:
        if self._deaf or request is not self._reader.request:
            return
        if isinstance(verdict, Reply):
            self._turn_away(verdict.status, "", verdict)
            return
        most = min(self._site.max_body, verdict.largest)
        if request.length > most and not self._site.max_dropped:
            self._turn_away(413, f"The body has more than {most} bytes, which its sender may send.")
            return
        if self._claim is not None:  # for its head
            self._claim.release()
        self._reader.restrict(most)
        self._claim = verdict.take(self._peer, min(request.length or most, most))
        self._claim.then(self._go_on)

    def _go_on(self) -> None:
        """There is room."""
        self._held = False
        self._began = None
        request = self._reader.request
        if request is not None and request.asks_to_go_on:
            self._transport.write(_GO_ON)
        self._look_further()
        self.settle()

    # Time

    def _begin_time(self) -> None:
        if self._site.patience is not None:
            self._began = self._loop.time()
            if self._timer is None:  # else it is of a request before, and looks at this one
                self._timer = self._loop.call_later(self._site.patience, self._look_at_time)

    def _look_at_time(self) -> None:
        self._timer = None
        patience = self._site.patience
        if self._began is None or patience is None or self._deaf:
            return
        more = self._reader.body.came / LEAST_RATE
        left = self._began + patience + more - self._loop.time()
        if left > 0:
            self._timer = self._loop.call_later(left, self._look_at_time)
        elif self._held:
            self._turn_away(
                503,
                f"for {patience:.0f} s there was no room for this request's body beside those of"
                " others; send it again, and fewer large ones at a time",
            )
        elif self._is_behind():
            self._timer = self._loop.call_later(patience, self._look_at_time)
        else:
            self._turn_away(
                408,
                f"the request was not complete within {patience:.0f} s, and a second more for each"
                f" {LEAST_RATE} bytes of its body",
            )

    def _completed(self, request: Request, stay: bool) -> None:
        if self._claim is not None:
            self._claim.shrink(_size(request))
            request.release = self._claim.release
            self._claim = None
        self._began = None
        self._deaf = not stay
        self._complete(request, stay)

    def _turn_away(self, status: int, why: str, reply: Reply | None = None) -> None:
        path = self._reader.url.decode("latin-1")
        self.stop()
        self._refuse(reply or self._site.refuse(path, status, why))


def _size(request: Request) -> int:
    """Bytes of it that stay while it is answered: what is claimed is for its head, or its body."""
    return len(request.body) + sum(len(name) + len(value) for name, value in request.headers)


def _server(transport: asyncio.Transport) -> tuple[str, int]:
    """The address that was called; that of a container's loopback is nobody's here."""
    address = transport.get_extra_info("sockname")
    return address[:2] if isinstance(address, tuple) else ("localhost", 0)
