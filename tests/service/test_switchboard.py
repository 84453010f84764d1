"""What calls from containers as raw sockets see it: whom it reaches, who has too much, and what
neighbours feel of that."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from taskdock.base.timing.limits import Limits
from taskdock.lambdas.outcome import Answer
from taskdock.testing.fakes.engine import FakeContainer
from taskdock.testing.fakes.runtime import serve
from taskdock.testing.zips import zip_of
from taskdock.web.http.connection_limit import A_FEW, MAX_CONNECTIONS, Peer
from tests.support.builders import Dock, Gate, StartDock
from tests.support.wire import API, OK, Wire, invocations

RUNTIME_API, TASK_SERVICE = "127.0.0.1:9001", "localhost:9002"  # as containers have them
LIMIT = 30.0  # seconds that anything here may take


class Caller:
    """A container, and the connections that its programs hold."""

    def __init__(self, container: FakeContainer) -> None:
        self.container = container
        self.held: list[Wire] = []

    def connect(self, address: str = TASK_SERVICE) -> Wire:
        assert self.container.runtime is not None, "it has run"
        wire = Wire(self.container.runtime.connect(address), address)
        self.held.append(wire)
        return wire

    def is_served(self, address: str = TASK_SERVICE) -> bool:
        """Whether one more connection is; it is held."""
        path = "/health" if address == TASK_SERVICE else "/2018-06-01/ping"
        wire = self.connect(address)
        try:
            wire.send("GET", path)
            return wire.read().status == 200
        except (ConnectionError, http.client.BadStatusLine):
            wire.close()
            self.held.remove(wire)
            return False

    def hold(self, count: int, address: str = TASK_SERVICE) -> None:
        served = [self.is_served(address) for _ in range(count)]
        assert served == [True] * count

    def let_go(self) -> None:
        for wire in self.held:
            wire.close()
        self.held = []


class Yard:
    """The containers of a server."""

    def __init__(self, dock: Dock) -> None:
        self.dock = dock
        self.callers: list[Caller] = []

    def of(self, function: str, count: int = 1) -> list[Caller]:
        """Containers of a function, each of which has answered once."""
        gate = Gate()
        self.dock.deploy(lambda event, runtime: gate.pass_(runtime), function)
        with ThreadPoolExecutor(count) as callers:
            asked = [callers.submit(self.dock.execute, function) for _ in range(count)]
            self.dock.eventually(lambda: gate.waiting == count)
            gate.open()
            assert [each.result().status_code for each in asked] == [200] * count
        found = [
            Caller(container)
            for container in self.dock.engine.containers.values()
            if _function_of(container) == function
        ]
        self.callers += found
        return found

    def close(self) -> None:
        for caller in self.callers:
            caller.let_go()


def _function_of(container: FakeContainer) -> str:
    assert container.runtime is not None, "it has run"
    return container.runtime.program.environment["AWS_LAMBDA_FUNCTION_NAME"]


@pytest.fixture
def limits() -> Limits:
    return Limits()


@pytest.fixture
def yard(start_dock: StartDock, limits: Limits) -> Iterator[Yard]:
    yard = Yard(start_dock(limits=limits))
    yield yard
    yard.close()


# Whom it reaches


def test_each_forward_leads_to_its_own_listener(yard: Yard) -> None:
    (caller,) = yard.of("oak")
    service, runtime = caller.connect(TASK_SERVICE), caller.connect(RUNTIME_API)

    assert json.loads(service.ask("GET", "/health").body)["status"] == "ok"
    assert runtime.ask("GET", "/2018-06-01/ping").body == b"pong"
    assert runtime.ask("GET", "/health").status == 404
    assert service.ask("GET", f"{API}/invocation/next").status == 501


def test_a_forward_that_nobody_knows_is_closed(yard: Yard) -> None:
    (caller,) = yard.of("oak")
    near, far = socket.socketpair()
    far.setblocking(False)

    caller.container._call("x", far)

    with closing(near):
        near.settimeout(LIMIT)
        assert near.recv(1) == b""
    assert caller.is_served()


def test_who_has_gone_before_it_is_served_is_no_trouble(yard: Yard) -> None:
    (caller,) = yard.of("oak")

    for _ in range(20):
        caller.connect(RUNTIME_API).close()
        caller.connect(TASK_SERVICE).close()

    assert caller.is_served(RUNTIME_API)
    assert caller.is_served(TASK_SERVICE)


def test_the_runtime_api_is_on_no_port_of_this_machine(yard: Yard) -> None:
    answer = yard.dock.call("GET", f"{API}/invocation/next", base="")

    assert answer.status_code == 501


def test_a_container_answers_for_its_own_invocations_alone(yard: Yard) -> None:
    """It knows the other's request id, which is a secret."""
    (thief,) = yard.of("thief")
    with invocations(yard.dock) as make:
        invocation = make()
        asked = invocation.invoke()
        wire = invocation.connect(invocation.runtime())
        request_id = wire.next().headers["Lambda-Runtime-Aws-Request-Id"]

        stolen = thief.connect(RUNTIME_API).respond(request_id, b'"forged"')

        assert stolen.status in (400, 403), stolen
        assert wire.respond(request_id, b'"true"').body == OK
        assert asked.result(LIMIT) == Answer(b'"true"')


