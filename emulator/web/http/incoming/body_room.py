"""Finds room in memory for the request that arrives on a connection, before more of it is read.

A request with a large body (`budget.SMALL`), or one that asks whether to go on, is judged by its
headers; the judgement names the budget that its body takes room from. A head that is longer than
`SMALL` takes room from a budget of its own (`Site.heads`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

from taskdock.web.http.budget import SMALL, BudgetClaim
from taskdock.web.http.connection_limit import Peer
from taskdock.web.http.incoming.reader import Reader
from taskdock.web.http.messages import Reply, Request
from taskdock.web.http.site import Judgement, Site


class BodyRoom:
    """For one request after the other. On the reactor's thread."""

    def __init__(
        self,
        site: Site,
        loop: asyncio.AbstractEventLoop,
        peer: Peer,
        reader: Reader,
        *,
        granted: Callable[[], None],
        refuse: Callable[[int, str, Reply | None], None],
    ) -> None:
        """`granted` is called when the request may be read on. `refuse` is called with a status,
        the reason, and the reply where that is known already."""
        self._site = site
        self._loop = loop
        self._peer = peer
        self._reader = reader
        self._granted = granted
        self._refuse = refuse
        self.awaited = False
        """Nothing more may be read: the judge decides, or there is no room yet."""
        self._claim: BudgetClaim | None = None
        self._given_back = False  # the body is bounded elsewhere

    def check(self) -> None:
        """Waits for room if the head is long, or much came of a body without a length."""
        if self.awaited or self._claim is not None or self._given_back:
            return
        under_way = self._reader.request is not None
        if self._reader.head > SMALL or (under_way and self._reader.body.came > SMALL):
            self.wait()

    def wait(self) -> None:
        """Begins to wait. The parser may call it, so it reads nothing on."""
        self.awaited = True
        self._loop.call_soon(self._judge)

    def give_back(self) -> None:
        """Gives the room back of a streamed body that has not arrived completely."""
        self._given_back = True
        if self._claim is not None:
            self._claim.shrink(0)

    def complete(self, request: Request) -> None:
        """Hands the room over to `request`, which has arrived: its `release` gives it back."""
        claim, self._claim = self._claim, None
        if claim is not None:
            if not self._given_back:
                claim.shrink(_size(request))
            request.release = claim.release
        elif request.stream is not None:
            request.release = _nothing
        self._given_back = False

    def close(self) -> None:
        """No more of the request arrives."""
        self.awaited = False
        if self._claim is not None:
            self._claim.release()
            self._claim = None

    def _judge(self) -> None:
        request = self._reader.request
        if not self.awaited:
            return
        if request is not None:
            self._site.judge(request, partial(self._judged, request))
        else:
            self._claim = self._site.heads.take(self._peer, self._site.max_head)
            self._claim.then(self._grant)

    def _judged(self, request: Request, judgement: Judgement) -> None:
        if not self.awaited or request is not self._reader.request:
            return
        if isinstance(judgement, Reply):
            self._refuse(judgement.status, "", judgement)
            return
        limit = min(self._site.max_body, judgement.largest)
        if request.length > limit and not self._site.max_dropped:
            why = f"The body has more than {limit} bytes, which its sender may send."
            self._refuse(413, why, None)
            return
        if self._claim is not None:  # for its head
            self._claim.release()
        self._reader.restrict(limit)
        self._claim = judgement.take(self._peer, min(request.length or limit, limit))
        self._claim.then(self._grant)

    def _grant(self) -> None:
        self.awaited = False
        self._granted()


def _size(request: Request) -> int:
    """Bytes of its headers and body: they stay in memory while it is answered, unless the endpoint
    of a streamed body has said that its own bounds hold for it."""
    body = len(request.body) if request.stream is None else request.stream.came
    return body + sum(len(name) + len(value) for name, value in request.headers)


def _nothing() -> None: ...
