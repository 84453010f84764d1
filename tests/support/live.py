"""A live taskdock: a real server process, its containers, and its Task Service over HTTP."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import docker
import requests

from taskdock.base.files.data_folder import label_of
from taskdock.lambdas.environment.spec import LABEL
from taskdock.testing.task_client import TaskClient
from taskdock.testing.zips import zip_of
from tests.support.answers import watched
from tests.support.signals import AS_IN_THE_FOREGROUND

REPOSITORY = Path(__file__).parents[2]
COMMAND = (*AS_IN_THE_FOREGROUND, sys.executable, str(REPOSITORY / "cli.py"))
FUNCTIONS = REPOSITORY / "tests" / "acceptance" / "functions"

_URL_LINE = re.compile(r"Task Service\s+(http://\S+)")
_SECONDS_TO_START = 60
_SECONDS_TO_STOP = 40
_SECONDS_TO_ANSWER = 120
_SECONDS_TO_BUILD = 800


def source(folder: str) -> dict[str, str]:
    """The files of one of the acceptance tests' own functions."""
    return {
        path.name: path.read_text() for path in (FUNCTIONS / folder).iterdir() if path.is_file()
    }


def ask(method: str, url: str, **options: Any) -> requests.Response:
    """A request to a server of this machine, whatever proxy the variables name."""
    with requests.Session() as session:
        session.trust_env = False
        options = {"timeout": _SECONDS_TO_ANSWER, **options}
        return watched(session.request(method, url, **options))


class TaskService(TaskClient):
    """Whoever ignores a refusal of it fails the test."""

    def __init__(self, url: str) -> None:
        super().__init__(url, seen=watched)


class LiveServer:
    """A server process on a data folder of its own; it may be started again after its end."""

    def __init__(
        self,
        engine: docker.DockerClient,
        data: Path,
        *options: str,
        variables: Mapping[str, str] | None = None,
    ) -> None:
        """`variables`: beside those of this process."""
        self.data = data
        self.variables = dict(variables or {})
        self.options = options
        self.output: list[str] = []
        self.service: TaskService
        self._engine = engine
        self._process: subprocess.Popen[str] | None = None
        self._reader: threading.Thread | None = None

    def start(self) -> LiveServer:
        told = self.begin()
        assert told.wait(_SECONDS_TO_START), f"no URL within {_SECONDS_TO_START} s\n{self.log}"
        assert self.service.url, f"the server did not start\n{self.log}"
        return self

    def begin(self) -> threading.Event:
        """Starts the process; the event is set once its URL is known, or it has ended."""
        command = [*COMMAND, "serve", "--port", "0", "--data-dir", str(self.data), *self.options]
        self.service = TaskService("")
        self._process = subprocess.Popen(
            command,
            cwd=self.data.parent,
            env={
                **_environment(),
                **self.variables,
                "PYTHONUNBUFFERED": "1",
                "PYTHONFAULTHANDLER": "1",
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        told = threading.Event()
        self._reader = threading.Thread(target=self._read, args=(self._process, told), daemon=True)
        self._reader.start()
        return told

    @property
    def log(self) -> str:
        return "".join(self.output)

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def runs(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def containers(self) -> list[str]:
        """Ids of all containers, running or not, that carry this server's label."""
        try:
            label = f"{LABEL}.server={label_of(self.data)}"
        except FileNotFoundError:  # it never came so far
            return []
        found = self._engine.api.containers(all=True, filters={"label": label})
        return [container["Id"] for container in found]

    def remain(self, ids: Iterable[str]) -> list[str]:
        """Those of these containers that are still there."""
        there = {each["Id"] for each in self._engine.api.containers(all=True)}
        return [id for id in ids if id in there]

    def send(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def ended(self, limit: float) -> int:
        """Its exit code, once it has ended by itself."""
        assert self._process is not None
        code = self._process.wait(limit)
        assert self._reader is not None
        self._reader.join(_SECONDS_TO_STOP)
        return code

    def terminate(self) -> None:
        self.send(signal.SIGTERM)

    def kill(self) -> None:
        """The end that no program can prepare for."""
        assert self._process is not None
        self._process.kill()
        self._wait()

    def threads(self) -> str:
        """The stacks of the server's threads, printed when this method ends the server."""
        written = len(self.output)
        self.send(signal.SIGABRT)
        self._wait()
        return "".join(self.output[written:])

    def stop(self) -> None:
        """SIGTERM; the server ends in time and in order, and leaves no container."""
        self.terminate()
        assert self._wait() == 0, self.log
        assert self.containers() == []

    def discard(self) -> None:
        """After a failure: nothing of it stays, whatever state it is in."""
        self.kill()
        for container in self.containers():
            with contextlib.suppress(docker.errors.APIError):  # it is going by itself
                self._engine.api.remove_container(container, force=True, v=True)

    def _wait(self) -> int:
        assert self._process is not None
        try:
            code = self._process.wait(_SECONDS_TO_STOP)
        except subprocess.TimeoutExpired:
            self._process.send_signal(signal.SIGABRT)  # it writes where its threads are
            code = self._process.wait()
        assert self._reader is not None
        self._reader.join(_SECONDS_TO_STOP)
        return code

    def _read(self, process: subprocess.Popen[str], told: threading.Event) -> None:
        assert process.stdout is not None
        with process.stdout:
            for line in process.stdout:
                self.output.append(line)
                if match := _URL_LINE.search(line):
                    self.service = TaskService(match[1])
                    told.set()
        told.set()


class CommandLine:
    """The taskdock command, run in a folder and talking to one server."""

    def __init__(self, folder: Path, url: str) -> None:
        self._folder = folder
        self._url = url

    def __call__(self, *words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*COMMAND, *words],
            cwd=self._folder,
            env={**_environment(), "TASKDOCK_URL": self._url},
            input=stdin,
            capture_output=True,
            text=True,
            timeout=_SECONDS_TO_ANSWER,
            check=False,
        )

    def succeed(self, *words: str) -> str:
        """The command's output. The command must exit with 0."""
        done = self(*words)
        assert done.returncode == 0, f"taskdock {' '.join(words)}\n{done.stderr}"
        return done.stdout


def make_images(*runtimes: str) -> None:
    subprocess.run(
        [*COMMAND, "images", *runtimes], timeout=_SECONDS_TO_BUILD, check=True, env=_environment()
    )


def zipped(files: Mapping[str, str | bytes], mode: int = 0o755) -> bytes:
    """A zip of these files, every one of them executable unless `mode` says otherwise."""
    return zip_of(files, mode)


def _environment() -> dict[str, str]:
    """This process' variables without those that would change what the tests ask for."""
    return {name: value for name, value in os.environ.items() if not name.startswith("TASKDOCK_")}
