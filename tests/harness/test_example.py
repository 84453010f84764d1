"""A repository of its own, in an environment of its own: its tests pass, and each can fail."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest

from taskdock.lambdas.environment.spec import LABEL
from taskdock.testing import eventually
from tests.harness.broken import BREAKS
from tests.support import processes
from tests.support.fresh_venv import make_venv
from tests.support.live import make_images
from tests.support.pytest_project import PytestProject, Ran

pytestmark = [pytest.mark.docker, pytest.mark.long]

EXAMPLE = Path(__file__).parent / "example"
TESTS = 19
PART = re.compile(r"^_{3,} (?:ERROR at setup of )?(\S+) _{3,}$", re.MULTILINE)
"""The line that begins the part of a test in pytest's report."""


class Machine:
    """What servers that keep their data below this folder have on this machine."""

    def __init__(self, engine: docker.DockerClient, cache: Path) -> None:
        self.cache = cache
        self._engine = engine

    def containers(self) -> list[str]:
        found = self._engine.api.containers(all=True, filters={"label": f"{LABEL}.server"})
        return [
            each["Id"]
            for each in found
            if any(str(mount.get("Source")).startswith(str(self.cache)) for mount in each["Mounts"])
        ]

    def processes(self) -> list[int]:
        return list(processes.with_word(str(self.cache)))

    def folders(self) -> list[Path]:
        return list((self.cache / "taskdock").glob("exec-*"))

    def left(self) -> list[object]:
        return [*self.containers(), *self.processes(), *self.folders()]


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("installed")
    return str(make_venv(folder, "pytest", "pytest-xdist", "boto3"))


@pytest.fixture(scope="module", autouse=True)
def images() -> None:
    """Those of the example are there: its runs have a time limit, and caches of their own."""
    make_images("python3.13", "nodejs20.x")


@pytest.fixture
def project(tmp_path: Path, python: str) -> PytestProject:
    shutil.copytree(EXAMPLE, tmp_path / "example", ignore=shutil.ignore_patterns("__pycache__"))
    return PytestProject(tmp_path / "example", python, plugins=None)


@pytest.fixture
def machine(docker_client: docker.DockerClient, tmp_path: Path) -> Iterator[Machine]:
    machine = Machine(docker_client, tmp_path / "cache")
    yield machine
    for id in machine.containers():
        docker_client.api.remove_container(id, force=True, v=True)


def run(project: PytestProject, machine: Machine, *options: str, **variables: str) -> Ran:
    return project.run(*options, variables={"XDG_CACHE_HOME": str(machine.cache), **variables})


def test_its_tests_pass_on_two_workers_and_leave_nothing(
    project: PytestProject, machine: Machine
) -> None:
    before = sorted(project.folder.rglob("*"))

    ran = run(project, machine, "-n", "2", PYTHONDONTWRITEBYTECODE="1")

    assert ran.outcomes() == f"{TESTS} passed", ran.output
    assert machine.left() == []
    assert sorted(project.folder.rglob("*")) == before


def test_each_of_its_tests_fails_once_it_is_broken_and_says_why(
    project: PytestProject, machine: Machine
) -> None:
    for each in BREAKS:
        each.apply(project.folder)

    ran = run(project, machine, "-n", "2", "--junit-xml", "report.xml", GITHUB_ACTIONS="true")

    parts = parts_of(ran.output)
    for each in BREAKS:
        named = [text for name, text in parts.items() if name.startswith(each.test)]
        assert named, f"{each.test} has passed\n{ran.output}"
        for text in named:
            for shown in each.shown:
                assert shown in text, f"{each.test} does not show {shown!r}:\n{text}"
    broken = {name.partition("[")[0] for name in parts}
    assert broken == names_of_tests(EXAMPLE)
    assert "\n::error file=functions/welcome-mail/src/index.js,line=10::" in ran.output
    assert "\n::error file=functions/report/src/main.py,line=20::" in ran.output
    assert properties(project.folder / "report.xml") >= len(BREAKS)
    assert machine.left() == []


