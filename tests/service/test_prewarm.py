"""Containers that are started ahead of need: which, how many, for whom, and when they give way."""

from __future__ import annotations

import asyncio
import errno
import stat
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from taskdock.base.errors import EngineError
from taskdock.base.settings import Settings
from taskdock.base.timing.limits import Limits
from taskdock.engines.engine import ContainerSpec
from taskdock.testing.clock import ManualClock
from taskdock.testing.dock import new_function
from taskdock.testing.fakes.engine import FakeContainer
from taskdock.testing.fakes.runtime import FakeRuntime
from taskdock.testing.zips import base64_of, zip_of
from tests.support.builders import LIMIT, Dock, Gate, Json, StartDock
from tests.support.zips import zipped

MEMORY = 128  # MB, of a function that says nothing else


@pytest.fixture
def prewarming(start_dock: StartDock) -> Dock:
    """A dock that prewarms one of each shape in use."""
    return start_dock(limits=Limits(prewarm_calm=0.05, idle_round=0.02), prewarm=1)


def counts(dock: Dock) -> dict[tuple[str, int], int]:
    """How many wait of each shape, as the API says."""
    levels = dock.call("GET", "/status", base="").json()["prepared"]
    return {(each["runtime"], each["memory"]): each["count"] for each in levels}


def await_prewarmed(dock: Dock, count: int = 1, memory: int = MEMORY) -> list[FakeContainer]:
    """What waits for a function, once there are `count` of the shape."""
    dock.eventually(lambda: counts(dock).get(("python3.11", memory)) == count)
    return waiting(dock)


def waiting(dock: Dock) -> list[FakeContainer]:
    return [each for each in list(dock.engine.containers.values()) if each.runtime is None]


def prewarm_all(dock: Dock) -> None:
    """Has containers prewarmed, and returns when that is done: no more will be."""
    pool = dock.pool._prewarmed

    async def done() -> None:
        pool.fill()
        assert pool._filling is not None
        ended, _ = await asyncio.wait((pool._filling,), timeout=LIMIT)
        assert ended

    dock.pool.reactor.run(done())


def say_what(event: Json, runtime: FakeRuntime) -> object:
    code = runtime.spec.source_of("/var/task")
    assert code is not None
    return {
        "container": runtime.spec.name,
        "memory": runtime.program.environment["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"],
        "code": (code / "lib" / "index.py").read_text(),
    }


def test_one_is_wanted_of_each_shape_unless_told_otherwise() -> None:
    assert Settings().prewarm == 1


def test_a_function_that_was_deployed_finds_a_container_waiting(prewarming: Dock) -> None:
    zipped = base64_of(zip_of({"lib/index.py": "wood = 'walnut'"}))
    prewarming.deploy(say_what, code=zipped)
    (prewarmed,) = await_prewarmed(prewarming)

    result = prewarming.execute().json()["result"]

    assert result["container"] == prewarmed.spec.name
    assert result == {**result, "memory": "128", "code": "wood = 'walnut'"}
    assert prewarmed.spec.name.startswith("taskdock-prewarmed-")
    prewarming.eventually(lambda: prewarmed.name.startswith("taskdock-walnut-table-"))


def test_a_container_that_keeps_its_name_serves_all_the_same(
    prewarming: Dock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: FakeContainer, name: str) -> None:
        raise EngineError("no names today")

    monkeypatch.setattr(FakeContainer, "rename", refuse)
    prewarming.deploy(lambda event, runtime: runtime.spec.name)
    (prewarmed,) = await_prewarmed(prewarming)

    assert prewarming.execute().json()["result"] == prewarmed.spec.name
    prewarming.eventually(
        lambda: (
            ("environment_failed", "no names today")
            in [(name, facts.get("error")) for name, facts in prewarming.notices]
        )
    )


def test_what_was_taken_is_made_up_for(prewarming: Dock) -> None:
    prewarming.deploy(lambda event, runtime: None)
    (first,) = await_prewarmed(prewarming)
    prewarming.execute()

    prewarming.eventually(lambda: waiting(prewarming) and waiting(prewarming) != [first])

    assert await_prewarmed(prewarming) != [first]
    assert len(prewarming.engine.started) == 2


