"""Waiters: calls that wait for an environment, and one that is gone before its turn."""

from __future__ import annotations

import asyncio
from typing import Any

from taskdock.base.timing.clock import SystemClock
from taskdock.lambdas.functions.function import Function
from taskdock.lambdas.lifecycle import State
from taskdock.lambdas.pool.waiters import Found, Wait, Waiters
from taskdock.testing.clock import NOON

OAK = Function(name="oak", image="oak:1", update_timestamp=NOON)


class Bench:
    """Waiters, and the environments that are free for them."""

    def __init__(self) -> None:
        self.free: list[Any] = []
        self.waiters = Waiters(
            loop=asyncio.get_running_loop(),
            clock=SystemClock(),
            look=lambda: self._take,
            too_late=lambda *_: None,  # type: ignore[arg-type, return-value]
            give_back=lambda found: self.free.append(found[0]),
        )

    async def wait(self) -> asyncio.Task[Any]:
        """A call that waits."""
        task = asyncio.ensure_future(self.waiters.wait(OAK, 60))
        await asyncio.sleep(0)
        return task

    def _take(self, function: Function, ahead: int) -> Found | Wait:
        return (self.free.pop(0), State.READY) if self.free else Wait.ROOM


def test_a_call_that_was_cancelled_takes_no_environment_from_those_behind_it() -> None:
    async def play() -> None:
        bench = Bench()
        gone, waits = await bench.wait(), await bench.wait()
        bench.free.append("walnut")

        gone.cancel()
        bench.waiters.serve()  # before the coroutine of the cancelled call goes on

        assert await waits == ("walnut", State.READY)
        assert gone.cancelled()
        assert not bench.waiters

    asyncio.run(play())


def test_an_environment_that_was_found_for_a_cancelled_call_is_given_back() -> None:
    async def play() -> None:
        bench = Bench()
        gone = await bench.wait()
        bench.free.append("walnut")

        bench.waiters.serve()
        gone.cancel()
        await asyncio.wait([gone])

        assert gone.cancelled()
        assert bench.free == ["walnut"]
        assert not bench.waiters

    asyncio.run(play())
