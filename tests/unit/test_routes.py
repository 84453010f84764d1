"""Which addresses may lead from a container to this machine, by the network."""

from __future__ import annotations

import socket

import pytest

from taskdock.engines.docker.transports.routes import ENGINES_OWN, LOOPBACK, Route, routes

BY_THE_ENGINE = Route(LOOPBACK, ENGINES_OWN)


@pytest.mark.parametrize(
    "engine",
    [
        "http+docker://localhost",  # a Unix socket
        "http://127.0.0.1:2375",
        "http://localhost:2375",
        "http://no-such-host.invalid:2375",
        "http+docker://ssh",
        "http://",
    ],
)
def test_a_virtual_machine_on_this_one_knows_the_way_itself(engine: str) -> None:
    assert routes(engine) == (BY_THE_ENGINE,)


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_another_machine_calls_the_address_from_which_it_is_called(
    monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    class Caller(socket.socket):
        def connect(self, address: object) -> None:
            assert address == ("engine.example", 9)

        def getsockname(self) -> tuple[str, int]:
            return "192.0.2.7", 40000

    monkeypatch.setattr("taskdock.engines.docker.transports.routes.socket.socket", Caller)

    assert routes(f"{scheme}://engine.example:2376") == (
        Route("192.0.2.7", "192.0.2.7"),
        BY_THE_ENGINE,
    )
