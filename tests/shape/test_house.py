"""The code keeps the rules of the house: format, lint, types, who imports whom."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.live import REPOSITORY

_SECONDS = 280
TOOLS = Path(sys.executable).parent


@pytest.mark.parametrize(
    "command",
    ["ruff format --check .", "ruff check .", "mypy", "lint-imports"],
)
def test_the_code_keeps_the_rules(command: str) -> None:
    tool, *options = command.split()

    done = subprocess.run(
        [TOOLS / tool, *options],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=False,
    )

    assert done.returncode == 0, f"make check says:\n{done.stdout}{done.stderr}"
