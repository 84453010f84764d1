"""Every fenced command of the README and of the other pages is run, as a reader would run it.

docs/testing.md, docs/ci.md and the page of the JavaScript package have tests of their own, in
tests/harness.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.harness.page import Example, Use, examples
from tests.support.checkout import ROOT
from tests.support.live import make_images

pytestmark = [pytest.mark.docker, pytest.mark.long, pytest.mark.timeout(300)]

README = examples(ROOT / "README.md")
PAGES = ("docs/clients.md", "docs/lambda-api.md", "docs/doctor.md", "docs/doubles.md")
"""Pages whose lines are for a server at http://localhost:8080 that has the samples."""
SECONDS = 120
OURS = ("API_", "AWS_", "TASKDOCK_", "XDG_")
"""How variables of this process begin that would change what the lines do."""
STOP = "taskdock stop --data-dir .taskdock"
"""Ends the reader's server, and none of whoever runs the tests."""
ADDRESS = "localhost:8080"
"""The server's address on the pages; here it has a free port."""


EXH = """#!/usr/bin/env python3
import os, sys
import requests
from requests_oauthlib import OAuth1
keys = ("CONSUMER_KEY", "CONSUMER_SECRET", "TOKEN", "TOKEN_SECRET")
signed = OAuth1(*(os.environ[f"API_OAUTH_{key}"] for key in keys))
assert requests.get(os.environ["API_HOST"] + "/users/v1/me", auth=signed).ok
assert open(sys.argv[sys.argv.index("--path") + 1]).read()
"""
"""In place of the service's command, which is on no public registry: its first request, signed as
it signs. tests/service/test_execution_credentials.py has all of its requests."""


class Reader:
    """A reader, who runs lines of a page in a folder of their own."""

    def __init__(self, folder: Path, **variables: str) -> None:
        self.folder = folder
        kept = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        self.variables = {**kept, "PATH": path, "NO_PROXY": "localhost", **variables}
        self.address = ADDRESS

    def run(self, lines: str) -> str:
        """What lines for a shell print. The first line that fails fails the test."""
        done = subprocess.run(
            self.command(lines),
            cwd=self.folder,
            env=self.variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        assert done.returncode == 0, f"exit code {done.returncode}\n{lines}\n{done.stdout}"
        return done.stdout

    def command(self, lines: str) -> list[str]:
        """A server in another terminal is one that is detached here."""
        here = lines.replace(ADDRESS, self.address).replace("--port 8080", "--port 0")
        here = re.sub(r"^taskdock serve (?!--detach)", "taskdock serve --detach ", here, flags=re.M)
        return ["bash", "-euo", "pipefail", "-c", here]


# A function of one's own


@pytest.fixture
def newcomer(tmp_path: Path) -> Iterator[Reader]:
    """A reader in an empty folder, who has installed the command, and ends what was started."""
    make_images("nodejs22.x", "python3.13")
    reader = Reader(tmp_path, TASKDOCK_PORT="0", HOME=str(tmp_path / "home"))
    yield reader
    reader.run(STOP)


@pytest.mark.parametrize(("name", "day"), [("hello", 86400000), ("greet", "a day")])
def test_five_commands_lead_from_an_empty_folder_to_a_first_result(
    newcomer: Reader, name: str, day: object
) -> None:
    blocks = [each for each in README if name in each.text]
    first = next(n for n, each in enumerate(blocks) if f"init {name}" in each.text)
    prepare, code, use = blocks[first : first + 3]
    assert len((prepare.text + use.text).splitlines()) == 5

    newcomer.run(prepare.text)
    (newcomer.folder / name / "src" / Path(code.path).name).write_text(code.text)
    printed = newcomer.run(use.text)

    assert '"greeting": "Hello Ada!"' in printed
    assert f'"day": {json.dumps(day)}' in printed


def test_a_new_function_is_tested_in_ci_as_the_readme_says(newcomer: Reader) -> None:
    newcomer.run("taskdock init functions/hello")
    (workflow,) = [each for each in README if each.language == "yaml"]
    (test,) = [each for each in README if each.path == "tests/test_hello.py"]
    (newcomer.folder / "tests").mkdir()
    (newcomer.folder / test.path).write_text(test.text)

    steps = [step["run"] for step in yaml.safe_load(workflow.text)["jobs"]["test"]["steps"][1:]]

    assert steps.pop(0) == "pip install taskdock pytest"
    printed = [newcomer.run(step) for step in steps]
    assert "1 passed" in printed[-1]


# Pages for a server that is there


@pytest.fixture(scope="module")
def visitor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    """A reader who has done what the page of the samples says, with a server of their own."""
    make_images("python3.11", "nodejs20.x")
    folder = tmp_path_factory.mktemp("pages")
    ignored = shutil.ignore_patterns("node_modules", "__pycache__")
    shutil.copytree(ROOT / "sample_functions", folder / "sample_functions", ignore=ignored)
    reader = Reader(folder, TASKDOCK_PORT="0", HOME=str(folder / "home"))
    (folder / "bin").mkdir()
    (folder / "bin" / "exh").write_text(EXH)
    (folder / "bin" / "exh").chmod(0o755)
    reader.variables["PATH"] += f"{os.pathsep}{folder / 'bin'}"
    started = reader.run("taskdock serve --detach --port-file port")
    try:
        reader.address = f"localhost:{(folder / 'port').read_text().strip()}"
        for example in examples(ROOT / "sample_functions" / "README.md"):
            reader.run(example.text)
        reader.run("taskdock deploy sample_functions/hello-world-python")
        reader.run("taskdock deploy sample_functions/hello-world-javascript")
        yield reader
    finally:
        print(started, reader.run(STOP))


def lines_for_a_server() -> list[tuple[str, Example]]:
    return [
        (page, example)
        for page in PAGES
        for example in examples(ROOT / page)
        if example.language in ("sh", "python") and example.use is not Use.TESTS
    ]


@pytest.mark.parametrize(
    ("page", "example"),
    [pytest.param(*each, id=f"{each[0]}-{each[1].line}") for each in lines_for_a_server()],
)
def test_the_lines_of_a_page_work(visitor: Reader, page: str, example: Example) -> None:
    if example.language == "python":
        visitor.run(f"python3 - <<'END'\n{example.text}END")
    else:
        visitor.run(example.text)
