"""An engine of a test's own: started for the test, broken as the test likes, and removed after it.

The engine has network, mount and pid namespaces of its own, and an empty data folder of its own, so
its start is the first ever. The engine may be the dockerd or the Podman of another system; it is
then run with that system's files as its root, and by a user who is not root. No part of the engine
outlives its owner, also when the owner is killed: see `engine_init.py`. Needs root on Linux.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType

import docker

from taskdock.engines.docker.locate import ping
from taskdock.testing.waiting import eventually
from tests.support import another_user, engine_init
from tests.support.live import REPOSITORY

SECONDS_TO_START = 60.0

_URL_LINE = re.compile(r"Task Service\s+(http://\S+)")
_SECONDS_TO_END = engine_init.SECONDS_TO_STOP + 20
_SECONDS_TO_LOAD = 240
_UNIFIED = "/sys/fs/cgroup/unified"
"""Control groups of version 2 beside those of version 1, which Debian's crun refuses to see."""
_PLACE = "/var/tmp"  # short, since a socket's path is; on a disk, as containers' files have to be


def search_path() -> str:
    """The PATH for programs, with the folders of dockerd and iptables, which some users lack."""
    return f"{os.environ.get('PATH', '/usr/bin:/bin')}:/usr/local/sbin:/usr/sbin:/sbin"


def _child(pid: int) -> int:
    """The one child of `unshare` or `nsenter`, which entered a pid namespace in its place."""
    try:
        return int(Path(f"/proc/{pid}/task/{pid}/children").read_text())
    except (OSError, ValueError):
        raise ProcessLookupError(f"{pid} has no child") from None


