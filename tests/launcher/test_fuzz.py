"""Made-up frames and bytes: the launcher obeys, or ends as it promises, and never goes astray."""

from __future__ import annotations

import contextlib
import errno
import random
import socket
import struct
from pathlib import Path

import pytest

from tests.launcher.conftest import sanitized
from tests.launcher.container import EPROTO, Container, packed, packed_items

pytestmark = pytest.mark.fuzz
_CASES = 25
_CODES = (0, EPROTO, errno.EADDRINUSE, errno.EACCES)
"""The server's end, a broken frame; ports that are taken, and those that only root may take."""
_ITEMS = (
    *(b"c/bin/true", b"c/bin/sh", b"csh", b"c", b"c/nowhere", b"ePATH=/bin::/usr/bin:", b"ePATH="),
    *(
        b"e",
        b"eA=1",
        b"a",
        b"a-c",
        b"aecho $0; yes & sleep 0.01",
        b"d/tmp",
        b"d/nowhere",
        b"x",
        b"",
    ),
)


@pytest.mark.parametrize("seed", range(12))
def test_made_up_frames_do_no_harm(built: Path, seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(_CASES):
        with Container(sanitized(built)) as container:
            container.connect().control.setblocking(False)
            container.inside(lambda: None)  # its network outlives it then

            _talk(container, chance)

            container.control.close()
            assert container.code() in _CODES


def _talk(container: Container, chance: random.Random) -> None:
    """Until it ends, or has heard enough."""
    callers: list[socket.socket] = []
    with contextlib.ExitStack() as stack:
        for _ in range(chance.randrange(1, 40)):
            content = chance.choice((_frame, _frame, _frame, _broken))(chance)
            with contextlib.suppress(BlockingIOError):
                try:
                    container.control.send(content)
                    if chance.random() < 0.7:
                        container.control.recv(chance.choice((1, 100, 1 << 20)))
                except ConnectionError:
                    return
            if chance.random() < 0.3:
                with contextlib.suppress(OSError):
                    callers.append(stack.enter_context(_caller(container)))
            if callers and chance.random() < 0.8:
                with contextlib.suppress(OSError):
                    chance.choice(callers).send(chance.randbytes(chance.choice((1, 99, 70_000))))
            if callers and chance.random() < 0.2:
                callers.pop(chance.randrange(len(callers))).close()
            _serve(container, chance)


def _caller(container: Container) -> socket.socket:
    caller = container.inside(lambda: socket.create_connection(("127.0.0.1", 9001), 0.5))
    caller.setblocking(False)
    return caller


def _serve(container: Container, chance: random.Random) -> None:
    """As a server that takes some connections, answers some and closes some."""
    container.listener.setblocking(False)
    with contextlib.suppress(OSError):
        end, _ = container.listener.accept()
        container.keep(end)
        end.setblocking(False)
        if chance.random() < 0.5:
            end.send(chance.randbytes(chance.choice((1, 99, 70_000))))
        if chance.random() < 0.5:
            end.recv(chance.choice((1, 70_000)))
        if chance.random() < 0.3:
            end.shutdown(chance.choice((socket.SHUT_WR, socket.SHUT_RD, socket.SHUT_RDWR)))


def _frame(chance: random.Random) -> bytes:
    """One that may come from a server."""
    kind = chance.choice("LLSSSKZWFF")
    payload = b""
    if kind == "L":
        payload = struct.pack("<Hc", chance.choice((9001, 9001, 9002)), b"r")
    if kind == "S":
        payload = packed_items(*chance.choices(_ITEMS[:-2], k=chance.randrange(6)), b"c/bin/true")
    return packed(kind, payload, chance.randrange(256))


def _broken(chance: random.Random) -> bytes:
    """One that may not: items astray, bytes changed, cut off or too many."""
    frame = bytearray(_frame(chance))
    if chance.random() < 0.3:
        return packed("S", packed_items(*chance.choices(_ITEMS, k=chance.randrange(9))))
    for _ in range(chance.randrange(3)):
        frame[chance.randrange(len(frame))] = chance.randrange(256)
    return bytes(frame[: chance.randrange(len(frame) + 1)]) + chance.randbytes(chance.randrange(3))
