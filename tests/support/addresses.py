"""Addresses of the machine that runs the tests."""

from __future__ import annotations

import socket

from tests.support.parts import missing


def own_address() -> str:
    """One that is not loopback."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("198.51.100.1", 9))  # RFC 5737: nobody's; nothing is sent
        except OSError:
            missing("a network")
        return str(probe.getsockname()[0])
