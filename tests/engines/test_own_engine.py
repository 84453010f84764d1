"""An engine of a test's own leaves nothing, whoever ends it."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from taskdock.engines.docker.locate import ping
from taskdock.testing.waiting import eventually
from tests.engines.conftest import StartEngine
from tests.support.live import REPOSITORY

pytestmark = pytest.mark.docker

_OWNER = """
import sys
from tests.support.own_engine import OwnEngine
with OwnEngine() as engine:
    print(engine.folder, flush=True)
    sys.stdin.read()
"""


def processes(word: str) -> list[str]:
    """Command lines of this machine's processes that have the word in them."""
    lines = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):  # it has ended
            lines.append(file.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
    return [line for line in lines if word in line]


@pytest.mark.usefixtures("own_engines")
@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
def test_an_own_engine_ends_with_its_owner(end: signal.Signals) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _OWNER],
        cwd=REPOSITORY,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as owner:
        assert owner.stdout is not None
        folder = Path(owner.stdout.readline().strip())
        there = processes(str(folder))
        answers = ping(f"unix://{folder}/docker.sock")

        owner.send_signal(end)

    assert answers is None
    assert [line for line in there if line.startswith("dockerd ")]
    eventually(lambda: not processes(str(folder)), "the end of its processes", within=30)
    eventually(lambda: not folder.exists(), "the end of its folder", within=30)
    assert str(folder) not in Path("/proc/self/mountinfo").read_text()


def test_an_own_engine_is_new_and_apart_from_this_machines_network(
    start_engine: StartEngine,
) -> None:
    engine = start_engine()

    networks = engine.run("cat", "/proc/net/dev").stdout

    assert engine.images() == []
    assert "eth0" not in networks
    assert "lo:" in networks
