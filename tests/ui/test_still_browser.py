"""The browser of these tests does not see the machine's networks come and go."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.support.live import REPOSITORY

HERE = os.path.dirname(sys.executable)
CODE = "import socket, sys; socket.socket(getattr(socket, sys.argv[1])).close(); print('open')"


def socket_of(family: str) -> subprocess.CompletedProcess[str]:
    """What a "browser" meets that opens one."""
    return subprocess.run(
        [str(REPOSITORY / "scripts" / "still-browser"), "-c", CODE, family],
        env={"PATH": f"{HERE}{os.pathsep}{os.defpath}", "BROWSER": sys.executable},
        capture_output=True,
        text=True,
        check=False,
    )


def test_it_gets_no_socket_that_tells_of_networks() -> None:
    refused = socket_of("AF_NETLINK")

    assert (refused.returncode, refused.stdout) == (1, "")


@pytest.mark.parametrize("family", ["AF_INET", "AF_INET6", "AF_UNIX"])
def test_it_gets_every_other_one(family: str) -> None:
    assert socket_of(family).stdout == "open\n"
