"""Debug sessions: which calls enter, what is off meanwhile, and how a session ends."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import pytest

from taskdock.base.timing.limits import Limits
from taskdock.engines.engine import Program
from taskdock.lambdas.environment.provision.debugger import MORE_MEMORY
from taskdock.testing.clock import ManualClock
from taskdock.testing.fakes.runtime import FakeRuntime, serve
from tests.support.builders import LIMIT, Dock, Gate, StartDock, summary

Json = dict[str, Any]

NAME = "walnut-table"
PYTHON, NODE = "python3.11", "nodejs22.x"
INSIDE = 5678
FIRST_WORDS = {PYTHON: b"Content-Length: 2\r\n\r\n{}", NODE: b"GET /ws HTTP/1.1\r\n\r\n"}


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(8) as threads:
        yield threads


@pytest.fixture
def debugger() -> Iterator[socket.socket]:
    """Where the debugger of a fake container listens."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(LIMIT)
        yield listening


def begin(dock: Dock, name: str = NAME, **fields: Any) -> Json:
    answer = dock.call("POST", "/debug", base="/taskdock", json={"functionName": name, **fields})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def refused(dock: Dock, name: str = NAME, **fields: Any) -> str:
    answer = dock.call("POST", "/debug", base="/taskdock", json={"functionName": name, **fields})
    assert summary(answer)[0] in (400, 404)
    return str(answer.json()["message"])


def end(dock: Dock, session: Json) -> None:
    assert dock.call("DELETE", f"/debug/{session['id']}", base="/taskdock").status_code == 200


def sessions(dock: Dock) -> list[Json]:
    return list(dock.call("GET", "/debug", base="/taskdock").json()["data"])


def in_state(dock: Dock, state: str) -> None:
    dock.eventually(lambda: [one["state"] for one in sessions(dock)] == [state], state)


def attached(dock: Dock, session: Json, debugger: socket.socket, runtime: str = PYTHON) -> Any:
    """A client, and the debugger's side of its connection."""
    dock.fake.ports[5678 if runtime == PYTHON else 9229] = debugger.getsockname()[1]
    client = socket.create_connection(("127.0.0.1", session["port"]), timeout=LIMIT)
    client.sendall(FIRST_WORDS[runtime])
    inside, _ = debugger.accept()
    inside.settimeout(LIMIT)
    assert inside.recv(100) == FIRST_WORDS[runtime]
    return client, inside


def deploy_echo(dock: Dock, **more: Any) -> None:
    dock.deploy(lambda event, runtime: event["data"]["of"], runtime=PYTHON, **more)


def execute(dock: Dock, of: Any) -> Any:
    return dock.execute(data={"of": of})


def result_of(answer: Any) -> Any:
    assert answer.status_code == 200, answer.text
    return answer.json()["result"]


# What an environment of a session is


def test_an_environment_starts_at_once_with_its_debugger_and_memory_for_that(dock: Dock) -> None:
    dock.deploy(lambda event, runtime: event["data"]["of"], runtime=PYTHON, memoryLimit=256)
    begin(dock, wait=True)
    in_state(dock, "ready")
    spec, program = dock.fake.started[-1], dock.fake.ran[-1]
    assert spec.memory == 256 + MORE_MEMORY
    assert {mount.target for mount in spec.mounts} >= {
        "/dev/taskdock-debugger",
        "/dev/taskdock-debugger/packages",
    }
    assert all(mount.read_only for mount in spec.mounts)
    assert program.environment["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"] == "256"
    assert program.environment["AWS_LAMBDA_EXEC_WRAPPER"] == "/dev/taskdock-debugger/wrapper"
    assert program.environment["TASKDOCK_DEBUG_WAIT"] == "1"
    assert spec.source_of("/dev/taskdock-debugger/packages/") is None
    packages = spec.source_of("/dev/taskdock-debugger/packages")
    assert packages is not None
    assert (packages / "debugpy" / "__init__.py").is_file()