class Served:
    """A server inside, as its user sees it."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.url = ""
        self.code: int | None = None
        """None: it has not ended by itself."""
        self._lines: list[str] = []
        self._process = process
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def output(self) -> str:
        return "".join(self._lines)

    def has_begun(self) -> bool:
        return bool(self.url) or not self._reader.is_alive()

    def stop(self) -> None:
        """Ends it as Ctrl-C does; afterwards `code` is its exit code."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(_child(self._process.pid), signal.SIGTERM)
        try:
            self.code = self._process.wait(_SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            os.kill(_child(self._process.pid), signal.SIGABRT)  # it writes where its threads are
            self._process.wait()
        self._reader.join(_SECONDS_TO_END)

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.append(line)
            if match := _URL_LINE.search(line):
                self.url = match[1]


class OwnEngine:
    """`with OwnEngine() as engine:` gives one that answers."""

    def __init__(
        self,
        *options: str,
        program: str = "dockerd",
        root: Path | None = None,
        rootless: bool = False,
        without: tuple[str, ...] = (),
        limit: int = 280,
    ) -> None:
        """`program`: dockerd or podman. `options`: the program's. `root`: the root folder of
        another system, which sees only `folder` of this one. `rootless`: the engine and all that
        is run there are the user's `another_user.ID`. `without`: what is mounted here and not for
        the engine, such as a control group. The engine ends by itself after `limit` seconds."""
        self._rootless = rootless
        self._program = program
        if program == "podman" and os.path.ismount(_UNIFIED):
            without = (*without, _UNIFIED)
        self._description = {
            "program": program,
            "options": options,
            "root": str(root or ""),
            "user": another_user.ID,
            "rootless": rootless,
            "without": without,
            "limit": limit,
        }
        self.folder: Path
        """For all that has to be seen by the engine too: data folders, homes."""

    def __enter__(self) -> OwnEngine:
        self.folder = Path(tempfile.mkdtemp(prefix="own-engine-", dir=_PLACE))
        self.folder.chmod(0o755)
        description = json.dumps({**self._description, "folder": str(self.folder)})
        self._process = subprocess.Popen(
            [
                *("unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"),
                *(sys.executable, engine_init.__file__, description),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            env={**os.environ, "PATH": search_path()},
            start_new_session=True,  # a Ctrl-C reaches its owner, and the end of that it
        )
        try:
            eventually(self._has_begun, f"an engine\n{self.log}", within=SECONDS_TO_START)
            assert ping(self.address) is None, f"the engine did not start\n{self.log}"
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is not None:
            print(f"the engine's log ends so:\n{self.log[-3000:]}")  # for pytest's report
        self._end()

    @property
    def address(self) -> str:
        return f"unix://{self.folder}/docker.sock"

    @property
    def log(self) -> str:
        file = self.folder / "log"
        return file.read_text(errors="replace") if file.exists() else ""

    @property
    def version(self) -> str:
        """Such as 20.10.24+dfsg1."""
        with contextlib.closing(self._client()) as client:
            return str(client.version()["Version"])

    @property
    def driver(self) -> str:
        """Such as overlay2: of its storage, and the folder of its data that has images' files."""
        with contextlib.closing(self._client()) as client:
            return str(client.info()["Driver"])

    def _client(self) -> docker.DockerClient:
        return docker.DockerClient(base_url=self.address, version="auto", timeout=_SECONDS_TO_LOAD)

    @property
    def name(self) -> str:
        """Such as `Docker 20.10.24+dfsg1` or `rootless Podman 5.4.2`."""
        kind = "Podman" if self._program == "podman" else "Docker"
        return f"{'rootless ' if self._rootless else ''}{kind} {self.version}"

    def images(self) -> list[str]:
        """The tags of what it has."""
        with contextlib.closing(self._client()) as client:
            return [tag for image in client.images.list() for tag in image.tags]

    def load(self, *archives: Path) -> None:
        """Takes images from files that `docker save` could have made."""
        with contextlib.closing(self._client()) as client:
            for archive in archives:
                with archive.open("rb") as images:
                    client.images.load(images)

    def inside(self, *command: str, network: bool = True) -> list[str]:
        """This command, as one that runs in the engine's namespaces, with this machine's files.

        `network` False: with this machine's network, so not in the engine's.
        """
        entering = ["nsenter", f"--target={self._first}", "--mount", "--pid", f"--wd={self.folder}"]
        return [*entering, *(["--net"] if network else []), *command]

    def run(
        self,
        *command: str,
        network: bool = True,
        within: float = 120,
        environment: Mapping[str, str] | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Runs a command there, with DOCKER_HOST set and a home of its own; its stdout has all."""
        return subprocess.run(
            self.inside(*command, network=network),
            cwd=self.folder,
            env=self.environment(**(environment or {})),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            errors="replace",
            timeout=within,
            check=False,
        )

    @property
    def home(self) -> Path:
        """Of whoever runs commands here."""
        return self.folder / "home"

    def keep(self, source: Path, name: str) -> None:
        """Copies a file into the home, under this name."""
        place = self.home / name
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, place)
        owner = self.home.stat()
        for path in (place, *place.relative_to(self.home).parents[:-1]):
            os.chown(self.home / path, owner.st_uid, owner.st_gid)

    def python(self, *words: str) -> list[str]:
        """This Python with these words, as a command of whoever owns the engine."""
        if self._rootless:
            return another_user.python(self._bound, *words)
        return [sys.executable, *words]

    @property
    def project(self) -> Path:
        """This project's folder, as `python` sees it."""
        return another_user.project(self._bound) if self._rootless else REPOSITORY

    @property
    def _bound(self) -> Path:
        return self.folder / "bound"

    def _taskdock(self, *words: str) -> list[str]:
        return self.python(str(self.project / "cli.py"), *words)

    def environment(self, **more: str) -> dict[str, str]:
        return {
            "PATH": f"{self.folder}/tools:{search_path()}",
            "HOME": str(self.home),
            "DOCKER_HOST": self.address,
            "LC_ALL": "C.UTF-8",
            "PYTHONUNBUFFERED": "1",
            "PYTHONFAULTHANDLER": "1",
            **more,
        }

    def taskdock(
        self, *words: str, url: str, network: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """The command, talking to the server at `url`."""
        command = self._taskdock(*words)
        return self.run(*command, network=network, environment={"TASKDOCK_URL": url})

    def stop(self) -> str:
        """Has it stop as at a reboot, and returns what it has said meanwhile."""
        assert self._process.stdin is not None
        with (self.folder / "log").open(errors="replace") as log:  # it goes with the engine
            log.seek(0, os.SEEK_END)
            self._process.stdin.close()
            self._process.wait(_SECONDS_TO_END)
            return log.read()

    @contextlib.contextmanager
    def serving(
        self, *options: str, network: bool = True, environment: Mapping[str, str] | None = None
    ) -> Iterator[Served]:
        """`taskdock serve` there; it has begun to serve, or has ended."""
        data = str(self.folder / "served")
        words = ("serve", "--port", "0", "--data-dir", data, *options)
        command = self.inside(*self._taskdock(*words), network=network)
        with subprocess.Popen(
            command,
            cwd=self.folder,
            env=self.environment(**(environment or {})),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            errors="replace",
            start_new_session=True,
        ) as process:
            served = Served(process)
            try:
                eventually(served.has_begun, "a server", within=SECONDS_TO_START)
                yield served
            finally:
                served.stop()

    def demo(
        self, *, network: bool = True, environment: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """`taskdock demo` from nothing."""
        command = self._taskdock("demo", "--data-dir", str(self.folder / "demo"))
        return self.run(*command, network=network, environment=environment)

    def _has_begun(self) -> bool:
        return ping(self.address) is None or self._process.poll() is not None

    @property
    def _first(self) -> str:
        """The first process of the namespaces, as this machine numbers it."""
        return str(_child(self._process.pid))

    def _end(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(_SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            self._process.kill()  # and the kernel, with --kill-child, all the rest
            self._process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)
