"""What a demo that went well has printed."""

from __future__ import annotations

import re
import subprocess

from taskdock.client.demo.hello_worlds import SAMPLES

_STATUS = re.compile(r"^   status +(\w+)$", re.MULTILINE)
_LONGEST = 4000  # characters of a demo's output that a report has


def assert_went_well(demo: subprocess.CompletedProcess[str]) -> None:
    """Three functions have run, and nobody was told of an error."""
    told = shown(demo.stdout)
    assert demo.returncode == 0, told
    assert _STATUS.findall(demo.stdout) == ["complete"] * len(SAMPLES), told
    assert "Traceback" not in demo.stdout, told
    assert "Exception ignored" not in demo.stdout, told


def shown(output: str) -> str:
    """As much of it as can be read."""
    lines = [line[:300] for line in output.splitlines()]
    text = "\n".join(lines)
    half = _LONGEST // 2
    return text if len(text) <= _LONGEST else f"{text[:half]}\n[...]\n{text[-half:]}"
