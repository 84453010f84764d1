"""The pipelines of docs/ci.md: their commands, run as plain shell in a copy of the example."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.checkout import ROOT
from tests.support.live import make_images

pytestmark = [pytest.mark.docker, pytest.mark.long, pytest.mark.timeout(900)]

EXAMPLE = Path(__file__).parent / "example"
DOCUMENT = (ROOT / "docs" / "ci.md").read_text()
SECONDS = 600
NOT_HERE = {
    "actions/checkout@v5",
    "actions/setup-python@v6",
    "actions/cache@v4",
    "actions/upload-artifact@v4",
}
"""Steps of GitHub's that no shell can run."""
NOT_HERE_EITHER = {"image", "services", "cache", "timeout", "coverage", "artifacts"}
"""Keys of a job of GitLab's that say where it runs, or what is made of its files."""
OF_THEIR_ENGINE = {"DOCKER_HOST", "DOCKER_TLS_CERTDIR"}
"""Variables that name GitLab's engine; here is another."""


def pipeline(file: str) -> Any:
    (source,) = re.findall(rf"```yaml\n# {re.escape(file)}\n(.*?)```", DOCUMENT, re.DOTALL)
    return yaml.safe_load(source)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation"]
    done = subprocess.run(
        [*build, "--wheel-dir", str(folder), str(ROOT)],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (made,) = folder.glob("taskdock-*.whl")
    return made


@pytest.fixture(scope="module")
def venv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Shared: the second pipeline finds what the first has installed."""
    folder = tmp_path_factory.mktemp("python") / "venv"
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    return folder


@pytest.fixture
def shell(tmp_path: Path, wheel: Path, venv: Path) -> Shell:
    make_images("python3.13", "nodejs20.x")
    return Shell(tmp_path, wheel, venv)


class Shell:
    """bash, as a runner has it, in a checkout of the example and with another Python than ours."""

    def __init__(self, folder: Path, wheel: Path, venv: Path) -> None:
        self.checkout = folder / "checkout"
        shutil.copytree(EXAMPLE, self.checkout, ignore=shutil.ignore_patterns("__pycache__"))
        # "taskdock" is this one, whatever an index has by that name.
        constraint = folder / "constraint.txt"
        constraint.write_text(f"taskdock @ {wheel.as_uri()}\n")
        own = ("TASKDOCK_", "API_", "AWS_", "PYTEST_", "COV_")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(own)}
        self.variables = {
            **kept,
            "PATH": f"{venv / 'bin'}{os.pathsep}{os.environ['PATH']}",
            "PIP_CONSTRAINT": str(constraint),
            "CI_PROJECT_DIR": str(self.checkout),
            "CI": "true",
        }

    def run(self, script: str, **variables: str) -> str:
        """What the script says; it has to end with 0. `$NAME` is replaced in `variables`."""
        values = {
            name: value.replace("$CI_PROJECT_DIR", str(self.checkout))
            for name, value in variables.items()
        }
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script],
            cwd=self.checkout,
            env=self.variables | values,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        assert done.returncode == 0, f"{script}\n{done.stdout}"
        return done.stdout

    def reports(self) -> None:
        """Both are there: the tests' own, and the lines that ran in containers."""
        (suite,) = ET.parse(self.checkout / "report.xml").iter("testsuite")
        assert int(suite.attrib["tests"]) > 10
        assert (suite.attrib["failures"], suite.attrib["errors"]) == ("0", "0")
        rates = {
            each.attrib["filename"]: float(each.attrib["line-rate"])
            for each in ET.parse(self.checkout / "coverage.xml").iter("class")
        }
        assert any(rate > 0.5 for rate in rates.values()), rates


def test_the_commands_for_github_pass_and_keep_the_images(shell: Shell) -> None:
    steps = pipeline(".github/workflows/test.yml")["jobs"]["test"]["steps"]
    scripts = {step["name"]: step["run"] for step in steps if "run" in step}
    foreign = {step["uses"] for step in steps if "uses" in step}

    for script in scripts.values():
        shell.run(script, GITHUB_ACTIONS="true")

    assert foreign == NOT_HERE
    shell.reports()
    assert "Loaded image" in shell.run(scripts["Images"])  # of the file that the first run has kept


def test_the_commands_for_gitlab_pass(shell: Shell) -> None:
    job = pipeline(".gitlab-ci.yml")["test"]
    variables = {
        name: value for name, value in job["variables"].items() if name not in OF_THEIR_ENGINE
    }

    said = shell.run("\n".join(job["script"]), **variables)

    assert set(job) == NOT_HERE_EITHER | {"variables", "script"}
    assert set(job["variables"]) == OF_THEIR_ENGINE | set(variables)
    shell.reports()
    assert re.search(job["coverage"].strip("/"), said)
    assert not list(shell.checkout.glob(".cache/taskdock/exec-*"))
    assert "CoverageWarning" not in said


def test_the_command_for_other_runners_takes_these_options(shell: Shell) -> None:
    (command,) = re.findall(r"```sh\n(taskdock exec .*)\n```", DOCUMENT)
    shell.run("pip install taskdock")

    options, _, others = command.partition(" -- ")
    said = shell.run(f"{options} -- sh -c 'taskdock functions list'")

    assert others == "npm test"
    assert "welcome-mail" in said
    assert (shell.checkout / "server.log").exists()
