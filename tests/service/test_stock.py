"""Containers that are started ahead of need: which, how many, for whom, and when they give way."""

from __future__ import annotations

import asyncio
import errno
import stat
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from emulator.base.errors import EngineError
from emulator.base.settings import Settings
from emulator.engines.engine import ContainerSpec
from emulator.testing.clock import ManualClock
from tests.support.builders import (
    LIMIT,
    Dock,
    Gate,
    Json,
    StartDock,
    base64_of,
    new_function,
    zip_of,
)
from tests.support.fake_engine import FakeContainer, Runtime
from tests.support.zips import zipped

MEMORY = 128  # MB, of a function that says nothing else


@pytest.fixture
def stocked(start_dock: StartDock, monkeypatch: pytest.MonkeyPatch) -> Dock:
    """A dock that prepares one of each kind in use."""
    monkeypatch.setattr("emulator.lambdas.pool.prewarmed._CALM", 0.05)
    monkeypatch.setattr("emulator.lambdas.pool.idle_reaper._ROUND", 0.02)
    return start_dock(prewarm=1)


def in_stock(dock: Dock) -> dict[tuple[str, int], int]:
    """How many wait of each kind, as the API says."""
    levels = dock.call("GET", "/status", base="").json()["prepared"]
    return {(each["runtime"], each["memory"]): each["count"] for each in levels}


def await_stock(dock: Dock, count: int = 1, memory: int = MEMORY) -> list[FakeContainer]:
    """What waits for a function, once there are `count` of the kind."""
    dock.eventually(lambda: in_stock(dock).get(("python3.11", memory)) == count)
    return waiting(dock)


def waiting(dock: Dock) -> list[FakeContainer]:
    return [each for each in list(dock.engine.containers.values()) if each.runtime is None]


def make_up(dock: Dock) -> None:
    """Has the stock made up, and returns when that is done: nothing more will be prepared."""
    stock = dock.pool._stock

    async def done() -> None:
        stock.fill()
        assert stock._filling is not None
        ended, _ = await asyncio.wait((stock._filling,), timeout=LIMIT)
        assert ended

    dock.pool.reactor.run(done())


def say_what(event: Json, runtime: Runtime) -> object:
    code = runtime.spec.source_of("/var/task")
    assert code is not None
    return {
        "container": runtime.spec.name,
        "memory": runtime.program.environment["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"],
        "code": (code / "lib" / "index.py").read_text(),
    }


def test_one_is_wanted_of_each_kind_unless_told_otherwise() -> None:
    assert Settings().prewarm == 1


def test_a_function_that_was_deployed_finds_a_container_waiting(stocked: Dock) -> None:
    zipped = base64_of(zip_of({"lib/index.py": "wood = 'walnut'"}))
    stocked.deploy(say_what, code=zipped)
    (prepared,) = await_stock(stocked)

    result = stocked.execute().json()["result"]

    assert result["container"] == prepared.spec.name
    assert result == {**result, "memory": "128", "code": "wood = 'walnut'"}
    assert prepared.spec.name.startswith("taskdock-prepared-")
    stocked.eventually(lambda: prepared.name.startswith("taskdock-walnut-table-"))


def test_a_container_that_keeps_its_name_serves_all_the_same(
    stocked: Dock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: FakeContainer, name: str) -> None:
        raise EngineError("no names today")

    monkeypatch.setattr(FakeContainer, "rename", refuse)
    stocked.deploy(lambda event, runtime: runtime.spec.name)
    (prepared,) = await_stock(stocked)

    assert stocked.execute().json()["result"] == prepared.spec.name
    stocked.eventually(
        lambda: (
            ("environment_failed", "no names today")
            in [(name, facts.get("error")) for name, facts in stocked.notices]
        )
    )


def test_what_was_taken_is_made_up_for(stocked: Dock) -> None:
    stocked.deploy(lambda event, runtime: None)
    (first,) = await_stock(stocked)
    stocked.execute()

    stocked.eventually(lambda: waiting(stocked) and waiting(stocked) != [first])

    assert await_stock(stocked) != [first]
    assert len(stocked.engine.started) == 2