@pytest.mark.parametrize(("auth", "status"), [("open", 200), ("strict", 403)])
def test_to_a_strict_server_a_container_is_not_this_machine(
    start_dock: StartDock, auth: str, status: int
) -> None:
    """Its code may be anybody's, and AWS's API looks at no signature."""
    dock = start_dock(auth=auth)
    dock.engine.programs["oak"] = serve(lambda event, runtime: event)
    dock.emulator.catalog.deploy(
        "oak", zipped=zip_of({"a": ""}), runtime="python3.11", entry_point="oak"
    )
    invoke = "/2015-03-31/functions/oak/invocations"
    here = dock.call("POST", invoke, base="", json={}).status_code
    (caller,) = map(Caller, dock.engine.containers.values())

    wire = caller.connect(TASK_SERVICE)
    listed = wire.ask("GET", "/2015-03-31/functions").status
    invoked = wire.ask("POST", invoke, b"{}").status
    unsigned = wire.ask("GET", "/tasks/v1").status
    caller.let_go()

    assert (here, listed, invoked) == (200, status, status)
    assert unsigned == (200 if auth == "open" else 401)


# Who has too much


@pytest.mark.parametrize("address", [TASK_SERVICE, RUNTIME_API])
def test_a_container_over_its_limit_is_refused_while_its_neighbours_are_served(
    yard: Yard, address: str
) -> None:
    (greedy,), (neighbour,) = yard.of("greedy"), yard.of("neighbour")
    own = 1 if address == RUNTIME_API else 0  # its runtime waits for the next event
    greedy.hold(MAX_CONNECTIONS - own, address)

    assert not greedy.is_served(address)

    assert neighbour.is_served(address)
    assert yard.dock.get("/").status_code == 200  # from this machine
    assert yard.dock.execute("greedy").status_code == 200
    assert yard.dock.execute("neighbour").status_code == 200


def test_the_forwards_of_a_container_are_counted_apart(yard: Yard) -> None:
    (greedy,) = yard.of("greedy")
    greedy.hold(MAX_CONNECTIONS, TASK_SERVICE)

    assert greedy.is_served(RUNTIME_API)


def test_who_closes_connections_is_served_again(yard: Yard) -> None:
    (greedy,) = yard.of("greedy")
    greedy.hold(MAX_CONNECTIONS)
    assert not greedy.is_served()

    greedy.let_go()

    yard.dock.eventually(greedy.is_served)


@pytest.mark.parametrize("limits", [Limits(connections=10, connections_of_function=20)])
def test_a_function_over_its_limit_is_refused_while_others_are_served(yard: Yard) -> None:
    first, second, third = yard.of("greedy", 3)
    (neighbour,) = yard.of("neighbour")
    first.hold(10)
    second.hold(10)

    third.hold(A_FEW)
    assert not third.is_served()

    neighbour.hold(10)
    assert yard.dock.execute("greedy").status_code == 200
    first.let_go()
    yard.dock.eventually(third.is_served)


def test_who_is_nobodys_is_counted_by_itself(yard: Yard) -> None:
    """As a container would be whose function is not known."""
    (neighbour,) = yard.of("neighbour")
    switchboard = yard.dock.emulator.web.switchboard
    lines = []
    for number in range(3):
        near, far = socket.socketpair()
        far.setblocking(False)
        yard.dock.emulator.foundation.reactor.call(
            switchboard.lead, Peer("", environment=f"e{number}"), "t", far
        )
        lines.append(Wire(near, TASK_SERVICE))

    assert [wire.ask("GET", "/health").status for wire in lines] == [200] * 3
    assert neighbour.is_served()
    for wire in lines:
        wire.close()


def test_who_calls_when_the_server_has_stopped_is_hung_up_on(start_dock: StartDock) -> None:
    dock = start_dock()
    dock.deploy(lambda *_: None)
    dock.execute()
    (container,) = dock.engine.containers.values()
    caller = Caller(container)

    dock.stop()

    assert caller.connect().ended
    caller.let_go()
