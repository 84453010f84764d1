"""Takes what arrives on a connection: parses it in slices, and bounds it in bytes and in time.

While a request waits for room (`body_room`), for the requests before it, or for the reader of its
streamed body, nothing is read: what the client sends waits in the kernel, and so at the client.
`deadline` bounds the time of a request. All of it is on the reactor's thread.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from taskdock.web.http.body import BodyCutOff
from taskdock.web.http.budget import SMALL
from taskdock.web.http.connection_limit import Peer
from taskdock.web.http.incoming.body_room import BodyRoom
from taskdock.web.http.incoming.deadline import LEAST_RATE, Deadline
from taskdock.web.http.incoming.reader import Bytes, Reader
from taskdock.web.http.incoming.unreadable import Unreadable
from taskdock.web.http.messages import Reply, Request
from taskdock.web.http.site import Site

_GO_ON = b"HTTP/1.1 100 Continue\r\n\r\n"
_NOT_READ = BodyCutOff("The rest of the body was not read.")


class Intake:
    def __init__(
        self,
        site: Site,
        loop: asyncio.AbstractEventLoop,
        transport: asyncio.Transport,
        peer: Peer,
        *,
        admit: Callable[[Request], Reply | None],
        arrived: Callable[[Request, bool], None],
        refuse: Callable[[Reply], None],
        is_behind: Callable[[], bool],
    ) -> None:
        """`admit` judges the headers of each request: a reply refuses it. `arrived` is called with
        each request once it is complete, or with its headers where its body is streamed, and with
        whether the connection is kept alive behind it. `refuse` is called with the reply to the
        last request, or to bytes that are none. `is_behind`: the connection has enough to do before
        more is parsed."""
        self._site = site
        self._loop = loop
        self._transport = transport
        self._peer = peer
        self._turn_key = peer.address or peer.environment
        self._admit = admit
        self._arrived = arrived
        self._refuse = refuse
        self._is_behind = is_behind
        self._reader = Reader(
            site.sizes, peer, _server(transport), begun=self._begun, complete=self._completed
        )
        self._deaf = False  # what the client still sends is dropped
        self._dropped = 0  # bytes of that
        self._room = BodyRoom(
            site, loop, peer, self._reader, granted=self._go_on, refuse=self._turn_away
        )
        self._announced: Request | None = None  # the streamed one that `arrived` was called with
        self._unread: Bytes = b""  # bytes that are still to be parsed
        self._queueing = False  # for a turn of the loop in which to do that
        self._deadline = Deadline(
            loop,
            site.patience,
            came=lambda: self._reader.body.came,
            is_paused=lambda: not self._room.awaited and self._waits,
            over=self._time_out,
        )

    def take(self, count: int) -> None:
        """`count` bytes have been read into the site's memory."""
        self._site.turns.came += count
        if self._deaf:
            self._dropped += count
            if self._dropped > self._site.limits.http_linger_bytes:
                self._transport.abort()
            return
        data: Bytes = self._site.incoming[:count]
        if self._unread or self._site.turns.full or self._waits:
            self._unread = bytes(self._unread) + bytes(data)
            self.settle()
        else:
            self._parse(data)

    def end(self) -> None:
        """The client sends no more."""
        if not self._deaf:
            self._reader.end()

    def stop(self, error: BodyCutOff = _NOT_READ) -> None:
        """Drops everything that arrives from now on. `error`: why a streamed body ends here."""
        self._deaf = True
        self._unread = b""
        self._reader.forget(error)
        self._room.close()
        self._deadline.close()

    def close(self) -> None:
        """The connection is no more."""
        error = BodyCutOff("The client has hung up.")
        self.stop(error)
        self._reader.close(error)

    def settle(self) -> None:
        """Parses the rest in a later turn of the loop, reads on or pauses, and starts the deadline.
        To be called whenever `is_behind` may have changed."""
        waits = self._waits
        if self._unread and not waits and not self._queueing:
            self._queueing = True
            self._site.turns.wait(self._turn_key, self._parse_rest, self._loop)
        if self._unread or waits:
            self._transport.pause_reading()
        elif not self._transport.is_reading():
            self._transport.resume_reading()
        if not self._deadline.runs and not self._deaf and not self._reader.is_between:
            self._deadline.begin()

    @property
    def _waits(self) -> bool:
        """Nothing is parsed now."""
        if self._deaf:
            return False
        stream = None if self._announced is None else self._announced.stream
        return self._room.awaited or self._is_behind() or (stream is not None and stream.is_full)

    def _parse(self, data: Bytes) -> None:
        """Parses as much of `data` as this turn of the loop has time for."""
        turns = self._site.turns
        began = turns.begin()
        try:
            while data and not self._deaf:
                data = self._reader.feed(data)
                if not self._reader.is_between:
                    self._announce()
                    self._room.check()
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

    def _parse_rest(self) -> None:
        self._queueing = False
        if self._unread and not self._waits and not self._deaf:
            data, self._unread = self._unread, b""
            self._parse(data)

    def _begun(self, request: Request) -> Reply | None:
        """The headers are complete. The parser calls it, so it may do nothing that reads on."""
        refusal = self._admit(request)
        if refusal is None:
            if request.length > SMALL or request.asks_to_go_on:
                self._room.wait()
            if self._site.streams(request):
                request.stream = self._reader.stream(self._on_stream_room)
                request.release = self._room.give_back
        return refusal

    def _go_on(self) -> None:
        """There is room."""
        self._deadline.end()
        request = self._reader.request
        if request is not None and request.asks_to_go_on:
            self._transport.write(_GO_ON)
        self._announce()
        self._parse_rest()
        self.settle()

    def _announce(self) -> None:
        """Hands a request on whose body is streamed, once nothing holds it up."""
        request = self._reader.request
        if request is None or request.stream is None or self._announced is request:
            return
        if not self._room.awaited:
            self._announced = request
            self._arrived(request, self._reader.keeps_alive)

    def _on_stream_room(self) -> None:
        """The reader of a streamed body has taken what waited for it."""
        self._deadline.end()
        self.settle()

    def _time_out(self) -> None:
        patience = f"{self._site.patience or 0.0:.0f} s"
        if self._room.awaited:
            self._turn_away(
                503,
                f"for {patience} there was no room for this request's body beside those of others;"
                " send it again, and fewer large ones at a time",
            )
        else:
            self._turn_away(
                408,
                f"the request was not complete within {patience}, and a second more for each"
                f" {LEAST_RATE} bytes of its body",
            )

    def _completed(self, request: Request, stay: bool) -> None:
        announced, self._announced = self._announced is request, None
        self._room.complete(request)
        self._deadline.end()
        self._deaf = not stay
        if not announced:
            self._arrived(request, stay)

    def _turn_away(self, status: int, why: str, reply: Reply | None = None) -> None:
        path = self._reader.url.decode("latin-1")
        reply = reply or self._site.refuse(path, status, why)
        announced, self._announced = self._announced, None
        if announced is None:
            self.stop()
            self._refuse(reply)
        else:  # it is under way already, so the reply is its own
            announced.refusal = reply
            self.stop(BodyCutOff(why, status))


def _server(transport: asyncio.Transport) -> tuple[str, int]:
    """The address and port that were called; "localhost" and 0 where a container called its own."""
    address = transport.get_extra_info("sockname")
    return address[:2] if isinstance(address, tuple) else ("localhost", 0)
