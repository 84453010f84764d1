"""--taskdock-cov, in a project of its own, with real containers."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.live import make_images
from tests.support.pytest_project import PytestProject

CONFIG = (
    '{"name": "%s", "description": "", "runtime": "%s", "entryPoint": "main.handler",'
    ' "path": "./src", "timeLimit": 10, "memoryLimit": 128}'
)
PYTHON = """\
def handler(event, context):
    if event["data"]["wood"] == "oak":
        return 40
    if event["data"]["wood"] == "walnut":
        return 80
    return 0
"""
JAVASCRIPT = """\
exports.handler = async (event) => {
  if (event.data.wood === 'oak') {
    return 40;
  }
  return 0;
};
"""
TEST = """\
def test_price(taskdock):
    assert taskdock.execute("%s", {"wood": "%s"}).result == %d
"""
COVERAGE = [sys.executable, "-m", "coverage"]


@pytest.fixture
def project(tmp_path: Path) -> PytestProject:
    made = PytestProject(tmp_path / "project", plugins=("taskdock.testing.plugin", "xdist"))
    made.write("pytest.ini", "[pytest]\nfilterwarnings = error\ntaskdock_functions = tasks/*\n")
    for name, runtime, file, text in (
        ("shop", "python3.11", "main.py", PYTHON),
        ("market", "nodejs20.x", "main.js", JAVASCRIPT),
    ):
        made.write(f"tasks/{name}/task-config.json", CONFIG % (name, runtime))
        made.write(f"tasks/{name}/src/{file}", text)
    made.write("test_oak.py", TEST % ("shop", "oak", 40))
    made.write("test_birch.py", TEST % ("shop", "birch", 0))
    made.write("test_market.py", TEST % ("market", "oak", 40))
    (tmp_path / "temporary").mkdir()
    return made


@pytest.fixture
def temporary(project: PytestProject) -> dict[str, str]:
    """The variable that names the folder for what is passing."""
    return {"TMPDIR": str(project.folder.parent / "temporary")}


@pytest.fixture
def images() -> None:
    make_images("python3.11", "nodejs20.x")


def report(project: PytestProject) -> list[list[str]]:
    """The rows of coverage.py's report, by words."""
    done = subprocess.run(
        [*COVERAGE, "report", "-m"],
        cwd=project.folder,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    rows = [line.split() for line in done.stdout.splitlines()]
    return [row for row in rows if row and ".py" in row[0]]


@pytest.mark.docker
@pytest.mark.usefixtures("images")
def test_lines_of_all_workers_are_one_report_and_nothing_else_is_left(
    project: PytestProject, temporary: dict[str, str]
) -> None:
    ran = project.run("-n", "2", "--taskdock-cov", variables=temporary)

    assert ran.outcomes() == "3 passed", ran.output
    assert "Python: 1 file, in .coverage; see `coverage report -m`" in ran.output
    assert "tasks/market/src/main.js  75 % of 4 lines  without 5" in ran.output
    assert report(project) == [["tasks/shop/src/main.py", "6", "1", "83%", "5"]]
    assert "SF:tasks/market/src/main.js" in (project.folder / "taskdock.lcov").read_text()
    assert list((project.folder.parent / "temporary").glob("taskdock*")) == []


@pytest.mark.docker
@pytest.mark.usefixtures("images")
def test_lines_count_beside_those_of_the_tests(project: PytestProject) -> None:
    ours = ("PYTEST_", "TASKDOCK_", "COV_")
    of_nobody = {name: text for name, text in os.environ.items() if not name.startswith(ours)}
    options = ["-q", "-p", "no:cacheprovider", "-p", "taskdock.testing.plugin", "--taskdock-cov"]

    subprocess.run(
        [*COVERAGE, "run", "--branch", "--source=.", "-m", "pytest", *options],
        cwd=project.folder,
        check=True,
        timeout=120,
        env={**of_nobody, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
    )

    rows = {row[0]: row[1:] for row in report(project)}
    assert rows["tasks/shop/src/main.py"] == ["6", "1", "4", "1", "80%", "5"]
    assert rows["test_oak.py"] == ["2", "0", "0", "0", "100%"]


def test_a_server_that_runs_already_is_not_counted(project: PytestProject) -> None:
    ran = project.run("--taskdock-url", "http://localhost:1", "--taskdock-cov")

    assert ran.code == pytest.ExitCode.USAGE_ERROR
    assert "counts no lines: leave one of the two away" in ran.output


def test_without_coverage_py_no_test_runs_and_a_sentence_says_why(project: PytestProject) -> None:
    project.write("without.py", "import sys\nsys.modules['coverage'] = None\n")

    ran = project.run(
        "-p", "without", "--taskdock-cov", variables={"PYTHONPATH": str(project.folder)}
    )

    assert ran.code == pytest.ExitCode.USAGE_ERROR
    assert "takes coverage.py: pip install coverage" in ran.output
    assert "Traceback" not in ran.output
