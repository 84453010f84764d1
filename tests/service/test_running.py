"""The harness of `taskdock.testing`: a server in the process of a test, which leaves nothing."""

from __future__ import annotations

import json
import socket
import textwrap
import threading
import unittest
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from taskdock import testing
from taskdock.base.errors import EngineUnreachable, StartupError
from taskdock.base.notices import Notice
from taskdock.base.timing.clock import to_iso
from taskdock.base.timing.limits import Limits
from taskdock.client.errors import BadTaskConfig
from taskdock.server.app import Emulator
from taskdock.tasks.model.notices import TaskCompleted
from taskdock.testing import (
    FakeEngine,
    ManualClock,
    Settings,
    Taskdock,
    eventually,
    in_this_process,
    running,
)
from taskdock.testing.fakes.engine import fake_image_of
from taskdock.testing.task_client import TaskClient


def echo(event: Any, runtime: testing.FakeRuntime) -> Any:
    return event["data"]


def threads() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if "execnet" not in thread.name}


def test_the_example_in_its_documentation_works() -> None:
    assert testing.__doc__ is not None
    _, _, rest = testing.__doc__.partition("\n\n")
    example = rest.partition("\n\nWithout")[0]

    exec(textwrap.dedent(example), {})


def test_a_server_leaves_no_thread_no_port_and_no_file() -> None:
    before = threads()

    with running(engine=FakeEngine()) as dock:
        dock.deploy(echo)
        task = dock.service.execute("walnut-table", {"wood": "oak"})
        data, port, engine = dock.emulator.foundation.data, dock.emulator.port, dock.fake
        assert data.is_dir()

    assert task["result"] == {"wood": "oak"}
    assert dock.url == f"http://localhost:{port}"
    assert not data.parent.exists()
    assert engine.containers == {}
    eventually(lambda: threads() <= before, "its threads have ended", state=threading.enumerate)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), 5)


def test_a_block_that_fails_ends_its_server_and_is_heard() -> None:
    docks: list[testing.Dock] = []

    def fail() -> None:
        with running(engine=FakeEngine()) as dock:
            docks.append(dock)
            dock.deploy(lambda event, runtime: runtime.hang())
            dock.service.create("walnut-table")
            dock.eventually(lambda: dock.fake.containers, "it runs")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()

    (dock,) = docks
    assert dock.fake.containers == {}
    assert not dock.emulator.foundation.data.exists()


def test_a_server_that_does_not_start_leaves_nothing() -> None:
    before, engine = threads(), FakeEngine()

    def refuse(label: str) -> int:
        raise EngineUnreachable("nobody is there")

    engine.sweep = refuse  # type: ignore[method-assign]
    with pytest.raises(EngineUnreachable), running(engine=engine):
        pass

    eventually(lambda: threads() <= before, "its threads have ended", state=threading.enumerate)


def test_a_data_folder_of_the_tests_own_stays_and_is_served_again(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "data")

    with running(settings, engine=FakeEngine()) as dock:
        dock.deploy(echo)
    with running(settings, engine=FakeEngine()) as dock:
        names = [function["name"] for function in dock.service.get("/functions/")["data"]]

    assert names == ["walnut-table"]


def test_two_servers_run_side_by_side() -> None:
    with running(engine=FakeEngine()) as first, running(engine=FakeEngine()) as second:
        assert first.emulator.port != second.emulator.port
        assert first.emulator.foundation.data != second.emulator.foundation.data


def test_time_passes_when_the_test_says_so() -> None:
    clock = ManualClock()

    with running(engine=FakeEngine(), clock=clock) as dock:
        dock.deploy(echo)
        start = to_iso(clock.now() + timedelta(hours=1))
        task = dock.service.create("walnut-table", startTimestamp=start)
        dock.jump(3599)
        assert dock.service.task(task)["status"] == "new"
        dock.jump(1)
        dock.service.reach(task, "complete")


def test_limits_and_notices_are_the_tests() -> None:
    limits = Limits(init=0.05)

    with running(engine=FakeEngine(), limits=limits) as dock:
        dock.deploy_program(lambda runtime: runtime.hang(), timeLimit=3)
        dock.service.execute("walnut-table")
        dock.deploy(echo, "oak-chair")
        dock.service.finish([dock.service.create("oak-chair")])
        names = {notice.name for notice in dock.published}
        completed = [notice for notice in dock.published if isinstance(notice, TaskCompleted)]

    assert "environment_silent" in names
    assert [notice.function for notice in completed] == ["oak-chair"]
    assert all(isinstance(notice, Notice) for notice in dock.published)


def test_what_never_comes_true_fails_and_shows_the_state() -> None:
    with pytest.raises(AssertionError, match=r"within 0\.01 s: oak grows; the state is young"):
        eventually(lambda: None, "oak grows", within=0.01, state=lambda: "young")


def test_an_engine_of_ones_own_needs_to_know_its_images() -> None:
    class Other(FakeEngine):
        pass

    class Stranger:
        memory = 1024

    with running(engine=Other()):
        pass
    with pytest.raises(TypeError, match="image_of"), running(engine=Stranger()):  # type: ignore[arg-type]
        pass