def test_a_function_keeps_its_own_wrapper(dock: Dock) -> None:
    own = {"AWS_LAMBDA_EXEC_WRAPPER": {"value": "/opt/own"}}
    dock.deploy(lambda event, runtime: 1, runtime=NODE, environmentVariables=own)
    begin(dock)
    in_state(dock, "ready")
    assert dock.fake.ran[-1].environment["TASKDOCK_EXEC_WRAPPER"] == "/opt/own"


def test_only_a_session_has_a_debugger(dock: Dock) -> None:
    deploy_echo(dock)
    assert execute(dock, 1).status_code == 200
    assert "AWS_LAMBDA_EXEC_WRAPPER" not in _program(dock).environment
    assert {mount.target for mount in dock.fake.started[-1].mounts} == {"/var/task"}


def _program(dock: Dock) -> Program:
    return dock.fake.ran[-1]


# Calls


def test_calls_enter_one_after_the_other(dock: Dock, threads: ThreadPoolExecutor) -> None:
    gate = Gate()

    def handler(event: Any, runtime: FakeRuntime) -> Any:
        gate.pass_(runtime)
        return event["data"]["of"]

    dock.deploy(handler, runtime=PYTHON)
    begin(dock)
    calls = [threads.submit(execute, dock, number) for number in range(3)]
    dock.eventually(lambda: sessions(dock)[0]["calls"] == 3)
    dock.eventually(lambda: gate.waiting == 1)
    assert len(dock.fake.started) == 1
    gate.open()
    assert [result_of(call.result(LIMIT)) for call in calls] == [0, 1, 2]
    assert len(dock.fake.started) == 1
    in_state(dock, "ready")


def test_other_calls_pass_by_if_asked_to(dock: Dock, threads: ThreadPoolExecutor) -> None:
    gate = Gate()

    def handler(event: Any, runtime: FakeRuntime) -> Any:
        if event["data"]["of"] == "held":
            gate.pass_(runtime)
        return event["data"]["of"]

    dock.deploy(handler, runtime=PYTHON)
    begin(dock, others="normal")
    in_state(dock, "ready")
    held = threads.submit(execute, dock, "held")
    dock.eventually(lambda: gate.waiting == 1)
    assert result_of(execute(dock, "other")) == "other"
    assert len(dock.fake.started) == 2
    assert dock.fake.started[-1].memory == 128
    gate.open()
    assert result_of(held.result(LIMIT)) == "held"


def test_each_call_waits_for_a_client_if_asked_to(
    dock: Dock, threads: ThreadPoolExecutor, debugger: socket.socket
) -> None:
    deploy_echo(dock)
    session = begin(dock, wait=True)
    in_state(dock, "ready")
    call = threads.submit(execute, dock, 1)
    dock.eventually(lambda: sessions(dock)[0]["calls"] == 1)
    assert not call.done()
    client, inside = attached(dock, session, debugger)
    with client, inside:
        assert result_of(call.result(LIMIT)) == 1


def test_the_end_of_a_session_lets_those_that_wait_run_as_usual(
    dock: Dock, threads: ThreadPoolExecutor
) -> None:
    gate = Gate()

    def handler(event: Any, runtime: FakeRuntime) -> Any:
        if runtime.spec.memory > 128:
            gate.pass_(runtime)
        return event["data"]["of"]

    dock.deploy(handler, runtime=PYTHON)
    session = begin(dock)
    running = threads.submit(execute, dock, 1)
    dock.eventually(lambda: gate.waiting == 1)
    waiting = threads.submit(execute, dock, 2)
    dock.eventually(lambda: sessions(dock)[0]["calls"] == 2)
    end(dock, session)
    assert result_of(waiting.result(LIMIT)) == 2
    cut_off = running.result(LIMIT)
    assert summary(cut_off) == (503, 1405)
    assert "debug session" in cut_off.json()["message"]
    assert dock.fake.started[-1].memory == 128