def test_a_new_version_of_a_function_starts_from_a_prewarmed_container_too(
    prewarming: Dock,
) -> None:
    prewarming.deploy(say_what, code=base64_of(zip_of({"lib/index.py": "first"})))
    prewarming.execute()
    await_prewarmed(prewarming)

    body = new_function(code=base64_of(zip_of({"lib/index.py": "second"})), name=None)
    prewarming.put("/functions/walnut-table", {**body, "entryPoint": "walnut-table"})
    (prewarmed,) = await_prewarmed(prewarming)

    result = prewarming.execute().json()["result"]
    assert (result["container"], result["code"]) == (prewarmed.spec.name, "second")


def test_functions_of_another_size_have_prewarmed_containers_of_their_own(prewarming: Dock) -> None:
    prewarming.deploy(lambda event, runtime: None)
    prewarming.deploy(lambda event, runtime: None, "oak-chair", memoryLimit=256)

    await_prewarmed(prewarming)
    await_prewarmed(prewarming, memory=256)

    assert sorted(each.spec.memory for each in waiting(prewarming)) == [128, 256]


def test_so_many_are_prewarmed_as_were_once_started_at_a_time(prewarming: Dock) -> None:
    gate = Gate()
    prewarming.engine.starting.clear()
    prewarming.deploy(lambda event, runtime: gate.pass_(runtime))

    tasks = [prewarming.create_task() for _ in range(3)]
    prewarming.eventually(lambda: prewarming.states() == ["starting"] * 3)
    prewarming.engine.starting.set()
    gate.open()

    for task in tasks:
        prewarming.finish(task)
    await_prewarmed(prewarming, count=3)


def test_nothing_is_prewarmed_while_something_starts(prewarming: Dock) -> None:
    prewarming.engine.starting.clear()
    prewarming.deploy(lambda event, runtime: None)
    task = prewarming.create_task()
    prewarming.eventually(lambda: prewarming.states() == ["starting"])

    for _ in range(3):
        prewarming.pool.prewarm(600.0)
        assert counts(prewarming) == {("python3.11", MEMORY): 0}

    prewarming.engine.starting.set()
    prewarming.finish(task)
    await_prewarmed(prewarming)


def test_what_waits_gives_way_to_a_call_that_needs_the_room(start_dock: StartDock) -> None:
    dock = start_dock(limits=Limits(prewarm_calm=0.0), prewarm=1, memory_budget=300)
    dock.deploy(lambda event, runtime: "small")
    await_prewarmed(dock)
    dock.deploy(lambda event, runtime: "large", "oak-chair", memoryLimit=256)

    assert dock.execute("oak-chair").json()["result"] == "large"

    assert counts(dock)["python3.11", MEMORY] == 0
    dock.eventually(lambda: not waiting(dock))


def test_nothing_is_prewarmed_where_something_else_would_have_to_go(start_dock: StartDock) -> None:
    dock = start_dock(limits=Limits(prewarm_calm=0.0), prewarm=1, memory_budget=200)
    dock.deploy(lambda event, runtime: None)
    dock.execute()

    for _ in range(3):
        prewarm_all(dock)
        assert counts(dock) == {("python3.11", MEMORY): 0}

    assert dock.states() == ["ready"]


def test_a_shape_that_nobody_wants_any_more_is_given_up(prewarming: Dock) -> None:
    prewarming.deploy(lambda event, runtime: None)
    await_prewarmed(prewarming)

    prewarming.pool.prewarm(0.0)

    prewarming.eventually(lambda: not prewarming.engine.containers)
    assert counts(prewarming) == {}


def test_one_that_ends_while_it_waits_is_told_of_and_replaced_but_not_at_once(
    start_dock: StartDock, clock: ManualClock
) -> None:
    dock = start_dock(prewarm=1, clock=clock, work_clock=clock)
    dock.deploy(lambda event, runtime: "done")
    (first,) = await_prewarmed(dock)

    first.kill()
    dock.eventually(lambda: any(name == "prewarm_failed" for name, _ in dock.notices))
    prewarm_all(dock)
    at_once = counts(dock)
    clock.jump(61)
    prewarm_all(dock)

    assert at_once == {("python3.11", MEMORY): 0}
    assert counts(dock) == {("python3.11", MEMORY): 1}
    assert first not in waiting(dock)
    assert dock.execute().json()["result"] == "done"