def test_a_worker_that_is_killed_leaves_nothing(
    project: PytestProject, machine: Machine, tmp_path: Path
) -> None:
    project.write(
        "tests/test_killed.py",
        "import os, signal\n"
        "from pathlib import Path\n"
        "def test_killed(taskdock):\n"
        "    taskdock.execute('report')\n"
        f"    Path({str(tmp_path / 'was-there')!r}).touch()\n"
        f"    while not Path({str(tmp_path / 'seen')!r}).exists(): pass\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n",
    )
    ran = project.start("tests/test_killed.py", variables={"XDG_CACHE_HOME": str(machine.cache)})
    eventually((tmp_path / "was-there").exists, within=120)
    assert machine.containers() != []
    assert machine.processes() != []
    assert machine.folders() != []

    (tmp_path / "seen").touch()

    ran.communicate(timeout=60)
    assert ran.returncode == -9
    eventually(lambda: not machine.left(), state=machine.left)


def test_after_a_server_was_killed_the_next_test_has_another(
    project: PytestProject, machine: Machine
) -> None:
    project.write(
        "tests/test_killed.py",
        "import os, signal\n"
        "def test_killed(taskdock):\n"
        "    os.kill(int(os.environ['PID']), signal.SIGKILL)\n"
        "    taskdock.execute('report')\n"
        "def test_next(taskdock):\n"
        "    assert taskdock.execute('report').result == {'mean': 125}\n",
    )
    project.write(
        "conftest.py",
        "import os, pytest\n"
        "from pathlib import Path\n"
        "@pytest.fixture(autouse=True)\n"
        "def pid(taskdock_server):\n"
        "    cache = os.environ['XDG_CACHE_HOME'].encode()\n"
        "    for path in Path('/proc').glob('[0-9]*/cmdline'):\n"
        "        words = path.read_bytes().split(b'\\0')\n"
        "        if b'serve' in words and any(word.startswith(cache) for word in words):\n"
        "            os.environ['PID'] = path.parent.name\n",
    )

    ran = run(project, machine, "tests/test_killed.py")

    assert ran.outcomes() == "1 failed, 1 passed", ran.output
    assert "- taskdock: the server has ended -" in ran.output
    eventually(lambda: not machine.left(), state=machine.left)


def test_a_server_that_is_kept_serves_until_ctrl_c(
    project: PytestProject, machine: Machine
) -> None:
    ran = project.start(
        "--taskdock-keep",
        "-k",
        "mail_is_sent",
        variables={"XDG_CACHE_HOME": str(machine.cache), "PYTHONUNBUFFERED": "1"},
    )
    assert ran.stdout is not None
    for line in ran.stdout:
        if found := re.match(r"taskdock: the server stays up at (\S+); Ctrl-C ends it", line):
            break
    assert found is not None
    assert machine.processes() != []

    os.kill(ran.pid, 2)

    ran.communicate(timeout=60)
    assert ran.returncode == 0
    assert machine.left() == []


def test_a_program_that_has_imported_the_package_may_start_pytest(
    python: str, tmp_path: Path
) -> None:
    """pytest rewrites the modules of whoever brings a plugin, and warns where it comes too late."""
    (tmp_path / "test_one.py").write_text("def test_one(): pass\n")
    program = "import sys, taskdock, pytest; sys.exit(pytest.main(['-W', 'error']))"

    done = subprocess.run(
        [python, "-c", program],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )

    assert done.returncode == 0, f"{done.stdout}{done.stderr}"


def parts_of(output: str) -> dict[str, str]:
    """The parts of a report by their tests."""
    found = PART.split(output.partition("short test summary info")[0])
    return dict(zip(found[1::2], found[2::2], strict=True))


def names_of_tests(folder: Path) -> set[str]:
    return {
        name
        for file in (folder / "tests").glob("test_*.py")
        for name in re.findall(r"^def (test_\w+)", file.read_text(), re.MULTILINE)
    }


def properties(report: Path) -> int:
    """The number of tasks that are named in a report for machines."""
    return len(
        {
            each.attrib["value"]
            for each in ET.parse(report).iter("property")
            if each.attrib["name"] == "taskdock.task_id"
        }
    )