def test_a_new_version_of_a_function_starts_from_the_stock_too(stocked: Dock) -> None:
    stocked.deploy(say_what, code=base64_of(zip_of({"lib/index.py": "first"})))
    stocked.execute()
    await_stock(stocked)

    body = new_function(code=base64_of(zip_of({"lib/index.py": "second"})), name=None)
    stocked.put("/functions/walnut-table", {**body, "entryPoint": "walnut-table"})
    (prepared,) = await_stock(stocked)

    result = stocked.execute().json()["result"]
    assert (result["container"], result["code"]) == (prepared.spec.name, "second")


def test_functions_of_another_size_have_a_stock_of_their_own(stocked: Dock) -> None:
    stocked.deploy(lambda event, runtime: None)
    stocked.deploy(lambda event, runtime: None, "oak-chair", memoryLimit=256)

    await_stock(stocked)
    await_stock(stocked, memory=256)

    assert sorted(each.spec.memory for each in waiting(stocked)) == [128, 256]


def test_so_many_are_prepared_as_were_once_started_at_a_time(stocked: Dock) -> None:
    gate = Gate()
    stocked.engine.starting.clear()
    stocked.deploy(lambda event, runtime: gate.pass_(runtime))

    tasks = [stocked.create_task() for _ in range(3)]
    stocked.eventually(lambda: stocked.states() == ["starting"] * 3)
    stocked.engine.starting.set()
    gate.open()

    for task in tasks:
        stocked.finish(task)
    await_stock(stocked, count=3)


def test_nothing_is_prepared_while_something_starts(stocked: Dock) -> None:
    stocked.engine.starting.clear()
    stocked.deploy(lambda event, runtime: None)
    task = stocked.create_task()
    stocked.eventually(lambda: stocked.states() == ["starting"])

    for _ in range(3):
        stocked.pool.make_up_stock(600.0)
        assert in_stock(stocked) == {("python3.11", MEMORY): 0}

    stocked.engine.starting.set()
    stocked.finish(task)
    await_stock(stocked)


