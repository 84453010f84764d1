"""Lines that functions run in real containers count in the reports of this machine."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from taskdock.testing import Dock, Settings, running
from taskdock.testing.coverage import Counted, collect
from tests.support.live import make_images

pytestmark = [pytest.mark.docker, pytest.mark.long]

RUNTIMES = ("python3.9", "python3.11", "python3.13", "python3.14", "nodejs20.x", "nodejs24.x")

PYTHON = """\
import time


def price(wood):
    if wood == "oak":
        return 40
    elif wood == "walnut":
        return 80
    return 0


def handler(event, context):
    if event["data"].get("hang"):
        time.sleep(60)
        return None
    return price(event["data"]["wood"])
"""
JAVASCRIPT = """\
const price = (wood) => {
  if (wood === 'oak') {
    return 40;
  }
  if (wood === 'walnut') {
    return 80;
  }
  return 0;
};

function never() {
  return 1;
}

exports.handler = async (event) => {
  if (event.data.hang) {
    await new Promise((resolve) => setTimeout(resolve, 60000));
    return null;
  }
  return price(event.data.wood);
};
"""
WRAPPER = """\
#!/bin/sh
export WOOD=oak
exec "$@"
"""


@pytest.fixture(scope="module", autouse=True)
def images() -> None:
    make_images(*RUNTIMES)


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory. Each folder in it is a function's."""
    folder = tmp_path / "repository"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def counted(tmp_path: Path) -> Path:
    return tmp_path / "counted"


@pytest.fixture
def dock(counted: Path) -> Iterator[Dock]:
    with running(Settings(coverage=counted)) as dock:
        yield dock


def deploy(dock: Dock, folder: Path, files: dict[str, str], runtime: str, **more: object) -> str:
    """Writes a function's folder, and deploys it under the folder's name."""
    folder.mkdir()
    for name, text in files.items():
        (folder / name).write_text(text)
    return dock.service.deploy(folder.name, dict(files), runtime=runtime, **more)


def gather(counted: Path, repository: Path) -> Counted:
    """Everything that was counted, written as reports expect it."""
    return collect(counted, {folder.name: folder for folder in repository.iterdir()})


def report(*options: str) -> str:
    """Of coverage.py's command, on its data file in the working directory."""
    done = subprocess.run(
        [sys.executable, "-m", "coverage", *options],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return done.stdout


@pytest.mark.parametrize("runtime", ["python3.9", "python3.11", "python3.13", "python3.14"])
def test_coverage_py_reports_the_branches_that_ran_in_a_container_and_no_others(
    dock: Dock, repository: Path, counted: Path, runtime: str
) -> None:
    (repository / ".coveragerc").write_text("[run]\nbranch = true\n")
    name = deploy(dock, repository / "shop", {"main.py": PYTHON}, runtime)
    for wood in ("oak", "birch"):
        dock.service.warm_up(name, {"wood": wood})

    gather(counted, repository)

    # Neither the walnut's price nor the sleep: 3 of 12 statements, and 2 of 6 branches.
    row = report("report", "-m").splitlines()[2].split(maxsplit=6)
    assert row == ["shop/main.py", "12", "3", "6", "2", "72%", "8, 14-15"]


@pytest.mark.parametrize("runtime", ["nodejs20.x", "nodejs24.x"])
def test_lines_of_node_that_ran_in_a_container_are_reported_and_no_others(
    dock: Dock, repository: Path, counted: Path, runtime: str
) -> None:
    name = deploy(dock, repository / "shop", {"main.js": JAVASCRIPT}, runtime)
    for wood in ("oak", "birch"):
        dock.service.warm_up(name, {"wood": wood})

    found = gather(counted, repository)

    ran = found.javascript[repository / "shop" / "main.js"]
    assert [line for line in ran if not ran[line]] == [6, 11, 12, 17, 18]
    assert [line for line in ran if ran[line]] == [1, 2, 3, 5, 8, 15, 16, 20]
    assert found.lcov is not None
    assert "SF:shop/main.js" in found.lcov.read_text()


def test_a_module_of_node_counts_and_so_does_a_streamed_answer(
    dock: Dock, repository: Path, counted: Path
) -> None:
    text = (
        "export const handler = awslambda.streamifyResponse(async (event, stream) => {\n"
        "  stream.write('oak');\n"
        "  stream.end();\n"
        "});\n"
        "const never = () => {\n"
        "  return 1;\n"
        "};\n"
    )
    name = deploy(dock, repository / "shop", {"main.mjs": text}, "nodejs20.x")
    for _ in range(2):
        dock.service.execute(name)

    found = gather(counted, repository)

    ran = found.javascript[repository / "shop" / "main.mjs"]
    assert [line for line in ran if not ran[line]] == [6]


def test_a_python_function_that_its_time_limit_ends_has_counted_all_that_it_ran(
    dock: Dock, repository: Path, counted: Path
) -> None:
    name = deploy(dock, repository / "shop", {"main.py": PYTHON}, "python3.11", timeLimit=3)
    dock.service.warm_up(name, {"wood": "oak"})
    assert "Task timed out" in str(dock.service.execute(name, {"hang": True}))

    found = gather(counted, repository)

    ran = found.python[repository / "shop" / "main.py"]
    assert ran == {1, 4, 5, 6, 12, 13, 14, 16}


def test_a_node_function_that_its_time_limit_ends_has_counted_all_that_it_ran(
    dock: Dock, repository: Path, counted: Path
) -> None:
    name = deploy(dock, repository / "shop", {"main.js": JAVASCRIPT}, "nodejs20.x", timeLimit=3)
    dock.service.warm_up(name, {"wood": "oak"})
    assert "Task timed out" in str(dock.service.execute(name, {"hang": True}))

    found = gather(counted, repository)

    ran = found.javascript[repository / "shop" / "main.js"]
    assert [line for line in ran if ran[line]] == [1, 2, 3, 15, 16, 17, 20]


@pytest.mark.parametrize("runtime", ["python3.13", "nodejs20.x"])
def test_a_functions_own_wrapper_runs_too(
    dock: Dock, repository: Path, counted: Path, runtime: str
) -> None:
    python = "import os\n\ndef handler(event, context):\n    return dict(os.environ)\n"
    node = "exports.handler = async () => process.env;\n"
    files = {"main.py": python} if runtime.startswith("python") else {"main.js": node}
    wrapper = {"AWS_LAMBDA_EXEC_WRAPPER": {"value": "/var/task/wrapper"}}
    name = deploy(
        dock,
        repository / "shop",
        {**files, "wrapper": WRAPPER},
        runtime,
        environmentVariables=wrapper,
    )

    seen = dock.service.execute(name)["result"]

    assert (seen["WOOD"], seen["AWS_LAMBDA_EXEC_WRAPPER"]) == ("oak", "/var/task/wrapper")
    found = gather(counted, repository)
    assert found.python or found.javascript


def test_lines_alone_count_from_python_3_12_on_by_monitoring(
    repository: Path, counted: Path
) -> None:
    with running(Settings(coverage=counted, coverage_detail="lines")) as dock:
        name = deploy(dock, repository / "shop", {"main.py": PYTHON}, "python3.13")
        dock.service.warm_up(name, {"wood": "oak"})

    found = gather(counted, repository)

    assert found.python[repository / "shop" / "main.py"] == {1, 4, 5, 6, 12, 13, 16}