def test_a_call_does_not_suffer_from_one_that_ends_when_it_is_taken(prewarming: Dock) -> None:
    ended = Event()

    def handler(event: Json, runtime: FakeRuntime) -> str:
        if not ended.is_set():
            ended.set()
            runtime.exit(1)
        return "done"

    prewarming.deploy(handler)
    await_prewarmed(prewarming)

    assert prewarming.execute().status_code == 400
    assert prewarming.execute().json()["result"] == "done"


def test_a_call_takes_what_is_still_in_the_making(prewarming: Dock) -> None:
    prewarming.engine.starting.clear()
    prewarming.deploy(lambda event, runtime: runtime.spec.name)
    prewarming.eventually(lambda: prewarming.pool._prewarmed._creating)
    task = prewarming.create_task()
    prewarming.eventually(lambda: prewarming.states() == ["starting"])

    prewarming.engine.starting.set()

    assert prewarming.finish(task)["status"] == "complete"
    assert "prewarmed" in prewarming.engine.started[0].name
    assert not any("walnut" in spec.name for spec in prewarming.engine.started)


def test_a_call_starts_a_container_of_its_own_when_the_one_in_the_making_fails(
    prewarming: Dock,
) -> None:
    prewarming.engine.starting.clear()
    prewarming.engine.failures = 1
    prewarming.deploy(lambda event, runtime: "done")
    prewarming.eventually(lambda: prewarming.pool._prewarmed._creating)
    task = prewarming.create_task()
    prewarming.eventually(lambda: prewarming.states() == ["starting"])

    prewarming.engine.starting.set()

    assert prewarming.finish(task)["status"] == "complete"


def test_an_image_is_never_run_ahead_since_people_build_it_anew(prewarming: Dock) -> None:
    prewarming.deploy(lambda event, runtime: None)
    prewarming.engine.programs["chair:latest"] = prewarming.engine.programs["walnut-table"]
    prewarming.post("/functions/", {"name": "oak-chair", "image": "chair:latest"})
    await_prewarmed(prewarming)

    prewarming.execute("oak-chair")
    prewarming.eventually(lambda: prewarming.pool._prewarmed._plan.is_calm)
    prewarm_all(prewarming)

    assert [each.spec.image for each in waiting(prewarming)] == ["fake"]


def test_code_of_very_many_files_does_not_come_to_a_prewarmed_container(
    start_dock: StartDock,
) -> None:
    prewarming = start_dock(limits=Limits(light_code=3), prewarm=1)
    files = {f"lib/{number}.py": "" for number in range(5)}
    prewarming.deploy(say_what, code=base64_of(zip_of({**files, "lib/index.py": "many"})))

    assert prewarming.execute().json()["result"]["code"] == "many"

    assert counts(prewarming) == {}


def test_links_in_code_of_a_prewarmed_container_are_links(prewarming: Dock) -> None:
    zipped_links = zipped(
        ("real.py", "wood = 'walnut'", stat.S_IFREG | 0o644),
        ("lib/index.py", "../real.py", stat.S_IFLNK | 0o777),
        ("machine", "/etc", stat.S_IFLNK | 0o777),
    )
    prewarming.deploy(say_what, code=base64_of(zipped_links))
    (prewarmed,) = await_prewarmed(prewarming)

    result = prewarming.execute().json()["result"]

    assert (result["container"], result["code"]) == (prewarmed.spec.name, "wood = 'walnut'")
    links = {
        path.name for path in prewarmed.spec.source_of("/var/task").rglob("*") if path.is_symlink()
    }
    assert links == {"index.py", "machine"}


def test_code_that_its_owner_may_not_read_does_not_come_to_a_prewarmed_container(
    prewarming: Dock,
) -> None:
    closed = zipped(
        ("lib/index.py", "open", stat.S_IFREG | 0o644), ("key", "", stat.S_IFREG | 0o004)
    )
    prewarming.deploy(say_what, code=base64_of(closed))

    assert prewarming.execute().json()["result"]["code"] == "open"
    assert counts(prewarming) == {}