def test_a_task_that_a_session_cuts_off_runs_again_as_usual(dock: Dock) -> None:
    gate = Gate()

    def handler(event: Any, runtime: FakeRuntime) -> Any:
        if runtime.spec.memory > 128:
            gate.pass_(runtime)

    dock.deploy(handler, runtime=PYTHON)
    session = begin(dock)
    task = dock.create_task()
    dock.eventually(lambda: gate.waiting == 1)
    end(dock, session)
    assert dock.finish(task)["status"] == "complete"


# Limits that are off


def test_neither_time_limit_nor_init_limit_end_what_is_debugged_and_the_log_says_so(
    start_dock: StartDock, threads: ThreadPoolExecutor
) -> None:
    dock = start_dock(limits=replace(Limits(), init=0.1))
    init, call = threading.Event(), threading.Event()

    def handler(event: Any, runtime: FakeRuntime) -> Any:
        runtime.wait_for(call)
        return "late"

    program = serve(handler, init=lambda runtime: runtime.wait_for(init))
    dock.deploy_program(program, NAME, runtime=PYTHON, timeLimit=3)
    dock.shorten(time_limit=1)
    begin(dock)
    task = dock.create_task()
    pause = threading.Event()
    assert not pause.wait(0.5)
    init.set()
    dock.reach(task, "inProgress")
    assert not pause.wait(1.5)
    call.set()
    assert dock.finish(task)["status"] == "complete"
    assert "taskdock: debug session: the time limit (1 s) is off" in dock.logs(task)
    assert len(dock.fake.ran) == 1


def test_it_is_neither_frozen_nor_retired_however_long_it_idles(
    start_dock: StartDock, clock: ManualClock
) -> None:
    dock = start_dock(work_clock=clock, freeze_after=0.0, retire_after=1.0)
    deploy_echo(dock)
    session = begin(dock)
    assert result_of(execute(dock, 1)) == 1
    in_state(dock, "ready")
    clock.jump(3600)
    dock.pool.retire_idle(1.0)
    dock.pool.freeze_idle(0.0)
    in_state(dock, "ready")
    assert dock.fake.calls == []
    end(dock, session)
    dock.eventually(lambda: not dock.fake.containers, "nothing is left")


def test_new_code_takes_its_place_once_no_client_is_attached(
    dock: Dock, debugger: socket.socket
) -> None:
    deploy_echo(dock)
    session = begin(dock)
    in_state(dock, "ready")
    client, inside = attached(dock, session, debugger)
    with client, inside:
        dock.eventually(lambda: sessions(dock)[0]["clients"] == 1)
        dock.put(f"/functions/{NAME}", {"description": "", "timeLimit": 7})
        dock.eventually(lambda: sessions(dock)[0]["newCode"])
        assert result_of(execute(dock, 1)) == 1
        assert len(dock.fake.started) == 1
    dock.eventually(lambda: not sessions(dock)[0]["newCode"])
    assert sessions(dock)[0]["timeLimit"] == 7
    in_state(dock, "ready")
    assert len(dock.fake.started) == 2
    assert result_of(execute(dock, 2)) == 2


# Its port


@pytest.mark.parametrize("runtime", [PYTHON, NODE])
def test_the_port_leads_to_the_debugger_in_the_container_and_attached_clients_are_told(
    runtime: str, dock: Dock, debugger: socket.socket
) -> None:
    dock.deploy(lambda event, runtime: 1, runtime=runtime)
    session = begin(dock)
    client, inside = attached(dock, session, debugger, runtime)
    with client, inside:
        dock.eventually(lambda: sessions(dock)[0]["clients"] == 1)
        inside.sendall(b"stopped")
        assert client.recv(100) == b"stopped"
        client.close()
        assert inside.recv(100) == b""
    dock.eventually(lambda: sessions(dock)[0]["clients"] == 0)
    told = [(name, facts["clients"]) for name, facts in dock.notices if name.startswith("debugger")]
    assert told == [("debugger_attached", 1), ("debugger_detached", 0)]


