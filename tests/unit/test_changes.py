"""Waiting for a condition of an object that says when it has changed."""

import asyncio

from taskdock.base.timing.changes import Changes

LONG = 30.0  # seconds


async def settled():
    """Lets all that can run do so."""
    for _ in range(5):
        await asyncio.sleep(0)


def test_a_condition_that_holds_is_not_waited_for():
    async def work():
        return await Changes(asyncio.get_running_loop()).until(lambda: True, LONG)

    assert asyncio.run(work())


def test_everybody_who_waits_looks_again_at_each_change():
    async def work():
        changes, values = Changes(asyncio.get_running_loop()), set()
        waits = [
            asyncio.ensure_future(changes.until(lambda name=name: name in values, LONG))
            for name in ("oak", "elm")
        ]
        found = []
        for name in ("oak", "elm"):
            await settled()
            values.add(name)
            changes.publish()
            await settled()
            found.append([wait.done() for wait in waits])
        return found, [wait.result() for wait in waits]

    assert asyncio.run(work()) == ([[True, False], [True, True]], [True, True])


def test_a_wait_ends_with_its_limit():
    async def work():
        return await Changes(asyncio.get_running_loop()).until(lambda: False, 0.0)

    assert not asyncio.run(work())


def test_a_wait_that_is_cancelled_leaves_no_timer_behind():
    async def work():
        loop = asyncio.get_running_loop()
        wait = asyncio.ensure_future(Changes(loop).until(lambda: False, LONG))
        await settled()
        wait.cancel()
        await asyncio.wait([wait])
        return wait.cancelled(), [timer for timer in loop._scheduled if not timer.cancelled()]

    assert asyncio.run(work()) == (True, [])
