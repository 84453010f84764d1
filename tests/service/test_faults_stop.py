"""A stop or a start in which something fails or hangs: the rest is ended all the same."""

from __future__ import annotations

import contextlib
import gc
import os
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from taskdock.base.errors import StartupError
from taskdock.base.notices import Notices
from taskdock.base.settings import Settings
from taskdock.base.timing.closing import Part, close_all
from taskdock.base.timing.limits import Limits
from taskdock.server.app import Emulator
from taskdock.server.parts import build_queue
from taskdock.server.parts.web import build_web
from taskdock.tasks.events import webhook_client
from taskdock.tasks.events.reach import Reach
from taskdock.tasks.schedules.scheduler import Scheduler
from taskdock.testing.fakes.engine import FakeEngine, fake_image_of
from taskdock.testing.waiting import eventually
from taskdock.web.http.listeners import Listener
from tests.support.builders import DATABASE, Dock, StartDock, recorded


def boom(*_: Any, **__: Any) -> None:
    raise RuntimeError("boom")


def is_free(data: Path) -> bool:
    """Another server can have the folder."""
    again = Dock(data)
    again.stop()
    return True


PARTS: dict[str, Callable[[Emulator], tuple[Any, str]]] = {
    "scheduler": lambda emulator: (emulator.tasks.scheduler, "stop"),
    "worker": lambda emulator: (emulator.tasks.worker, "stop"),
    "dispatcher": lambda emulator: (emulator.tasks.dispatcher, "stop"),
    "what runs": lambda emulator: (emulator.tasks.worker, "await_idle"),
    "containers": lambda emulator: (emulator.pool, "stop"),
    "idle reaper": lambda emulator: (emulator.lambdas.reaper, "stop"),
    "webhook sender": lambda emulator: (emulator.tasks.webhook_sender, "stop"),
    "rescuer": lambda emulator: (emulator.tasks.rescuer, "stop"),
    "listener": lambda emulator: (emulator.web.listener, "stop"),
    "requests": lambda emulator: (emulator.web.wsgi, "stop"),
    "reactor": lambda emulator: (emulator.foundation.reactor, "stop"),
    "log flusher": lambda emulator: (emulator.tasks.log_flusher, "stop"),
    "engine": lambda emulator: (emulator.foundation.engine, "close"),
    "database": lambda emulator: (emulator.foundation.store, "close"),
}