def test_a_page_of_a_browser_is_not_led_in(dock: Dock, debugger: socket.socket) -> None:
    """A web page may send a request to any port of this machine."""
    deploy_echo(dock)
    session = begin(dock)
    in_state(dock, "ready")
    dock.fake.ports[INSIDE] = debugger.getsockname()[1]
    with socket.create_connection(("127.0.0.1", session["port"]), timeout=LIMIT) as page:
        page.sendall(b"POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}")
        assert page.recv(100) == b""
    debugger.settimeout(0)
    with pytest.raises(BlockingIOError):
        debugger.accept()


def test_silent_callers_take_no_more_than_some_descriptors(dock: Dock) -> None:
    deploy_echo(dock)
    port = begin(dock)["port"]
    with ExitStack() as stack:
        callers = [
            stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=LIMIT))
            for _ in range(33)
        ]

        assert callers[-1].recv(1) == b""

        callers[0].settimeout(0)
        with pytest.raises(BlockingIOError):
            callers[0].recv(1)


def test_it_listens_on_loopback_alone_at_the_port_that_was_asked_for(dock: Dock) -> None:
    deploy_echo(dock)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert f"port {port} of 127.0.0.1 is in use" in refused(dock, port=port)
    session = begin(dock, port=port)
    assert (session["host"], session["port"]) == ("127.0.0.1", port)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.2", port)).close()


def test_a_runtime_that_has_ended_is_started_for_a_client(
    dock: Dock, debugger: socket.socket
) -> None:
    def handler(event: Any, runtime: FakeRuntime) -> Any:
        if event["data"]["of"] == "die":
            runtime.exit(1)
        return event["data"]["of"]

    dock.deploy(handler, runtime=PYTHON)
    session = begin(dock)
    assert execute(dock, "die").status_code == 400
    in_state(dock, "down")
    client, inside = attached(dock, session, debugger)
    dock.fake.ports.clear()
    with client, inside:
        assert result_of(execute(dock, 1)) == 1


# Refusals, and ends


def test_what_cannot_be_debugged_is_refused_with_a_sentence(
    dock: Dock, monkeypatch: pytest.MonkeyPatch
) -> None:
    dock.deploy(lambda event, runtime: 1, "custom", runtime="provided.al2023")
    dock.deploy(lambda event, runtime: 1, "old", runtime="python3.7")
    dock.deploy(lambda event, runtime: 1, runtime=PYTHON)
    assert "for which there is no debugger" in refused(dock, "custom")
    assert "for which there is no debugger" in refused(dock, "old")
    assert refused(dock, "nobody") == "there is no function 'nobody'"
    assert refused(dock, port=70000) == "port: 70000 is no port; use a number from 1 to 65535"
    assert refused(dock, others="all") == "others: 'all' is not one of wait, normal"
    begin(dock)
    assert "is being debugged already, on port" in refused(dock)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    dock.deploy(lambda event, runtime: 1, "second", runtime=PYTHON)
    assert refused(dock, "second").endswith("pip install 'taskdock[debug]'")


def test_a_session_ends_when_its_command_is_silent_or_its_function_goes_or_the_server_stops(
    start_dock: StartDock,
) -> None:
    dock = start_dock(limits=replace(Limits(), debug_silence=0.3))
    deploy_echo(dock)
    session = begin(dock)
    dock.eventually(lambda: not sessions(dock), "nobody renews it")
    answer = dock.call("POST", f"/debug/{session['id']}/renew", base="/taskdock")
    assert summary(answer) == (404, 16)
    dock.eventually(lambda: not dock.fake.containers)
    begin(dock)
    assert dock.call("DELETE", f"/functions/{NAME}").status_code == 200
    dock.eventually(lambda: not sessions(dock), "there is no function any more")
    reasons = [facts["reason"] for name, facts in dock.notices if name == "debug_session_ended"]
    assert reasons == ["its command was not heard of any more", "the function was deleted"]


def test_a_strict_server_debugs_nothing(start_dock: StartDock) -> None:
    dock = start_dock(auth="strict")
    answer = dock.call("POST", "/debug", base="/taskdock", data=json.dumps({"functionName": NAME}))
    assert summary(answer)[0] in (401, 403)