def test_code_that_cannot_be_looked_at_does_not_come_to_a_prewarmed_container(
    prewarming: Dock, monkeypatch: pytest.MonkeyPatch
) -> None:
    prewarming.deploy(lambda event, runtime: runtime.spec.name)
    (prewarmed,) = await_prewarmed(prewarming)
    prewarming.emulator.foundation.code._light.clear()  # as after a start
    with monkeypatch.context() as patch:
        patch.setattr("os.scandir", _fail)
        assert prewarming.execute().json()["result"] != prewarmed.spec.name
    prewarming.pool.retire_idle(0.0)
    prewarming.eventually(lambda: prewarming.states() == [])

    assert prewarming.execute().json()["result"] == prewarmed.spec.name


def test_a_container_that_cannot_be_prewarmed_keeps_no_call_from_running(prewarming: Dock) -> None:
    prewarming.engine.refusal = "no space left on device"
    prewarming.deploy(lambda event, runtime: "done")
    prewarming.eventually(lambda: any(name == "prewarm_failed" for name, _ in prewarming.notices))

    prewarming.engine.refusal = None

    assert prewarming.execute().json()["result"] == "done"


def test_nothing_is_left_after_a_stop(prewarming: Dock, tmp_path: Path) -> None:
    prewarming.deploy(lambda event, runtime: None)
    prewarming.execute()
    await_prewarmed(prewarming)
    code = prewarming.emulator.foundation.data / "code"
    assert list(code.glob(".staged-*"))

    prewarming.stop()

    assert not prewarming.engine.containers
    assert not list(code.glob(".staged-*"))


def test_where_none_is_wanted_none_is_prewarmed(dock: Dock) -> None:
    dock.deploy(lambda event, runtime: None)
    dock.execute()

    prewarm_all(dock)

    assert counts(dock) == {}
    assert len(dock.engine.started) == 1


def test_what_is_prewarmed_is_taken_where_nothing_else_would_fit(start_dock: StartDock) -> None:
    dock, gate = (
        start_dock(limits=Limits(prewarm_calm=0.0), prewarm=1, memory_budget=2 * MEMORY),
        Gate(),
    )
    dock.deploy(lambda event, runtime: gate.pass_(runtime))
    task = dock.create_task()
    dock.eventually(lambda: gate.waiting == 1)
    dock.pool.prewarm(600.0)
    (prewarmed,) = await_prewarmed(dock)

    other = dock.create_task()
    dock.eventually(lambda: gate.waiting == 2)

    assert prewarmed.id in dock.engine.containers
    assert len(dock.engine.started) == 2
    gate.open()
    assert dock.finish(task)["status"] == dock.finish(other)["status"] == "complete"


def test_what_has_lost_its_room_while_its_image_was_fetched_is_not_made(
    start_dock: StartDock, monkeypatch: pytest.MonkeyPatch
) -> None:
    dock, made = start_dock(prewarm=1, memory_budget=200), Event()
    prewarm = dock.pool.operations._provisioner.prewarm

    def prewarm_later(*args: Any) -> ContainerSpec:
        made.wait(LIMIT)
        return prewarm(*args)

    monkeypatch.setattr(dock.pool.operations._provisioner, "prewarm", prewarm_later)
    dock.deploy(lambda event, runtime: "done")
    dock.eventually(lambda: dock.pool._prewarmed._creating)
    dock.deploy(lambda event, runtime: "done", "oak-chair", memoryLimit=150)
    assert dock.execute("oak-chair").json()["result"] == "done"

    made.set()
    dock.eventually(lambda: dock.pool._prewarmed.is_empty)

    assert dock.states() == ["ready"]
    assert len(dock.engine.started) == 1


def test_what_is_in_the_making_holds_its_room_until_it_is_made_and_then_gives_way(
    start_dock: StartDock,
) -> None:
    dock = start_dock(prewarm=1, memory_budget=200)
    dock.engine.starting.clear()
    dock.deploy(lambda event, runtime: "done")
    dock.eventually(lambda: dock.pool._prewarmed.slots)
    dock.deploy(lambda event, runtime: "done", "oak-chair", memoryLimit=150)
    task = dock.create_task("oak-chair")
    dock.eventually(dock.pool.waiting)
    held = dock.pool.held()
    dock.engine.starting.set()

    assert dock.finish(task)["status"] == "complete"
    assert held == MEMORY
    assert [spec.memory for spec in dock.engine.started] == [MEMORY, 150]


