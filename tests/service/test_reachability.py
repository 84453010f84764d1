"""Whether containers reach this server: tried, remembered, doubted; and who is told."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest

from emulator.app import Emulator
from emulator.clock import SystemClock
from emulator.engines.reach import Attempt, Call, Met, Reached
from emulator.engines.ways import Way
from emulator.errors import NotReachable
from emulator.lambdas.reachability import Reachability
from emulator.notices import Notices
from emulator.settings import Settings
from tests.support.builders import Dock, eventually, new_function
from tests.support.fake_engine import FakeEngine, serve
from tests.support.manual_clock import ManualClock


class Server:
    """Reachability alone, on an engine and a clock of the test's."""

    def __init__(self, memory: Path | None = None, engine: FakeEngine | None = None) -> None:
        self.engine = engine or FakeEngine()
        self.clock = ManualClock(SystemClock().now())  # as files' times are
        self.told: list[tuple[str, dict[str, Any]]] = []
        notices = Notices()
        notices.subscribe(lambda name, facts: self.told.append((name, facts)))
        self.calls: list[Call] = []
        self.reachability = Reachability(
            engine=self.engine,
            calls=lambda: self.calls,
            memory=memory,
            clock=self.clock,
            notices=notices,
        )


class Good(FakeEngine):
    """Whose containers reach whatever they call."""

    def reach(self, calls: Any) -> Reached:
        found = super().reach([])
        return Reached(attempts=(_attempt(self.way),)) if not self.cut_off else found


def _attempt(way: Way) -> Attempt:
    return Attempt(way=way, port=1, met=Met.ANSWER)


def test_containers_call_both_listeners_of_a_server(dock: Dock) -> None:
    reachability = dock.emulator.reachability
    eventually(lambda: reachability.found)

    found = reachability.found

    assert found is not None
    assert [attempt.met for attempt in found.attempts] == [Met.ANSWER, Met.ANSWER]
    assert dock.emulator.port in [attempt.port for attempt in found.attempts]
    assert found.fault == ""


def test_the_probe_is_answered_by_its_own_server_alone(dock: Dock) -> None:
    runtime, _ = dock.emulator._calls()

    stranger = Call(port=runtime.port, path=runtime.path, host="0" * 32 + ".lambda")

    assert dock.engine.reach([runtime]).fault == ""
    assert "something else" in dock.engine.reach([stranger]).fault


def test_functions_are_refused_with_the_reason(tmp_path: Path) -> None:
    engine = FakeEngine()
    engine.cut_off = True
    engine.programs["index.handler"] = serve(lambda event, runtime: event)
    dock = Dock(tmp_path, engine=engine)
    try:
        dock.post("/functions", new_function("walnut"))

        answer = dock.post("/functions/walnut/execute", {"data": {}}).json()

        message = str(answer)
        assert "NotReachable" in message or "cannot reach this server" in message
        assert "a container called 127.0.0.1, port" in message
        assert "no answer in time" in message
        assert "firewall" in message
        assert "iptables -I INPUT" in message
        assert engine.started == []
        (told, *_) = [facts for name, facts in dock.notices if name == "server_not_reachable"]
        assert "firewall" in told["error"]
    finally:
        dock.stop()


def test_a_prepared_container_is_refused_too_and_removed(tmp_path: Path) -> None:
    engine = FakeEngine()
    engine.programs["index.handler"] = serve(lambda event, runtime: event)
    dock = Dock(tmp_path, engine=engine, prewarm=1)
    try:
        dock.post("/functions", new_function("walnut"))
        eventually(lambda: len(dock.pool.stocked()) == 1 and dock.pool.stocked()[0].count == 1)
        eventually(lambda: dock.emulator.reachability.works)
        dock.emulator.reachability._found = None
        engine.cut_off = True

        answer = str(dock.post("/functions/walnut/execute", {"data": {}}).json())

        assert "cannot reach this server" in answer
        assert engine.ran == []
        eventually(lambda: dock.pool.snapshot() == [])
    finally:
        dock.stop()
    assert engine.containers == {}


def test_a_machine_that_was_mended_serves_without_a_restart() -> None:
    server = Server(engine=Good())
    server.engine.cut_off = True
    with pytest.raises(NotReachable):
        server.reachability.require()

    server.engine.cut_off = False
    with pytest.raises(NotReachable):  # not tried again at once
        server.reachability.require()
    server.clock.advance(5.1)

    server.reachability.require()
    assert server.reachability.works
    assert server.engine.tries == 2


def test_what_works_is_not_tried_again() -> None:
    server = Server(engine=Good())

    for _ in range(3):
        server.reachability.require()
        server.clock.advance(3600)

    assert server.engine.tries == 1


def test_a_doubt_is_looked_into_once_a_minute() -> None:
    server = Server(engine=Good())
    server.reachability.require()

    server.reachability.doubt()
    assert server.engine.tries == 1
    server.clock.advance(61)
    server.engine.cut_off = True

    with pytest.raises(NotReachable):
        server.reachability.doubt()
    assert server.engine.tries == 2
    assert not server.reachability.works


def test_the_next_start_remembers(tmp_path: Path) -> None:
    first = Server(tmp_path, Good())
    first.reachability.require()

    second = Server(tmp_path, Good())
    second.reachability.start()
    eventually(lambda: second.reachability.works)

    assert second.engine.tries == 0