def test_what_waits_gives_way_to_a_call_that_needs_the_room(
    start_dock: StartDock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("emulator.lambdas.pool.prewarmed._CALM", 0.0)
    dock = start_dock(prewarm=1, memory_budget=300)
    dock.deploy(lambda event, runtime: "small")
    await_stock(dock)
    dock.deploy(lambda event, runtime: "large", "oak-chair", memoryLimit=256)

    assert dock.execute("oak-chair").json()["result"] == "large"

    assert in_stock(dock)["python3.11", MEMORY] == 0
    dock.eventually(lambda: not waiting(dock))


def test_nothing_is_prepared_where_something_else_would_have_to_go(
    start_dock: StartDock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("emulator.lambdas.pool.prewarmed._CALM", 0.0)
    dock = start_dock(prewarm=1, memory_budget=200)
    dock.deploy(lambda event, runtime: None)
    dock.execute()

    for _ in range(3):
        make_up(dock)
        assert in_stock(dock) == {("python3.11", MEMORY): 0}

    assert dock.states() == ["ready"]


def test_a_kind_that_nobody_wants_any_more_is_given_up(stocked: Dock) -> None:
    stocked.deploy(lambda event, runtime: None)
    await_stock(stocked)

    stocked.pool.make_up_stock(0.0)

    stocked.eventually(lambda: not stocked.engine.containers)
    assert in_stock(stocked) == {}


def test_one_that_ends_while_it_waits_is_told_of_and_replaced_but_not_at_once(
    start_dock: StartDock, clock: ManualClock
) -> None:
    dock = start_dock(prewarm=1, clock=clock)
    dock.deploy(lambda event, runtime: "done")
    (first,) = await_stock(dock)

    first.kill()
    dock.eventually(lambda: any(name == "stock_failed" for name, _ in dock.notices))
    make_up(dock)
    at_once = in_stock(dock)
    clock.advance(61)
    make_up(dock)

    assert at_once == {("python3.11", MEMORY): 0}
    assert in_stock(dock) == {("python3.11", MEMORY): 1}
    assert first not in waiting(dock)
    assert dock.execute().json()["result"] == "done"


def test_a_call_does_not_suffer_from_one_that_ends_when_it_is_taken(stocked: Dock) -> None:
    ended = Event()

    def handler(event: Json, runtime: Runtime) -> str:
        if not ended.is_set():
            ended.set()
            runtime.exit(1)
        return "done"

    stocked.deploy(handler)
    await_stock(stocked)

    assert stocked.execute().status_code == 400
    assert stocked.execute().json()["result"] == "done"


def test_a_call_takes_what_is_still_in_the_making(stocked: Dock) -> None:
    stocked.engine.starting.clear()
    stocked.deploy(lambda event, runtime: runtime.spec.name)
    stocked.eventually(lambda: stocked.pool._stock._making)
    task = stocked.create_task()
    stocked.eventually(lambda: stocked.states() == ["starting"])

    stocked.engine.starting.set()

    assert stocked.finish(task)["status"] == "complete"
    assert "prepared" in stocked.engine.started[0].name
    assert not any("walnut" in spec.name for spec in stocked.engine.started)


def test_a_call_starts_a_container_of_its_own_when_the_one_in_the_making_fails(
    stocked: Dock,
) -> None:
    stocked.engine.starting.clear()
    stocked.engine.failures = 1
    stocked.deploy(lambda event, runtime: "done")
    stocked.eventually(lambda: stocked.pool._stock._making)
    task = stocked.create_task()
    stocked.eventually(lambda: stocked.states() == ["starting"])

    stocked.engine.starting.set()

    assert stocked.finish(task)["status"] == "complete"


def test_an_image_is_never_run_ahead_since_people_build_it_anew(stocked: Dock) -> None:
    stocked.deploy(lambda event, runtime: None)
    stocked.engine.programs["chair:latest"] = stocked.engine.programs["walnut-table"]
    stocked.post("/functions/", {"name": "oak-chair", "image": "chair:latest"})
    await_stock(stocked)

    stocked.execute("oak-chair")
    stocked.eventually(lambda: stocked.pool._stock._is_calm)
    make_up(stocked)

    assert [each.spec.image for each in waiting(stocked)] == ["fake"]


def test_code_of_very_many_files_does_not_come_from_the_stock(
    stocked: Dock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("emulator.lambdas.functions.code._FEW", 3)
    files = {f"lib/{number}.py": "" for number in range(5)}
    stocked.deploy(say_what, code=base64_of(zip_of({**files, "lib/index.py": "many"})))

    assert stocked.execute().json()["result"]["code"] == "many"

    assert in_stock(stocked) == {}


def test_links_in_code_from_the_stock_are_links(stocked: Dock) -> None:
    zipped_links = zipped(
        ("real.py", "wood = 'walnut'", stat.S_IFREG | 0o644),
        ("lib/index.py", "../real.py", stat.S_IFLNK | 0o777),
        ("machine", "/etc", stat.S_IFLNK | 0o777),
    )
    stocked.deploy(say_what, code=base64_of(zipped_links))
    (prepared,) = await_stock(stocked)

    result = stocked.execute().json()["result"]

    assert (result["container"], result["code"]) == (prepared.spec.name, "wood = 'walnut'")
    links = {
        path.name for path in prepared.spec.source_of("/var/task").rglob("*") if path.is_symlink()
    }
    assert links == {"index.py", "machine"}


def test_code_that_its_owner_may_not_read_does_not_come_from_the_stock(stocked: Dock) -> None:
    closed = zipped(
        ("lib/index.py", "open", stat.S_IFREG | 0o644), ("key", "", stat.S_IFREG | 0o004)
    )
    stocked.deploy(say_what, code=base64_of(closed))

    assert stocked.execute().json()["result"]["code"] == "open"
    assert in_stock(stocked) == {}


def test_code_that_cannot_be_looked_at_does_not_come_from_the_stock(
    stocked: Dock, monkeypatch: pytest.MonkeyPatch
) -> None:
    stocked.deploy(lambda event, runtime: runtime.spec.name)
    (prepared,) = await_stock(stocked)
    stocked.emulator.foundation.code._light.clear()  # as after a start
    with monkeypatch.context() as patch:
        patch.setattr("os.scandir", _fail)
        assert stocked.execute().json()["result"] != prepared.spec.name
    stocked.pool.retire_idle(0.0)
    stocked.eventually(lambda: stocked.states() == [])

    assert stocked.execute().json()["result"] == prepared.spec.name


def test_a_container_that_cannot_be_prepared_keeps_no_call_from_running(stocked: Dock) -> None:
    stocked.engine.refusal = "no space left on device"
    stocked.deploy(lambda event, runtime: "done")
    stocked.eventually(lambda: any(name == "stock_failed" for name, _ in stocked.notices))

    stocked.engine.refusal = None

    assert stocked.execute().json()["result"] == "done"


def test_nothing_is_left_after_a_stop(stocked: Dock, tmp_path: Path) -> None:
    stocked.deploy(lambda event, runtime: None)
    stocked.execute()
    await_stock(stocked)
    code = stocked.emulator.foundation.data / "code"
    assert list(code.glob(".staged-*"))

    stocked.stop()

    assert not stocked.engine.containers
    assert not list(code.glob(".staged-*"))


def test_where_none_is_wanted_none_is_prepared(dock: Dock) -> None:
    dock.deploy(lambda event, runtime: None)
    dock.execute()

    make_up(dock)

    assert in_stock(dock) == {}
    assert len(dock.engine.started) == 1


def test_what_is_prepared_is_taken_where_nothing_else_would_fit(
    start_dock: StartDock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("emulator.lambdas.pool.prewarmed._CALM", 0.0)
    dock, gate = start_dock(prewarm=1, memory_budget=2 * MEMORY), Gate()
    dock.deploy(lambda event, runtime: gate.pass_(runtime))
    task = dock.create_task()
    dock.eventually(lambda: gate.waiting == 1)
    dock.pool.make_up_stock(600.0)
    (prepared,) = await_stock(dock)

    other = dock.create_task()
    dock.eventually(lambda: gate.waiting == 2)

    assert prepared.id in dock.engine.containers
    assert len(dock.engine.started) == 2
    gate.open()
    assert dock.finish(task)["status"] == dock.finish(other)["status"] == "complete"


def test_what_has_lost_its_room_while_its_image_was_fetched_is_not_made(
    start_dock: StartDock, monkeypatch: pytest.MonkeyPatch
) -> None:
    dock, made = start_dock(prewarm=1, memory_budget=200), Event()
    prepare = dock.pool.operations._provisioner.prepare

    def prepare_later(*args: Any) -> ContainerSpec:
        made.wait(LIMIT)
        return prepare(*args)

    monkeypatch.setattr(dock.pool.operations._provisioner, "prepare", prepare_later)
    dock.deploy(lambda event, runtime: "done")
    dock.eventually(lambda: dock.pool._stock._making)
    dock.deploy(lambda event, runtime: "done", "oak-chair", memoryLimit=150)
    assert dock.execute("oak-chair").json()["result"] == "done"

    made.set()
    dock.eventually(lambda: dock.pool._stock.is_empty)

    assert dock.states() == ["ready"]
    assert len(dock.engine.started) == 1


def test_what_is_in_the_making_holds_its_room_until_it_is_made_and_then_gives_way(
    start_dock: StartDock,
) -> None:
    dock = start_dock(prewarm=1, memory_budget=200)
    dock.engine.starting.clear()
    dock.deploy(lambda event, runtime: "done")
    dock.eventually(lambda: dock.pool._stock.slots)
    dock.deploy(lambda event, runtime: "done", "oak-chair", memoryLimit=150)
    task = dock.create_task("oak-chair")
    dock.eventually(lambda: dock.pool._waiting)
    held = dock.pool.held()
    dock.engine.starting.set()

    assert dock.finish(task)["status"] == "complete"
    assert held == MEMORY
    assert [spec.memory for spec in dock.engine.started] == [MEMORY, 150]


def test_one_that_has_ended_before_it_was_ready_is_given_to_nobody(
    stocked: Dock, monkeypatch: pytest.MonkeyPatch
) -> None:
    create = stocked.engine.create

    def create_dead(spec: ContainerSpec, *args: Any) -> FakeContainer:
        container = create(spec, *args)
        if "prepared" in spec.name:
            container.kill()
        return container

    monkeypatch.setattr(stocked.engine, "create", create_dead)
    stocked.deploy(lambda event, runtime: "done")
    stocked.eventually(lambda: any(name == "stock_failed" for name, _ in stocked.notices))

    assert stocked.execute().json()["result"] == "done"
    stocked.eventually(lambda: not waiting(stocked))


def test_a_fault_while_one_is_prepared_is_told_and_not_tried_all_the_time(
    stocked: Dock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(stocked.pool.operations._provisioner, "prepare", fail)
    stocked.deploy(lambda event, runtime: "done")
    stocked.eventually(lambda: any(name == "stock_failed" for name, _ in stocked.notices))

    for _ in range(5):
        make_up(stocked)
        assert stocked.execute().json()["result"] == "done"

    assert [name for name, _ in stocked.notices].count("stock_failed") == 1


def test_a_prepared_container_that_gets_no_code_is_removed_and_fails_one_call_alone(
    stocked: Dock,
) -> None:
    stocked.deploy(lambda event, runtime: "done")
    (prepared,) = await_stock(stocked)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stocked.pool.operations._provisioner, "assign", _fail)
        assert stocked.execute().status_code == 400

    stocked.eventually(lambda: prepared.id not in stocked.engine.containers)
    stocked.eventually(lambda: stocked.states() == [])
    await_stock(stocked)
    assert stocked.execute().json()["result"] == "done"


def test_a_container_that_ends_while_it_gets_its_code_fails_no_task(
    stocked: Dock, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill = stocked.emulator.foundation.code.fill
    ended: list[str] = []

    def end_first(id: str, digest: str) -> None:
        if not ended:
            ended.append(id)
            prepared.kill()
            stocked.eventually(lambda: id not in {slot.id for slot in stocked.pool.snapshot()})
        fill(id, digest)

    monkeypatch.setattr(stocked.emulator.foundation.code, "fill", end_first)
    stocked.deploy(lambda *_: "done")
    (prepared,) = await_stock(stocked)

    task = stocked.finish(stocked.create_task())

    assert ended
    assert task["status"] == "complete"
    assert stocked.pool.waiting() == []


def test_a_full_disk_while_a_container_gets_its_code_fails_no_task(
    stocked: Dock, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused: list[str] = []

    def refuse(id: str, _: str) -> None:
        refused.append(id)
        raise OSError(errno.ENOSPC, "No space left on device")

    stocked.deploy(lambda *_: "done")
    await_stock(stocked)
    monkeypatch.setattr(stocked.emulator.foundation.code, "fill", refuse)

    task = stocked.finish(stocked.create_task())

    assert refused
    assert task["status"] == "complete"
    troubles = [facts for name, facts in stocked.notices if name == "trouble_began"]
    assert [(facts["what"], "No space left" in facts["reason"]) for facts in troubles] == [
        ("engine", True)
    ]
    stocked.eventually(lambda: stocked.emulator.health.troubles() == [])


def test_code_is_copied_where_files_have_no_second_names(
    stocked: Dock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.link", _fail)
    stocked.deploy(say_what, code=base64_of(zip_of({"lib/index.py": "walnut"})))
    (prepared,) = await_stock(stocked)

    result = stocked.execute().json()["result"]

    assert (result["container"], result["code"]) == (prepared.spec.name, "walnut")


def _fail(*_: object, **__: object) -> None:
    raise OSError("not supported")
