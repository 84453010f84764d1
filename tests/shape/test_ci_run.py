"""Continuous integration counts the tests of its steps, and fails where one of them does."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from tests.support.live import REPOSITORY

MAKE = """#!/bin/sh
case $1 in
demo) echo "complete in 0.3s" ;;
test) echo "======= 12 passed, 1 skipped in 30.10s ========" ;;
test-bounds) echo "7 passed in 3.98s" ;;
test-engines) cat "$ENGINES"; exit "$STATUS" ;;
*) echo "=========== 1 passed in 1.00s ===========" ;;
esac
"""
NESTED = """E  assert 1 == 0
E    1 failed, 56 passed, 80 deselected in 76.05s (0:01:16)
----- Captured stdout call -----
1 failed, 56 passed in 76.05s
====== 2 failed, 11 passed, 1 error in 866.57s (0:14:26) ======
make: *** [Makefile:73: test-engines] Error 1
"""


def ci(folder: Path, engines: str, status: int) -> tuple[int, str]:
    """The exit code and the last line of a run whose step test-engines prints `engines`."""
    (folder / "make").write_text(MAKE)
    (folder / "make").chmod(0o755)
    (folder / "engines").write_text(engines)
    path = f"{folder}:{os.environ['PATH']}"
    its = {"PATH": path, "ENGINES": str(folder / "engines"), "STATUS": str(status)}
    done = subprocess.run(
        [REPOSITORY / ".ci" / "run"], env=its, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout.splitlines()[-1]


def test_the_tests_of_all_steps_are_counted(tmp_path: Path) -> None:
    engines = "==== 13 passed in 800.00s ====\n"

    assert ci(tmp_path, engines, 0) == (0, "34 passed, 0 failed, 1 skipped")


def test_what_a_failing_test_prints_is_not_counted(tmp_path: Path) -> None:
    assert ci(tmp_path, NESTED, 2) == (1, "32 passed, 3 failed, 1 skipped")


def test_a_step_that_fails_without_a_test_counts_as_one(tmp_path: Path) -> None:
    assert ci(tmp_path, "no engine can be started\n", 1) == (1, "21 passed, 1 failed, 1 skipped")