def test_the_way_is_remembered_too(tmp_path: Path) -> None:
    class Two(Good):
        ways = (Way("127.0.0.1", "10.0.2.2"), Way("127.0.0.1", "127.0.0.1"))
        way = ways[0]

        def reach(self, calls: Any) -> Reached:
            self.tries += 1
            self.way = self.ways[1]
            return Reached(attempts=(_attempt(self.way),))

    Server(tmp_path, Two()).reachability.require()

    second = Server(tmp_path, Two())
    second.reachability.start()
    eventually(lambda: second.reachability.works)

    assert (second.engine.tries, second.engine.way) == (0, Two.ways[1])


def test_after_a_day_it_is_tried_again(tmp_path: Path) -> None:
    Server(tmp_path, Good()).reachability.require()
    (file,) = tmp_path.iterdir()
    old = time.time() - 24 * 3600 - 60
    os.utime(file, (old, old))

    second = Server(tmp_path, Good())
    second.reachability.start()
    eventually(lambda: second.engine.tries == 1)


def test_a_changed_engine_is_tried_again(tmp_path: Path) -> None:
    Server(tmp_path, Good()).reachability.require()
    changed = Good()
    changed.fingerprint = "after an upgrade"

    second = Server(tmp_path, changed)
    second.reachability.start()
    eventually(lambda: changed.tries == 1)


def test_what_does_not_work_is_not_remembered_and_forgets_what_did(tmp_path: Path) -> None:
    server = Server(tmp_path, Good())
    server.reachability.require()
    assert list(tmp_path.iterdir())
    server.clock.advance(61)
    server.engine.cut_off = True

    with pytest.raises(NotReachable):
        server.reachability.doubt()

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", ["", "7", "-9", "nonsense"])
def test_a_memory_that_makes_no_sense_is_none(tmp_path: Path, text: str) -> None:
    engine = Good()
    (tmp_path / engine.fingerprint).write_text(text)

    server = Server(tmp_path, engine)
    server.reachability.start()
    eventually(lambda: engine.tries == 1)


def test_a_memory_that_cannot_be_written_disturbs_nobody(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")

    server = Server(blocked / "folder", Good())
    server.reachability.require()

    assert server.reachability.works


def test_what_cannot_be_tried_is_told_and_refuses_nobody() -> None:
    class Untried(FakeEngine):
        def reach(self, calls: Any) -> Reached:
            return Reached(untried="there is no busybox")

    server = Server(engine=Untried())

    server.reachability.require()

    assert server.told == [("reach_not_tried", {"reason": "there is no busybox"})]


def test_a_program_that_ends_without_a_word_raises_a_doubt(tmp_path: Path) -> None:
    engine = FakeEngine()
    engine.programs["index.handler"] = lambda runtime: runtime.exit(1)
    clock = ManualClock(SystemClock().now())
    dock = Dock(tmp_path, engine=engine, clock=clock)
    try:
        eventually(lambda: dock.emulator.reachability.works)
        dock.post("/functions", new_function("walnut"))
        engine.cut_off = True
        clock.advance(61)

        answer = str(dock.post("/functions/walnut/execute", {"data": {}}).json())

        assert "cannot reach this server" in answer
    finally:
        dock.stop()


def test_a_function_that_fails_by_itself_keeps_its_own_error(tmp_path: Path) -> None:
    engine = FakeEngine()
    engine.programs["index.handler"] = lambda runtime: runtime.exit(1)
    dock = Dock(tmp_path, engine=engine)
    try:
        dock.post("/functions", new_function("walnut"))

        answer = str(dock.post("/functions/walnut/execute", {"data": {}}).json())

        assert "Runtime.ExitError" in answer
    finally:
        dock.stop()


def test_what_a_container_meets_while_the_server_stops_refuses_nobody() -> None:
    class Stopping(Good):
        def reach(self, calls: Any) -> Reached:
            server.reachability.stop()  # and its listeners close
            self.cut_off = True
            return super().reach(calls)

    server = Server(engine=Stopping())

    server.reachability.require()

    assert server.told == []
    server.reachability.doubt()
    assert server.engine.tries == 1


def test_an_engine_with_two_ways_is_listened_for_on_both(tmp_path: Path) -> None:
    class Two(FakeEngine):
        ways = (Way("127.0.0.2", "127.0.0.2"), Way("127.0.0.3", "127.0.0.3"))
        way = ways[0]

    engine = Two()
    emulator = Emulator(
        Settings(port=0, data_dir=tmp_path), engine=engine, image_of=lambda _: "fake"
    )
    emulator.start()
    try:
        eventually(lambda: emulator.reachability.works)
        found = emulator.reachability.found
    finally:
        emulator.stop(0)

    assert found is not None
    met = {(attempt.way.reach, attempt.met) for attempt in found.attempts}
    assert met == {("127.0.0.2", Met.ANSWER), ("127.0.0.3", Met.ANSWER)}


def test_a_way_that_is_not_this_machines_keeps_no_server_from_starting(tmp_path: Path) -> None:
    class Elsewhere(FakeEngine):
        ways = (Way("203.0.113.7", "203.0.113.7"), Way("127.0.0.1", "127.0.0.1"))
        way = ways[0]

        def _attempt(self, way: Way, call: Call) -> Any:
            if way.reach.startswith("203."):
                return Attempt(way=way, port=call.port, met=Met.NO_ROUTE)
            return super()._attempt(way, call)

    engine = Elsewhere()
    emulator = Emulator(
        Settings(port=0, data_dir=tmp_path), engine=engine, image_of=lambda _: "fake"
    )
    emulator.start()
    try:
        eventually(lambda: emulator.reachability.works)
    finally:
        emulator.stop(0)

    assert engine.way == Elsewhere.ways[1]