@pytest.mark.parametrize("part", PARTS)
def test_whichever_part_of_a_stop_fails_the_others_are_ended(
    dock: Dock, part: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    owner, verb = PARTS[part](dock.emulator)
    really = getattr(owner, verb)
    monkeypatch.setattr(owner, verb, boom)

    dock.stop()

    failed = [facts["part"] for name, facts in dock.notices if name == "part_not_ended"]
    assert part in failed
    assert all(each.fileno() == -1 for each in dock.emulator.foundation.sockets)
    with contextlib.suppress(RuntimeError):  # what it needs has been ended, too
        really(0.0) if part in ("requests", "what runs") else really()
    assert is_free(tmp_path / "data")


def test_a_part_that_hangs_holds_up_no_other() -> None:
    over, ended = threading.Event(), []
    notices = Notices()
    told = recorded(notices)

    close_all([Part("hung", over.wait, 0.01), Part("other", lambda: ended.append(1))], notices)

    assert ended == [1]
    assert told == [("part_hangs", {"part": "hung", "after": "0.01 s"})]
    over.set()


def test_a_stop_does_not_wait_for_the_name_of_a_webhook(
    dock: Dock, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, answer = threading.Event(), threading.Event()

    def slow(*_: Any) -> list[str]:
        asked.set()
        answer.wait()
        raise OSError("no name")

    hook = {"eventTypes": ["task_failed"], "url": "http://127.0.0.1:9/x"}
    response = dock.call("POST", "/subscriptions", base="/events/v1", json=hook)
    assert response.status_code == 200, response.text
    monkeypatch.setattr(webhook_client, "_addresses", slow)
    dock.create_task("nobody")
    assert asked.wait(30)

    dock.stop()

    assert not answer.is_set()  # and the name never came
    answer.set()
    with closing(sqlite3.connect(dock.emulator.foundation.data / DATABASE)) as database:
        assert database.execute("SELECT attempts FROM delivery").fetchall() == [(0,)]


def test_a_webhook_whose_name_takes_too_long_has_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = threading.Event()
    monkeypatch.setattr(webhook_client, "_addresses", lambda *_: answer.wait())

    problem = webhook_client.WebhookClient(0.05).post("http://wood:9/", b"{}", Reach(True, ()))
    assert problem == "no answer within 0.05 s"
    answer.set()


def test_after_a_stop_every_task_is_in_the_database_file_itself(dock: Dock) -> None:
    dock.deploy(lambda *_: None)
    tasks = {dock.create_task() for _ in range(20)}
    for task in tasks:
        dock.finish(task)

    dock.stop()

    log = dock.emulator.foundation.data / f"{DATABASE}-wal"
    assert not log.exists() or not log.stat().st_size
    with closing(sqlite3.connect(dock.emulator.foundation.data / DATABASE)) as database:
        query = "SELECT id FROM task WHERE status = 'complete'"
        assert {id for (id,) in database.execute(query)} == tasks


def test_requests_that_still_run_cannot_write_where_another_server_may_be(
    start_dock: StartDock, monkeypatch: pytest.MonkeyPatch
) -> None:
    dock = start_dock(limits=Limits(stop_requests=0.05))
    dock.deploy(lambda *_: None)
    inside, go, ended = threading.Event(), threading.Event(), []
    really = dock.emulator.catalog.update

    def slow(*given: Any, **named: Any) -> Any:
        inside.set()
        go.wait()
        try:
            return really(*given, **named)
        except Exception as error:
            ended.append(str(error))
            raise

    monkeypatch.setattr(dock.emulator.catalog, "update", slow)
    body = {"description": "late"}
    caller = threading.Thread(target=_quietly, args=(dock, body), daemon=True)
    caller.start()
    assert inside.wait(30)

    dock.stop()
    go.set()

    eventually(lambda: ended)
    assert ended == ["the server has stopped"]


def _quietly(dock: Dock, body: Any) -> None:
    with contextlib.suppress(OSError):  # the connection has been closed
        dock.put("/functions/walnut-table", body)


# Starts that fail


def descriptors() -> int:
    gc.collect()
    return len(os.listdir("/proc/self/fd"))


@pytest.mark.parametrize(
    ("builder", "part"), [(build_queue, "Worker"), (build_web, "Report"), (build_web, "Wsgi")]
)
def test_a_server_that_cannot_be_put_together_holds_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, builder: ModuleType, part: str
) -> None:
    before = descriptors()

    with monkeypatch.context() as broken:
        broken.setattr(builder, part, boom)
        with pytest.raises(RuntimeError, match="boom"):
            Dock(tmp_path)

    eventually(lambda: descriptors() <= before)
    assert is_free(tmp_path)


def test_a_server_that_cannot_start_holds_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = descriptors()

    with monkeypatch.context() as broken:
        broken.setattr(FakeEngine, "sweep", boom)
        with pytest.raises(RuntimeError, match="boom"):
            Dock(tmp_path)

    eventually(lambda: descriptors() <= before)
    assert is_free(tmp_path)


def test_a_server_whose_last_part_cannot_start_has_served_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, callers = descriptors(), []
    really = Listener.start

    with monkeypatch.context() as broken:
        broken.setattr(Listener, "start", lambda each: (callers.append(each), really(each)))
        broken.setattr(Scheduler, "start", boom)
        with pytest.raises(RuntimeError, match="boom"):
            Dock(tmp_path)

    assert callers == []
    eventually(lambda: descriptors() <= before)
    assert is_free(tmp_path)


def test_damage_that_a_start_meets_is_told_without_a_traceback(dock: Dock) -> None:
    dock.stop()
    data = dock.emulator.foundation.data
    with closing(sqlite3.connect(data / DATABASE)) as database:
        database.execute("DROP TABLE function")
        database.commit()

    with pytest.raises(StartupError, match="is damaged") as refused:
        Emulator(
            Settings(port=0, data_dir=data),
            engine=FakeEngine(),
            image_of=fake_image_of,
        )

    assert "no such table" in refused.value.message
