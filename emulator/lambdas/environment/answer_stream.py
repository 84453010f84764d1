"""A runtime's answer on its way to the caller who reads it while the runtime posts it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from enum import Enum

from taskdock.lambdas.outcome import Failure, StreamBroken


class StreamEnd(Enum):
    COMPLETE = "complete"
    """The post is over. Its trailers may say a failure."""
    BROKEN = "broken"
    """The post broke off."""
    CANCELLED = "cancelled"
    """The reader wants no more."""


@dataclass(frozen=True, kw_only=True)
class AnswerSource:
    """The post of a runtime, as the Runtime API hands it over."""

    pieces: AsyncIterator[bytes]
    """Raises `StreamBroken`: with a failure where the answer is none, without one where the post
    broke off."""
    content_type: str


class AnswerStream(AsyncIterator[bytes]):
    """For one reader, on the reactor's thread. See `outcome.Streamed`.

    Pieces are asked for one by one, so the runtime waits while the reader does.
    """

    def __init__(
        self, source: AnswerSource, ended: Callable[[StreamEnd, Failure | None], None]
    ) -> None:
        """`ended` is called once, unless `break_off` comes first."""
        self._source = source
        self._ended = ended
        self._over = False
        self._broken: StreamBroken | None = None

    async def __anext__(self) -> bytes:
        if not self._over:
            try:
                return await self._source.pieces.__anext__()
            except StopAsyncIteration:
                self._end(None)
            except StreamBroken as broken:
                self._end(broken)
            except asyncio.CancelledError:
                await self.aclose()
                raise
        if self._broken is not None:
            raise self._broken
        raise StopAsyncIteration

    async def aclose(self) -> None:
        """The reader wants no more."""
        if not self._over:
            self._over = True
            self._ended(StreamEnd.CANCELLED, None)

    def break_off(self) -> None:
        """Nobody waits for the invocation any more, or its runtime has ended."""
        if not self._over:
            self._over = True
            self._broken = StreamBroken()

    def _end(self, broken: StreamBroken | None) -> None:
        if not self._over:
            self._over = True
            self._broken = broken
            failure = None if broken is None else broken.failure
            complete = broken is None or failure is not None
            self._ended(StreamEnd.COMPLETE if complete else StreamEnd.BROKEN, failure)