def test_an_emulator_is_a_context_manager(tmp_path: Path) -> None:
    settings = Settings(port=0, data_dir=tmp_path / "data")
    with Emulator(settings, engine=FakeEngine(), image_of=fake_image_of) as emulator:
        assert TaskClient(emulator.url).get("/")["data"] == []

    with Emulator(settings, engine=FakeEngine(), image_of=fake_image_of):
        pass


# Settings, functions, and other test frameworks


def write_function(folder: Path, name: str) -> None:
    folder.mkdir()
    config = {"name": name, "path": ".", "runtime": "python3.11", "entryPoint": "main.handler"}
    (folder / "task-config.json").write_text(json.dumps(config))


def test_functions_are_deployed_at_the_start(tmp_path: Path) -> None:
    write_function(tmp_path / "one", "one")
    write_function(tmp_path / "two", "two")

    with running(engine=FakeEngine(), functions=tmp_path / "*") as dock:
        names = [function["name"] for function in dock.service.get("/functions/")["data"]]
    with running(engine=FakeEngine(), functions=[tmp_path / "two"]) as dock:
        (only,) = dock.service.get("/functions/")["data"]

    assert sorted(names) == ["one", "two"]
    assert only["name"] == "two"


def test_a_deployment_that_fails_ends_the_server(tmp_path: Path) -> None:
    before = threads()

    with (
        pytest.raises(BadTaskConfig, match=r"no task-config\.json"),
        running(engine=FakeEngine(), functions=tmp_path),
    ):
        pass

    eventually(lambda: threads() <= before, "its threads have ended", state=threading.enumerate)


def test_settings_are_keywords_and_win_over_those_that_are_given(tmp_path: Path) -> None:
    given = Settings(auth="strict", memory_budget=1024, data_dir=tmp_path / "data")

    with running(given, engine=FakeEngine(), memory_budget=2048) as dock:
        settings = dock.emulator.settings

    assert (settings.auth, settings.memory_budget, settings.port) == ("strict", 2048, 0)
    assert settings.data_dir == tmp_path / "data"


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"memory_buget": 1}, "there is no setting memory_buget; did you mean memory_budget?"),
        ({"xyzzy": 1}, "there is no setting xyzzy; taskdock serve --help lists them"),
        ({"auth": "closed"}, "the setting auth .* is 'closed'; write open or strict"),
        ({"clock": "fast"}, "the setting clock .* is 'fast'; write real, manual or auto"),
    ],
)
def test_a_setting_that_cannot_be_is_refused(change: dict[str, Any], sentence: str) -> None:
    with pytest.raises(StartupError, match=sentence), running(engine=FakeEngine(), **change):
        pass


def test_a_fixed_port_is_served() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]

    with running(engine=FakeEngine(), port=port) as dock:
        assert dock.url == f"http://localhost:{port}"


def test_the_variables_of_the_surroundings_change_no_server_of_a_test(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TASKDOCK_AUTH", "strict")
    monkeypatch.setenv("TASKDOCK_PORT", "1")

    with running(engine=FakeEngine()) as dock:
        assert dock.emulator.settings.auth == "open"


def test_it_serves_a_class_of_unittest() -> None:
    folders: list[Path] = []

    class WelcomeMail(unittest.TestCase):
        dock: testing.Dock

        @classmethod
        def setUpClass(cls) -> None:
            at_end = ExitStack()
            cls.addClassCleanup(at_end.close)
            cls.dock = at_end.enter_context(running(engine=FakeEngine()))
            cls.dock.deploy(echo)
            folders.append(cls.dock.emulator.foundation.data)

        def setUp(self) -> None:
            self.dock.reset()

        def test_once(self) -> None:
            self.dock.execute("walnut-table", {"wood": "oak"})
            assert len(self.dock.tasks.all()) == 1

        def test_again(self) -> None:
            self.test_once()

    result = unittest.TestResult()
    unittest.defaultTestLoader.loadTestsFromTestCase(WelcomeMail).run(result)

    assert (result.testsRun, result.failures, result.errors) == (2, [], [])
    assert len(folders) == 1
    assert not folders[0].exists()


def test_a_client_of_a_test_leaves_no_connection() -> None:
    def sockets() -> int:
        return sum(link.readlink().name.startswith("socket:") for link in links())

    def links() -> list[Path]:
        return [link for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]

    before = sockets()

    with running(engine=FakeEngine()) as dock:
        dock.deploy(echo)
        with Taskdock(dock.url) as other:
            for each in (dock, other):
                each.execute("walnut-table", {})
                assert each.api("walnut-table").get("/").status_code == 400
        assert dock.session.get("/tasks/v1/").ok
        assert sockets() > before

    eventually(lambda: sockets() == before, "its sockets are closed", within=10, state=sockets)
    assert other.url == dock.url  # both are still there, so that nothing else has closed them


def test_a_server_on_a_real_engine_has_its_data_where_engines_see_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Docker's snap does not see folders of temporary files."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    seen: list[Path] = []

    def here(settings: Settings, *_: Any, **__: Any) -> Any:
        seen.append(settings.data_dir)
        raise EngineUnreachable("nobody is there")

    monkeypatch.setattr(in_this_process, "build_here", here)
    with pytest.raises(EngineUnreachable), running():
        pass

    assert seen[0].is_relative_to(tmp_path / "cache")
    assert not seen[0].exists()