def test_one_that_has_ended_before_it_was_ready_is_given_to_nobody(
    prewarming: Dock, monkeypatch: pytest.MonkeyPatch
) -> None:
    create = prewarming.engine.create

    def create_dead(spec: ContainerSpec, *args: Any) -> FakeContainer:
        container = create(spec, *args)
        if "prewarmed" in spec.name:
            container.kill()
        return container

    monkeypatch.setattr(prewarming.engine, "create", create_dead)
    prewarming.deploy(lambda event, runtime: "done")
    prewarming.eventually(lambda: any(name == "prewarm_failed" for name, _ in prewarming.notices))

    assert prewarming.execute().json()["result"] == "done"
    prewarming.eventually(lambda: not waiting(prewarming))


def test_a_fault_while_one_is_prewarmed_is_told_and_not_tried_all_the_time(
    prewarming: Dock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(prewarming.pool.operations._provisioner, "prewarm", fail)
    prewarming.deploy(lambda event, runtime: "done")
    prewarming.eventually(lambda: any(name == "prewarm_failed" for name, _ in prewarming.notices))

    for _ in range(5):
        prewarm_all(prewarming)
        assert prewarming.execute().json()["result"] == "done"

    assert [name for name, _ in prewarming.notices].count("prewarm_failed") == 1


def test_a_prewarmed_container_that_gets_no_code_is_removed_and_fails_one_call_alone(
    prewarming: Dock,
) -> None:
    prewarming.deploy(lambda event, runtime: "done")
    (prewarmed,) = await_prewarmed(prewarming)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(prewarming.pool.operations._provisioner, "assign", _fail)
        assert prewarming.execute().status_code == 400

    prewarming.eventually(lambda: prewarmed.id not in prewarming.engine.containers)
    prewarming.eventually(lambda: prewarming.states() == [])
    await_prewarmed(prewarming)
    assert prewarming.execute().json()["result"] == "done"


def test_a_container_that_ends_while_it_gets_its_code_fails_no_task(
    prewarming: Dock, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill = prewarming.emulator.foundation.code.fill
    ended: list[str] = []

    def end_first(id: str, digest: str) -> None:
        if not ended:
            ended.append(id)
            prewarmed.kill()
            prewarming.eventually(
                lambda: id not in {slot.id for slot in prewarming.pool.snapshot()}
            )
        fill(id, digest)

    monkeypatch.setattr(prewarming.emulator.foundation.code, "fill", end_first)
    prewarming.deploy(lambda *_: "done")
    (prewarmed,) = await_prewarmed(prewarming)

    task = prewarming.finish(prewarming.create_task())

    assert ended
    assert task["status"] == "complete"
    assert prewarming.pool.waiting() == []


def test_a_full_disk_while_a_container_gets_its_code_fails_no_task(
    prewarming: Dock, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused: list[str] = []

    def refuse(id: str, _: str) -> None:
        refused.append(id)
        raise OSError(errno.ENOSPC, "No space left on device")

    prewarming.deploy(lambda *_: "done")
    await_prewarmed(prewarming)
    monkeypatch.setattr(prewarming.emulator.foundation.code, "fill", refuse)

    task = prewarming.finish(prewarming.create_task())

    assert refused
    assert task["status"] == "complete"
    troubles = [facts for name, facts in prewarming.notices if name == "trouble_began"]
    assert [(facts["what"], "No space left" in facts["reason"]) for facts in troubles] == [
        ("engine", True)
    ]
    prewarming.eventually(lambda: prewarming.emulator.health.troubles() == [])


def test_code_is_copied_where_files_have_no_second_names(
    prewarming: Dock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.link", _fail)
    prewarming.deploy(say_what, code=base64_of(zip_of({"lib/index.py": "walnut"})))
    (prewarmed,) = await_prewarmed(prewarming)

    result = prewarming.execute().json()["result"]

    assert (result["container"], result["code"]) == (prewarmed.spec.name, "walnut")


def _fail(*_: object, **__: object) -> None:
    raise OSError("not supported")
