"""A whole run of the tests ends, and says what hung; what it begins with is there."""

from __future__ import annotations

import ast
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from taskdock.lambdas.functions import runtimes
from tests.support import whole_run
from tests.support.live import REPOSITORY

HANGS = """
import threading
import pytest

@pytest.fixture
def server():
    yield
    open("stopped", "w").close()

def test_that_passes():
    pass

def test_that_hangs(server):
    threading.Event().wait()

def test_that_never_begins():
    pass
"""


def test_past_its_limit_a_run_ends_in_order_and_names_what_hung(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "test_hangs.py").write_text(HANGS)
    (tmp_path / "pytest.ini").touch()
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))
    options = ("-p", "tests.support.whole_run", "-n", "1", "--dist", "loadfile", "--limit", "2")

    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:schemathesis", *options],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert done.returncode not in (0, None), done.stdout
    assert "threading.Event().wait()" in done.stdout
    assert "FAILED test_hangs.py::test_that_hangs" in done.stdout
    assert "1 failed, 1 passed" in done.stdout.splitlines()[-1]
    assert (tmp_path / "stopped").exists()


def test_the_images_of_a_run_are_not_made_beyond_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whole_run, "COMMAND", ("sh", "-c", "exec sleep 1000"))
    images = whole_run.Images(["python3.11"])

    images.pytest_sessionstart()
    images.pytest_sessionfinish()

    assert images.making.returncode == -signal.SIGTERM


@pytest.mark.parametrize("path", [*whole_run.FIRST, *whole_run.LAST])
def test_what_is_given_a_turn_of_its_own_is_there(path: str) -> None:
    assert (REPOSITORY / path).exists()


def test_long_tests_come_first_and_those_that_need_every_image_last() -> None:
    named = [f"{path}test_x.py" if path.endswith("/") else path for path in whole_run.FIRST]
    waiting = [*named, "tests/unit/test_rql.py", whole_run.LAST[0]]
    mixed = waiting[::2] + waiting[1::2]

    assert whole_run.in_order(dict.fromkeys(mixed, True)) == waiting


def test_files_that_wait_for_containers_and_others_take_turns() -> None:
    files = {**dict.fromkeys("ab", True), **dict.fromkeys("123456", False)}

    assert "".join(whole_run.in_order(files)) == "1a234b56"


@pytest.mark.parametrize("id", whole_run.WANTED)
def test_the_images_that_are_made_first_are_stand_ins(id: str) -> None:
    assert runtimes.find(id).standin


def test_a_file_is_long_as_a_whole() -> None:
    """Else `make test` would lose those of its tests that are not."""
    marked = [file for file in (REPOSITORY / "tests").rglob("*.py") if whole_run.is_long(file)]
    apart = [
        file.name
        for file in marked
        for line in ast.parse(file.read_text()).body
        if whole_run.LONG in ast.unparse(line) and not _is_mark_of_the_module(line)
    ]

    assert len(marked) > 30
    assert apart == []


def _is_mark_of_the_module(line: ast.stmt) -> bool:
    return isinstance(line, ast.Assign) and ast.unparse(line.targets[0]) == "pytestmark"


@pytest.mark.parametrize("chosen", ["long", "not long"])
def test_files_that_are_left_out_are_not_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chosen: str
) -> None:
    usual = "import pytest\ndef test_it():\n    pass\n"
    for name, text in {
        "test_long.py": f"{usual}pytestmark = {whole_run.LONG}\n",
        "test_short.py": usual,
    }.items():
        (tmp_path / name).write_text(text)
    out = "test_short.py" if chosen == "long" else "test_long.py"
    (tmp_path / out).write_text(f"{(tmp_path / out).read_text()}raise SystemExit('imported')\n")
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers = long\n")
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))

    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "tests.support.whole_run", "-m", chosen],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert done.returncode == 0, done.stdout
    assert "1 passed" in done.stdout.splitlines()[-1]
