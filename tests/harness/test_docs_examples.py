"""Every example of docs/testing.md is run, in one project, as a reader would run it."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from taskdock.base.timing.clock import SystemClock
from taskdock.client.servers.local_server import LocalServer, own_command
from tests.harness.page import Example, Use, examples, not_shown
from tests.support.checkout import ROOT
from tests.support.live import make_images
from tests.support.parts import missing
from tests.support.pytest_project import PytestProject

pytestmark = [pytest.mark.docker, pytest.mark.long, pytest.mark.timeout(600)]

EXAMPLES = examples(ROOT / "docs" / "testing.md")
FUNCTIONS = Path(__file__).parent / "example" / "functions"
SECONDS = 120
INSTALLED = ("taskdock", "pytest", "pytest-xdist", "coverage")
"""Packages that the page installs; they are there already."""
URL = "http://localhost:8080"
"""The server's address on the page; here it has a free port."""
CLUSTER = "https://api.example.extrahorizon.io"
"""The address of a cluster on the page; here a server of a few lines stands in for it."""
OURS = ("API_", "AWS_", "CI", "COV_", "GITHUB_", "PYTEST_", "TASKDOCK_")
"""How variables of this process begin that would change what the examples do."""


class Cluster(BaseHTTPRequestHandler):
    """Answers each GET with a template."""

    def do_GET(self) -> None:
        content = b'{"data": [{"name": "welcome"}], "apiKey": "walnut-4711"}'
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


class Reader:
    """A reader of the page, who does all that it says in a project of their own."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder = folder
        self.wrong: dict[Example, str] = {}
        """What went wrong, by example."""
        self.packages: set[str] = set()
        """Those that the page says to install."""
        self._outputs: dict[Example, str] = {}
        self._stack = stack
        self._server = stack.enter_context(ExitStack())
        self._url = ""
        self._cluster = ""

    def follow(self) -> None:
        """Writes all files, runs shell lines and scripts as they come, and the tests at the end."""
        for example in EXAMPLES:
            if example.use in (Use.PROJECT, Use.FILE, Use.TESTS, Use.SCRIPT):
                self._write(example)
        before = None
        for example in EXAMPLES:
            if example.use in (Use.SHELL, Use.SCRIPT):
                self._outputs[example] = self._run(example)
                before = example
            elif example.use is Use.OUTPUT and before is not None:
                self._compare(example, self._outputs[before])
            else:
                before = None
        self._server.close()
        self._test()

    def _write(self, example: Example) -> None:
        file = self.folder / example.path
        file.parent.mkdir(parents=True, exist_ok=True)
        assert not file.exists(), f"{example.path} is there twice"
        file.write_text(example.text)

    def _run(self, example: Example) -> str:
        if example.use is Use.SHELL:
            command = ["sh", "-eu", "-c", self._shell(example.text)]
        else:
            unittest = ["-m", "unittest"] if example.is_unittest else []
            command = [sys.executable, *unittest, example.path]
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=self._variables(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        if done.returncode != 0:
            self.wrong[example] = f"exit code {done.returncode}\n{done.stdout}"
        return done.stdout

    def _shell(self, text: str) -> str:
        """The lines for a shell, but for those that install packages or start a server."""
        kept: list[str] = []
        exported: dict[str, str] = {}
        for line in text.replace("\\\n", "").splitlines():
            words = shlex.split(line, comments=True)
            if words[:2] == ["pip", "install"]:
                self.packages.update(words[2:])
            elif words[:2] == ["taskdock", "serve"]:
                self._serve(words[2:], exported)
            else:
                if words[:1] == ["export"]:
                    exported |= dict(word.split("=", 1) for word in words[1:])
                kept.append(line.replace(URL, self._url))
        return "\n".join(kept)

    def _serve(self, options: list[str], variables: dict[str, str]) -> None:
        """Starts the server that a reader has in another terminal; an earlier one is ended."""
        self._server.close()
        words = [self._here(word) for word in options]
        data = self.folder / "data"
        data.mkdir(exist_ok=True)
        server = LocalServer(
            own_command(),
            data_dir=data,
            clock=SystemClock(),
            on_line=lambda _: None,
            options=[*words, "--stop-grace", "0"],
            variables=variables,
        )
        self._url = self._server.enter_context(server).url

    def _here(self, word: str) -> str:
        if word == CLUSTER:
            return self._cluster or self._start_cluster()
        return str(self.folder / word) if (self.folder / word).is_dir() else word

    def _start_cluster(self) -> str:
        server = ThreadingHTTPServer(("localhost", 0), Cluster)
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        self._stack.callback(server.server_close)
        self._stack.callback(thread.join)
        self._stack.callback(server.shutdown)
        self._cluster = f"http://localhost:{server.server_port}"
        return self._cluster

    def _variables(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
        commands = str(Path(sys.executable).parent)
        return {
            **kept,
            "COLUMNS": "160",
            "PATH": f"{commands}{os.pathsep}{os.environ['PATH']}",
            "NO_PROXY": "localhost",
            "TASKDOCK_URL": self._url,
            "XDG_CACHE_HOME": str(self.folder / "cache"),
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",  # those of our own tests take seconds
            "PYTEST_ADDOPTS": "-p taskdock -p xdist -p no:cacheprovider",
        }

    def _test(self) -> None:
        """All tests of the page in one run. Those fail whose report the page shows."""
        ran = PytestProject(self.folder).run(
            *("--junit-xml", "report.xml"),
            variables={"GITHUB_ACTIONS": "true", "XDG_CACHE_HOME": str(self.folder / "cache")},
        )
        report = self.folder / "report.xml"
        cases = list(ET.parse(report).iter("testcase")) if report.exists() else []
        for example, following in zip(EXAMPLES, [*EXAMPLES[1:], None], strict=True):
            if example.use is not Use.TESTS:
                continue
            module = Path(example.path).stem
            own = [case for case in cases if module in case.attrib["classname"].split(".")]
            outcomes = {each.tag for case in own for each in case if each.tag != "properties"}
            fails = following is not None and following.use is Use.OUTPUT
            if not own or outcomes != ({"failure"} if fails else set()):
                self.wrong[example] = f"{len(own)} tests, {outcomes or 'passed'}\n{ran.output}"
            if fails and following is not None:
                (case,) = own
                head = f"_ {case.attrib['name']} _"
                self._compare(following, head + ran.output.partition(head)[2])
                named = [each.attrib["name"] for each in case.iter("property")]
                assert named == ["taskdock.task_id"], named

    def _compare(self, example: Example, output: str) -> None:
        line = not_shown(example.text, output)
        if line is not None:
            self.wrong[example] = f"the output has no line {line!r} in its turn:\n{output}"


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    """A reader who has read to the end."""
    if shutil.which("curl") is None:
        missing("curl")
    make_images("python3.13", "nodejs20.x")
    folder = tmp_path_factory.mktemp("page")
    shutil.copytree(FUNCTIONS, folder / "functions", ignore=shutil.ignore_patterns("__pycache__"))
    with pytest.MonkeyPatch.context() as patch, ExitStack() as stack:
        for name in [name for name in os.environ if name.startswith(("API_", "TASKDOCK_"))]:
            patch.delenv(name)
        reader = Reader(folder, stack)
        reader.follow()
        yield reader


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda each: f"{each.language}-{each.line}")
def test_an_example_of_the_page_works(reader: Reader, example: Example) -> None:
    if example in reader.wrong:
        pytest.fail(f"line {example.line}: {reader.wrong[example]}", pytrace=False)


def test_the_page_installs_what_is_there(reader: Reader) -> None:
    assert reader.packages == set(INSTALLED)
