"""`taskdock dev`: functions follow their files, on a real server and with a real watcher."""

from __future__ import annotations

import json
import os
import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from taskdock.base.errors import EngineError
from taskdock.base.timing.clock import SystemClock
from taskdock.client.api import TaskService
from taskdock.client.development.session import Session
from taskdock.client.development.showing import Screen
from taskdock.client.development.updating.developed_function import Update, UpdateKind
from taskdock.client.development.updating.grants import Grants
from taskdock.client.development.updating.sending import CodeSender
from taskdock.engines.images import Found
from taskdock.lambdas.functions.function import Function
from taskdock.testing.fakes.runtime import serve
from taskdock.testing.waiting import eventually
from taskdock.testing.zips import base64_of, zip_of
from tests.service.conftest import StopLater
from tests.support.builders import Dock, Gate, StartDock

FIELDS = {"path": "src", "entryPoint": "index.handler", "runtime": "python3.11"}
COPIES = "mkdir -p out && cp src/index.py out/ && date +%s%N > stamp && echo x >> builds"


class _End(Exception):
    pass


@dataclass
class Seen:
    """The view of a session, which remembers what it was told."""

    first: list[Update] = field(default_factory=list)
    updates: list[Update] = field(default_factory=list)
    lines: list[tuple[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    states: list[str] = field(default_factory=list)
    ran: list[str] = field(default_factory=list)
    is_started: bool = False

    def started(self, functions: Sequence[tuple[Path, Update]]) -> None:
        self.first = [update for _, update in functions]
        self.is_started = True

    def updated(self, update: Update) -> None:
        self.updates.append(update)

    def line(self, name: str, text: str) -> None:
        self.lines.append((name, text))

    def note(self, text: str) -> None:
        self.notes.append(text)

    def unreachable(self, reason: str) -> None:
        self.states.append("gone")

    def reachable(self) -> None:
        self.states.append("back")

    def reasons(self) -> list[str]:
        return [one.reason for one in self.updates if one.kind is UpdateKind.KEPT]


Develop = Callable[..., Seen]


@pytest.fixture
def develop(dock: Dock) -> Iterator[Develop]:
    """Starts a session for some paths, which ends with the test."""
    ends: list[Callable[[], None]] = []

    def start(*paths: Path, url: str = "", poll: bool = False) -> Seen:
        seen = Seen()
        service = TaskService(url or dock.url)
        session = Session(
            paths,
            sender=CodeSender(service, SystemClock()),
            life=lambda: str(service.status()["startTimestamp"]),
            grants=Grants(yes=True),
            view=seen,
            ran=seen.ran.append,
            clock=SystemClock(),
            poll=poll,
        )

        def run() -> None:
            with closing(service), closing(session):
                try:
                    session.start()
                    session.run()
                except _End:
                    pass

        thread = threading.Thread(target=run)
        thread.start()

        def end() -> None:
            session.post(_raise_end)
            thread.join()

        ends.append(end)
        eventually(lambda: seen.is_started, "all functions were dealt with")
        return seen

    yield start
    for end in ends:
        end()


def _raise_end() -> None:
    raise _End


def write(folder: Path, name: str, code: str = "1", **fields: Any) -> Path:
    (folder / "src").mkdir(parents=True, exist_ok=True)
    (folder / "src" / "index.py").write_text(code)
    (folder / "task-config.json").write_text(json.dumps({"name": name, **FIELDS, **fields}))
    return folder


def save(folder: Path, code: str, file: str = "src/index.py") -> None:
    (folder / file).write_text(code)


def deployed(dock: Dock, name: str, file: str = "index.py") -> str:
    """The content of a file that the server has of the function; empty: there is none."""
    catalog = dock.emulator.lambdas.catalog
    function = catalog.find(name)
    folder = None if function is None else catalog.code_folder(function)
    path = None if folder is None else folder / file
    return path.read_text() if path is not None and path.is_file() else ""


def becomes(dock: Dock, name: str, code: str, seen: Seen) -> None:
    eventually(lambda: deployed(dock, name) == code, f"{name} is {code}", state=lambda: seen)


@pytest.fixture
def hello(tmp_path: Path) -> Path:
    return write(tmp_path / "functions" / "hello", "hello")


def test_functions_are_deployed_at_the_start(dock: Dock, develop: Develop, hello: Path) -> None:
    write(hello.parent / "other", "other", "2")

    seen = develop(hello.parent)

    assert [(one.name, one.kind) for one in seen.first] == [
        ("hello", UpdateKind.CREATED),
        ("other", UpdateKind.CREATED),
    ]
    assert (deployed(dock, "hello"), deployed(dock, "other")) == ("1", "2")
    eventually(lambda: seen.ran == ["hello", "other"])


def test_a_save_switches_the_function_and_sends_what_has_changed(
    dock: Dock, develop: Develop, hello: Path
) -> None:
    save(hello, "x" * 10_000, "src/large.txt")
    seen = develop(hello)

    save(hello, "2")

    becomes(dock, "hello", "2", seen)
    eventually(lambda: seen.updates, "the update is shown")
    assert [(one.kind, one.files) for one in seen.updates] == [(UpdateKind.UPDATED, 1)]
    assert deployed(dock, "hello", "large.txt") == "x" * 10_000


def test_a_save_without_a_change_does_nothing(dock: Dock, develop: Develop, hello: Path) -> None:
    seen = develop(hello)

    save(hello, "1")
    save(hello, "other", "unpacked.txt")
    save(hello, "2")

    becomes(dock, "hello", "2", seen)
    assert len(seen.updates) <= 1


def test_an_editor_that_saves_by_a_rename_is_followed(
    dock: Dock, develop: Develop, hello: Path
) -> None:
    seen = develop(hello)

    save(hello, "2", "src/index.py.new")
    os.replace(hello / "src/index.py.new", hello / "src/index.py")

    becomes(dock, "hello", "2", seen)
    eventually(lambda: not deployed(dock, "hello", "index.py.new"))


def test_files_that_go_go_from_the_function(dock: Dock, develop: Develop, hello: Path) -> None:
    save(hello, "gone", "src/gone.py")
    seen = develop(hello)

    (hello / "src/gone.py").unlink()

    eventually(lambda: not deployed(dock, "hello", "gone.py"), state=lambda: seen)
    assert deployed(dock, "hello") == "1"


def test_many_files_at_once_are_one_update(dock: Dock, develop: Develop, hello: Path) -> None:
    seen = develop(hello)

    for number in range(300):
        save(hello, str(number), f"src/file{number}.py")
    save(hello, "2")

    becomes(dock, "hello", "2", seen)
    eventually(lambda: deployed(dock, "hello", "file299.py") == "299", state=lambda: seen)
    eventually(lambda: seen.updates)
    assert len(seen.updates) <= 2


def test_a_change_of_the_limits_is_followed(dock: Dock, develop: Develop, hello: Path) -> None:
    seen = develop(hello)

    write(hello, "hello", timeLimit=12, environment={"COLOR": "green"})

    eventually(lambda: dock.get("/functions/hello").json()["timeLimit"] == 12, state=lambda: seen)


def test_a_file_that_is_half_written_is_said_and_the_function_stays(
    dock: Dock, develop: Develop, hello: Path
) -> None:
    seen = develop(hello)
    whole = (hello / "task-config.json").read_text()

    save(hello, whole[:20], "task-config.json")
    eventually(seen.reasons, "the reason is said")
    save(hello, whole, "task-config.json")
    save(hello, "2")

    becomes(dock, "hello", "2", seen)
    assert "task-config.json is not JSON" in seen.reasons()[0]


def test_another_name_makes_another_function(dock: Dock, develop: Develop, hello: Path) -> None:
    seen = develop(hello)

    write(hello, "goodbye")

    becomes(dock, "goodbye", "1", seen)
    assert deployed(dock, "hello") == "1"


def test_a_new_folder_is_a_new_function_and_a_deleted_one_is_said(
    dock: Dock, develop: Develop, hello: Path
) -> None:
    seen = develop(hello.parent)

    write(hello.parent / "late", "late", "new")
    becomes(dock, "late", "new", seen)
    save(hello.parent / "late", "newer")
    becomes(dock, "late", "newer", seen)
    shutil.rmtree(hello.parent / "late")

    eventually(lambda: [one for one in seen.notes if one.startswith("late: ")], state=lambda: seen)
    assert deployed(dock, "late") == "newer"


def test_a_folder_that_goes_and_comes_back_is_watched_again(
    dock: Dock, develop: Develop, hello: Path
) -> None:
    seen = develop(hello)

    hello.rename(hello.with_name("away"))
    eventually(lambda: seen.notes, "the function has gone")
    write(hello, "hello", "2")
    becomes(dock, "hello", "2", seen)
    save(hello, "3")

    becomes(dock, "hello", "3", seen)


def test_a_folder_in_the_place_of_the_former_one_is_watched(
    dock: Dock, develop: Develop, hello: Path
) -> None:
    seen = develop(hello)
    other = write(hello.parent.parent / "other", "hello", "2")

    hello.rename(hello.parent.parent / "former")
    other.rename(hello)
    becomes(dock, "hello", "2", seen)
    save(hello, "3")

    becomes(dock, "hello", "3", seen)


def test_without_events_files_are_looked_at_again_and_again(
    dock: Dock, develop: Develop, hello: Path
) -> None:
    seen = develop(hello, poll=True)

    save(hello, "2")

    becomes(dock, "hello", "2", seen)


def test_a_failed_function_does_not_stop_the_others(
    dock: Dock, develop: Develop, hello: Path
) -> None:
    bad = write(hello.parent / "bad", "bad", build="echo wrong; exit 3", path="out")

    seen = develop(hello.parent)

    assert [(one.name, one.reason) for one in seen.first if one.kind is UpdateKind.KEPT] == [
        ("bad", "the build failed with exit code 3: echo wrong; exit 3")
    ]
    assert ("bad", "wrong") in seen.lines
    save(hello, "2")
    becomes(dock, "hello", "2", seen)
    write(bad, "bad", "3", build=COPIES, path="out")
    becomes(dock, "bad", "3", seen)


def test_of_two_functions_of_one_name_one_is_refused(
    dock: Dock, develop: Develop, hello: Path
) -> None:
    write(hello.parent / "same", "hello", "2")

    seen = develop(hello.parent)

    assert [one.kind for one in seen.first] == [UpdateKind.CREATED, UpdateKind.KEPT]
    assert "describes the function hello, too" in seen.first[1].reason
    assert deployed(dock, "hello") == "1"


def test_a_build_runs_once_for_each_save_whatever_it_writes(
    dock: Dock, develop: Develop, hello: Path
) -> None:
    write(hello, "hello", build=COPIES, path="out")
    seen = develop(hello)
    # What it writes beside its output may be somebody's save for all that is known at first.
    save(hello, "2")
    becomes(dock, "hello", "2", seen)
    save(hello, "3")
    becomes(dock, "hello", "3", seen)

    assert len((hello / "builds").read_text().split()) <= 5


def test_a_failed_build_keeps_the_old_version(dock: Dock, develop: Develop, hello: Path) -> None:
    build = "grep -q good src/index.py && mkdir -p out && cp src/index.py out/"
    write(hello, "hello", "good = 1", build=build, path="out")
    seen = develop(hello)

    save(hello, "bad")
    eventually(seen.reasons, "the failure is said")
    assert deployed(dock, "hello") == "good = 1"
    save(hello, "good = 2")

    becomes(dock, "hello", "good = 2", seen)


def test_a_save_during_a_build_is_built_after_it(dock: Dock, develop: Develop, hello: Path) -> None:
    gate = hello.parent / "gate"
    build = f"cp src/index.py kept; mkdir -p out; touch begun; cat {gate} > {os.devnull};" + (
        " mv kept out/index.py"
    )
    os.mkfifo(gate)
    write(hello, "hello", build=build, path="out")
    opener = threading.Thread(target=lambda: gate.write_text(""))
    opener.start()
    seen = develop(hello)
    opener.join()
    (hello / "begun").unlink()

    save(hello, "2")
    eventually((hello / "begun").exists, state=lambda: seen)
    save(hello, "3")
    done = threading.Event()

    def let_all_go() -> None:
        while not done.is_set():
            descriptor = os.open(gate, os.O_RDWR | os.O_NONBLOCK)
            os.close(descriptor)
            done.wait(0.02)

    opener = threading.Thread(target=let_all_go)
    opener.start()
    try:
        becomes(dock, "hello", "3", seen)
    finally:
        done.set()
        opener.join()


def test_code_that_somebody_else_has_deployed_is_replaced_by_the_next_save(
    dock: Dock, develop: Develop, hello: Path
) -> None:
    seen = develop(hello)
    body = {"code": base64_of(zip_of({"index.py": "another's"}))}
    assert dock.put("/functions/hello", body).status_code == 200

    save(hello, "2")

    becomes(dock, "hello", "2", seen)


def test_a_call_that_runs_ends_with_the_code_that_it_began_with(
    dock: Dock, develop: Develop, hello: Path
) -> None:
    gate = Gate()

    def handler(event: Any, runtime: Any) -> Any:
        began_with = deployed(dock, "hello")
        if event["data"].get("waits"):
            gate.pass_(runtime)
        return {"code": began_with, "environment": id(runtime)}

    dock.fake.programs["index.handler"] = serve(handler)
    seen = develop(hello)
    with ThreadPoolExecutor(1) as executor:
        running = executor.submit(dock.service.execute, "hello", {"waits": True})
        eventually(lambda: gate.waiting)
        save(hello, "2")
        becomes(dock, "hello", "2", seen)
        later = dock.service.execute("hello", {"waits": False})
        gate.opened.set()

    assert later["result"]["code"] == "2"
    assert running.result()["result"]["code"] == "1"


def test_a_server_that_goes_away_and_comes_back_gets_the_functions_anew(
    dock: Dock, start_dock: StartDock, develop: Develop, hello: Path
) -> None:
    port = int(dock.url.rpartition(":")[2])
    seen = develop(hello)

    dock.stop()
    eventually(lambda: seen.states == ["gone"], state=lambda: seen)
    save(hello, "2")
    shutil.rmtree(dock.emulator.foundation.data)
    second = start_dock(port=port)

    becomes(second, "hello", "2", seen)
    assert seen.states == ["gone", "back"]


def test_a_syntax_error_keeps_the_old_version_and_names_the_line(
    dock: Dock, develop: Develop, hello: Path
) -> None:
    seen = develop(hello)

    save(hello, "good = 1\ndef broken(:\n")
    eventually(seen.reasons, "the reason is said")

    assert "index.py:2: " in seen.reasons()[0]
    assert deployed(dock, "hello") == "1"
    save(hello, "good = 2")
    becomes(dock, "hello", "good = 2", seen)


def test_what_deploy_warns_of_is_said_in_its_words_once(
    develop: Develop,
    hello: Path,
    stop_later: StopLater,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def no_image(function: Function) -> Found:
        raise EngineError("no registry answers")

    monkeypatch.chdir(hello.parent)
    save(hello, "notes\n", "src/.gitignore")
    save(hello, "notes", "src/notes")
    save(hello, "def main(event, context):\n    pass\n")
    server = Dock(hello.parents[1] / "without images", image_of=no_image)
    seen = develop(hello, url=server.url)
    screen = Screen("http://here", SystemClock())

    screen.started([(hello, seen.first[0])])
    save(hello, "def main(event, context):\n    return 1\n")
    eventually(lambda: seen.updates)
    screen.updated(seen.updates[0])

    stop_later(server)
    said = [line.partition("  ")[2] for line in capsys.readouterr().err.splitlines()]
    place = "hello/src/index.py"
    warning = f"warning: hello: {place}: index.py has no handler; it has main"
    assert said.count(warning) == 1, said
    assert said[said.index(warning) + 1] == '"entryPoint": "index.main"'
    assert len([line for line in said if line.startswith("hello: .gitignore leaves out")]) == 1
    assert said.count("warning: hello has no image to run in. no registry answers") == 1, said
