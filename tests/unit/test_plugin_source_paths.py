"""Paths in a container are led back to the repository, in traces of Python and of Node.js."""

from __future__ import annotations

from pathlib import Path

import pytest

from taskdock.testing.plugin.source_paths import SourcePaths, SourcePlace

PYTHON = [
    '  File "/var/task/main.py", line 9, in handler\n    return average([])\n',
    '  File "/var/task/lib/mean.py", line 15, in average\n    return sum(values) / len(values)\n',
]
NODE = [
    "TypeError: whom shall I welcome?",
    "    at welcome (/var/task/index.js:7:20)",
    "    at Runtime.handler (file:///var/task/lib/main.mjs:3:9)",
    "    at async /var/task/index.js:12:3",
    "    at Runtime.handleOnceNonStreaming (file:///var/runtime/index.mjs:1173:29)",
]


@pytest.fixture
def paths(tmp_path: Path) -> SourcePaths:
    code = tmp_path / "functions" / "report" / "src"
    (code / "lib").mkdir(parents=True)
    for name in ("main.py", "lib/mean.py", "index.js", "lib/main.mjs"):
        (code / name).touch()
    return SourcePaths(code, tmp_path)


def test_a_trace_of_python_names_the_files_of_the_repository(paths: SourcePaths) -> None:
    shown = paths.shown("".join(PYTHON))

    assert 'File "functions/report/src/main.py", line 9' in shown
    assert 'File "functions/report/src/lib/mean.py", line 15' in shown


def test_a_stack_of_node_names_the_files_of_the_repository(paths: SourcePaths) -> None:
    shown = paths.shown("\n".join(NODE)).splitlines()

    assert shown[1] == "    at welcome (functions/report/src/index.js:7:20)"
    assert shown[2] == "    at Runtime.handler (functions/report/src/lib/main.mjs:3:9)"
    assert shown[3] == "    at async functions/report/src/index.js:12:3"
    assert shown[4] == NODE[4]


@pytest.mark.parametrize(
    "path", ["/var/task/gone.py", "/var/task/../../secret", "/var/tasks/main.py", "/opt/main.py"]
)
def test_a_path_that_is_no_file_of_the_function_stays(paths: SourcePaths, path: str) -> None:
    assert paths.shown(f'File "{path}", line 1') == f'File "{path}", line 1'


def test_the_place_of_a_failure_is_the_innermost_line_of_the_function(
    paths: SourcePaths, tmp_path: Path
) -> None:
    code = tmp_path / "functions" / "report" / "src"
    library = ['  File "/var/lang/lib/python3.12/json/__init__.py", line 293, in load']

    assert paths.place([*PYTHON, *library]) == SourcePlace(code / "lib" / "mean.py", 15)
    assert paths.place(NODE) == SourcePlace(code / "index.js", 7)
    assert paths.place(NODE[3:]) == SourcePlace(code / "index.js", 12)
    assert paths.place(["Error: none"]) is None
    printed = "look at that " * 250_000  # a page, in one line; without a bound it takes hours
    assert paths.place([printed, *NODE]) == SourcePlace(code / "index.js", 7)


def test_without_the_code_nothing_is_led_back(tmp_path: Path) -> None:
    paths = SourcePaths(None, tmp_path)

    assert paths.shown(PYTHON[0]) == PYTHON[0]
    assert paths.place(PYTHON) is None
