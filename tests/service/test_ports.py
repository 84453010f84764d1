"""The port that a server has without being told one."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator

import pytest

from taskdock.base.errors import StartupError
from taskdock.web.http import listeners
from tests.support.parts import missing


@pytest.fixture
def others() -> Iterator[list[socket.socket]]:
    """Sockets of other programs."""
    with contextlib.ExitStack() as opened:
        found: list[socket.socket] = []
        opened.callback(lambda: [each.close() for each in found])
        yield found


def taken(address: str, port: int) -> socket.socket:
    """By somebody who waits there for callers."""
    other = socket.socket(socket.AF_INET6)
    try:
        other.bind((address, port))
    except OSError as error:
        other.close()
        missing(f"the address {address}: {error}")
    other.listen()
    return other


def test_a_port_of_the_systems_choice_is_free_on_both_loopback_addresses(
    monkeypatch: pytest.MonkeyPatch, others: list[socket.socket]
) -> None:
    bind = listeners._bind

    def others_are_first(address: str, port: int) -> socket.socket:
        if address == "::1" and len(others) < 3:
            others.append(taken(address, port))
        return bind(address, port)

    monkeypatch.setattr(listeners, "_bind", others_are_first)

    opened = listeners.open_public("localhost", 0)
    others.extend(opened)

    ports = [each.getsockname()[1] for each in opened]
    assert len(ports) == 2
    assert len(set(ports)) == 1


def test_a_port_that_was_asked_for_is_no_other(others: list[socket.socket]) -> None:
    others.append(taken("::1", 0))
    port = others[0].getsockname()[1]

    with pytest.raises(StartupError, match=f"port {port} is in use on ::1"):
        listeners.open_public("localhost", port)
