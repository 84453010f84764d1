"""Everything at once: whoever calls is answered, and nothing is held for ever."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests

from taskdock.base.timing.limits import Limits
from taskdock.base.timing.reactor import Reactor
from taskdock.testing.dock import new_function
from taskdock.testing.fakes.runtime import FakeRuntime
from tests.support.builders import Dock, Json, StartDock

CALLERS = 16
CALLS = 12  # of each
FUNCTIONS = [f"wood-{number}" for number in range(6)]
DEEDS = ("answer",) * 12 + ("fail", "exit", "memory", "hang", "print", "work on")


@pytest.fixture
def broken(caplog: pytest.LogCaptureFixture) -> Iterator[list[str]]:
    """What asyncio has complained of."""
    found: list[str] = []
    with caplog.at_level(logging.WARNING, "asyncio"):
        yield found
        found += [each.getMessage() for each in caplog.records if each.name == "asyncio"]
    assert not found


def handler(event: Json, runtime: FakeRuntime) -> Any:
    event = event.get("data", event)
    match event["deed"]:
        case "fail":
            raise ValueError("no legs")
        case "exit":
            runtime.exit(3)
        case "memory":
            runtime.exhaust_memory()
        case "hang":
            runtime.hang()
        case "print":
            for _ in range(200):
                runtime.print("x" * 300)
        case "work on":
            runtime.answer("early")
            time.sleep(0.2)
    return event["number"]


def call(dock: Dock, session: requests.Session, chance: random.Random, number: int) -> int:
    """The status of one call, by any of the ways there are."""
    name = chance.choice(FUNCTIONS)
    event = {"deed": chance.choice(DEEDS), "number": number}
    url = dock.emulator.url
    way = chance.choice(("invoke", "tail", "accept", "execute", "task"))
    invoke = f"{url}/2015-03-31/functions/{name}/invocations"
    match way:
        case "invoke" | "tail" | "accept":
            headers = {
                "X-Amz-Log-Type": "Tail" if way == "tail" else "None",
                "X-Amz-Invocation-Type": "Event" if way == "accept" else "RequestResponse",
            }
            answer = session.post(invoke, json=event, headers=headers, timeout=60)
        case "execute":
            path = f"{url}/tasks/v1/functions/{name}/execute"
            answer = session.post(path, json={"data": event}, timeout=60)
        case _:
            task = {"functionName": name, "data": event}
            answer = session.post(f"{url}/tasks/v1/", json=task, timeout=60)
    return answer.status_code


def change(dock: Dock, chance: random.Random, number: int) -> None:
    """Deploys a function anew, deletes it for a moment, or has all that idles go."""
    name = chance.choice(FUNCTIONS)
    match chance.choice(("update", "delete", "retire", "freeze")):
        case "update":
            turn = {"TURN": {"value": str(number)}}
            updated = dock.put(f"/functions/{name}", {"environmentVariables": turn})
            assert updated.status_code == 200, updated.text
        case "delete":
            deleted = dock.call("DELETE", f"/functions/{name}")
            assert deleted.status_code == 200, deleted.text
            # What hangs before its limit is shortened has this one: the shortest that there is.
            body = new_function(name, entryPoint=name, memoryLimit=128, timeLimit=3)
            made = dock.post("/functions/", body)
            assert made.status_code == 200, made.text
            dock.shorten(name, time_limit=1)
        case "retire":
            dock.pool.retire_idle(0.0)
        case "freeze":
            dock.pool.freeze_idle(0.0)


@pytest.mark.parametrize("seed", [1])
def test_in_a_storm_everyone_is_answered_and_nothing_is_held_afterwards(
    start_dock: StartDock, broken: list[str], seed: int
) -> None:
    dock = start_dock(
        limits=Limits(prewarm_calm=0.02, idle_round=0.05, settle=0.05),
        prewarm=2,
        memory_budget=1024,
        direct_concurrency=48,
        concurrency=16,
    )
    for number, name in enumerate(FUNCTIONS):
        dock.deploy(handler, name, memoryLimit=(128, 256)[number % 2])
        dock.shorten(name, time_limit=1)

    def caller(number: int) -> list[int]:
        chance = random.Random(f"{seed} {number}")
        with requests.Session() as session:
            session.trust_env = False
            return [call(dock, session, chance, number) for _ in range(CALLS)]

    with ThreadPoolExecutor(CALLERS + 1) as executor:
        callers = [executor.submit(caller, number) for number in range(CALLERS)]
        chance, number, most = random.Random(seed), 0, 0
        while not all(each.done() for each in callers):
            change(dock, chance, number := number + 1)
            most = max(most, dock.pool.reactor.run(held(dock)))
            time.sleep(0.02)
        statuses = [status for each in callers for status in each.result()]

    assert len(statuses) == CALLERS * CALLS
    assert set(statuses) <= {200, 202, 400, 404}, Counter(statuses)
    assert 0 < most <= 1024
    open_tasks = "/?in(status,new,inProgress)&limit(1)"
    dock.eventually(lambda: not dock.get(open_tasks).json()["data"])
    dock.eventually(lambda: not dock.emulator.tasks.dispatcher.is_busy)
    pool, reactor = dock.pool, dock.emulator.foundation.reactor
    dock.eventually(lambda: all(slot.idle for slot in pool.snapshot()))
    assert not pool.waiting()
    assert not pool._starts._containers
    assert all(not each.starting for each in pool._prewarmed._plan._demands.values())
    dock.eventually(lambda: known(dock) == set(dock.engine.containers))
    dock.eventually(lambda: not reactor._tasks)
    dock.eventually(lambda: reactor.run(tasks(reactor)) == 0)
    places = dock.emulator.service._direct
    assert places._value == 48  # type: ignore[attr-defined]
    dock.stop()
    assert not dock.engine.containers


def known(dock: Dock) -> set[str]:
    """The containers that the pool knows of, prewarmed ones too, once nothing is being made."""
    pool = dock.pool
    filling = pool._prewarmed._filling
    if filling is not None and not filling.done():
        return set()
    environments = [each.container for each in list(pool._fleet.values())]
    prewarmed = [each.container for each in list(pool._prewarmed._ready.values())]
    return {each.id for each in [*environments, *prewarmed] if each is not None and each.id}


async def held(dock: Dock) -> int:
    """MB of all containers, those that are being made or removed too."""
    return dock.pool.held()


async def tasks(reactor: Reactor) -> int:
    """How many of asyncio's tasks there are, but for this one."""
    return len(asyncio.all_tasks(reactor.loop)) - 1
