"""The contenders: each can serve functions, and removes whatever it started.

Peers come from PyPI into a virtual environment of their own, since taskdock does not need them: SAM
CLI, whose wheel also holds the RIE. All run on the same image, the one that taskdock would choose.
"""

from __future__ import annotations

import base64
import compileall
import io
import json
import os
import platform
import signal
import socket
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import requests
from docker import DockerClient
from docker.errors import ImageNotFound, NotFound
from docker.models.images import Image

import emulator
from benchmarks.call import VERSION, Called, request
from emulator import places
from emulator.data_folder import label_of
from emulator.engines.images import ImageRequest, Images
from emulator.engines.locate import find_engine
from emulator.functions import runtimes

SAM = "aws-sam-cli==1.170.0"
PEERS = places.cache(os.environ) / "peers"
VENV = PEERS / SAM
SOURCES = Path(emulator.__file__).parent
START_LIMIT = 60  # seconds
LABEL = "dev.taskdock.benchmark"  # its value says which run
ARM = platform.machine() in ("arm64", "aarch64")


@dataclass(frozen=True)
class Function:
    """What is deployed: files by name, and Lambda's settings."""

    files: dict[str, str]
    runtime: str = "python3.11"
    handler: str = "app.handler"
    memory: int = 128  # MB
    timeout: int = 3  # seconds
    environment: dict[str, str] = field(default_factory=dict)

    def write(self, folder: Path) -> None:
        folder.chmod(0o755)
        for name, text in self.files.items():
            (folder / name).write_text(text)
            (folder / name).chmod(0o755)


class Contender(Protocol):
    name: str
    title: str
    lacks: frozenset[str]  # what it is not meant to have, so that a case does not apply
    package: str | None  # of PyPI's, to be installed for it

    def version(self) -> str: ...

    def serve(self, name: str, function: Function) -> AbstractContextManager[Called]: ...

    def close(self) -> None: ...


_LOG_PERIOD = timedelta(minutes=5)


class CannotServe(Exception):
    """The contender did not start, or did not take the function; the message is its own."""


class Machine:
    """The engine, and the images that contenders share."""

    def __init__(self) -> None:
        self.docker = DockerClient(base_url=find_engine(os.environ))
        self._images = Images(self.docker, lambda progress: print(f"  {progress.what}"))

        self._found: dict[str, Image] = {}

    def image(self, runtime_id: str) -> Image:
        """Looked for once: a tag may be given to another image while we run."""
        if runtime_id not in self._found:
            runtime = runtimes.find(runtime_id)
            reference = self._images.ensure(ImageRequest(runtime.image, runtime.standin))
            self._found[runtime_id] = self.docker.images.get(reference)
        return self._found[runtime_id]

    def remove_containers(self, **filters: str | list[str] | bool) -> None:
        for container in self.docker.containers.list(all=True, filters=filters):
            with suppress(NotFound):
                container.remove(force=True, v=True)


@dataclass(frozen=True)
class Created:
    """A container that has not started yet, and the port that it will be published on."""

    id: str
    port: int


class Rie:
    """AWS's Runtime Interface Emulator, as in its README: a container, a function, a port."""

    name = "rie"
    title = "RIE"
    lacks = frozenset({"names", "container"})
    package = SAM

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._run = str(os.getpid())

    def version(self) -> str:
        return f"RIE of {SAM}"

    @contextmanager
    def serve(self, name: str, function: Function) -> Iterator[Called]:
        with code_folder(function) as folder:
            created = self.create(name, function, folder)
            container = self._machine.docker.containers.get(created.id)
            try:
                container.start()
                await_http(created.port, lambda: None)
                yield Called(
                    name,
                    ("127.0.0.1", created.port),
                    f"{VERSION}/functions/function",
                    lambda: container.logs().decode(),
                    containers={"id": created.id},
                )
            finally:
                container.remove(force=True, v=True)

    def create(self, name: str, function: Function, folder: str) -> Created:
        """By the engine's own API, without the package's looking at what it made."""
        api = self._machine.docker.api
        environment = {
            **function.environment,
            "_HANDLER": function.handler,
            "AWS_LAMBDA_FUNCTION_NAME": name,
            "AWS_LAMBDA_FUNCTION_TIMEOUT": str(function.timeout),
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory),
        }
        port = free_port()
        own = [] if function.runtime.startswith("provided") else ["/var/runtime/bootstrap"]
        made = api.create_container(
            self._machine.image(function.runtime).id,
            own,
            entrypoint="/usr/local/bin/aws-lambda-rie",
            environment=environment,
            ports=[8080],
            labels={LABEL: self._run},
            host_config=api.create_host_config(
                binds=[f"{folder}:/var/task:ro", f"{rie()}:/usr/local/bin/aws-lambda-rie:ro"],
                port_bindings={8080: ("127.0.0.1", port)},
                mem_limit=f"{function.memory}m",
                memswap_limit=f"{function.memory}m",
            ),
        )
        return Created(made["Id"], port)

    def close(self) -> None:
        self._machine.remove_containers(label=f"{LABEL}={self._run}")


class Sam:
    """SAM CLI's `local start-lambda`; `options` choose between its kinds of containers."""

    lacks: frozenset[str] = frozenset()
    package = SAM

    def __init__(self, machine: Machine, name: str, title: str, options: list[str]) -> None:
        self.name = name
        self.title = title
        self._machine = machine
        self._options = options
        self._tagged: set[str] = set()

    def version(self) -> str:
        return SAM

    @contextmanager
    def serve(self, name: str, function: Function) -> Iterator[Called]:
        self._tag(function.runtime)
        with code_folder(function) as code, tempfile.TemporaryDirectory() as room:
            template = Path(room) / "template.json"
            template.write_text(json.dumps(sam_template(name, function, code)))
            port = free_port()
            command = [str(VENV / "bin" / "sam"), "local", "start-lambda", "-t", str(template)]
            command += ["--skip-pull-image", "--port", str(port), *self._options]
            command += ["--layer-cache-basedir", str(VENV / "layers")]
            try:
                with running(command, port, Path(room) / "log", _SAM_ENVIRONMENT) as server:
                    path = f"{VERSION}/functions/{name}"
                    yield Called(
                        name,
                        ("127.0.0.1", port),
                        path,
                        server.read_log,
                        server=server.pid,
                        answered_after=server.answered_after,
                        containers={"volume": code},
                    )
            finally:
                self._machine.remove_containers(volume=code)

    def _tag(self, runtime: str) -> None:
        """SAM asks for AWS's image by name; a stand-in is called that for the run."""
        docker = self._machine.docker
        reference = sam_image(runtime)
        with suppress(ImageNotFound):
            docker.images.get(reference)
            return
        repository, _, tag = reference.rpartition(":")
        self._machine.image(runtime).tag(repository, tag)
        self._tagged.add(reference)

    def close(self) -> None:
        for reference in self._tagged:
            for image in (reference, rapid_image(reference)):
                with suppress(ImageNotFound):
                    self._machine.docker.images.remove(image, force=True)
        self._tagged.clear()


class Taskdock:
    """taskdock itself: one server for the whole run; functions come and go by its Lambda API."""

    name = "taskdock"
    title = "taskdock"
    lacks: frozenset[str] = frozenset()
    package = None

    def __init__(
        self, machine: Machine, options: Sequence[str] = (), data_dir: Path | None = None
    ) -> None:
        """`options` of `taskdock serve`; without a `data_dir` it gets one that is removed."""
        self._machine = machine
        self._stack = ExitStack()
        self._options = options
        self._data_dir = data_dir

    def version(self) -> str:
        done = subprocess.run(
            [str(_beside_python("taskdock")), "version"], capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    @cached_property
    def data_dir(self) -> Path:
        return self._data_dir or Path(self._stack.enter_context(tempfile.TemporaryDirectory()))

    @property
    def containers(self) -> dict[str, str]:
        """The engine's filter for all that this server has made."""
        return {"label": f"dev.taskdock.server={label_of(self.data_dir)}"}

    @cached_property
    def server(self) -> Server:
        """Started when it is first asked for."""
        room = Path(self._stack.enter_context(tempfile.TemporaryDirectory()))
        port = free_port()
        command = [str(_beside_python("taskdock")), "serve", "--port", str(port), "--auth", "open"]
        command += ["--data-dir", str(self.data_dir), "--log-level", "WARNING"]
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith("TASKDOCK_")
        }
        return self._stack.enter_context(
            running([*command, *self._options], port, room / "log", environment)
        )

    def await_rest(self, *, stocked: bool = False) -> None:
        """Waits until it makes no container and removes none: its stock, if any, is full.

        `stocked`: there has to be one.
        """
        deadline = time.monotonic() + START_LIMIT
        while not at_rest(status := self._status(), stocked=stocked):
            if time.monotonic() > deadline:
                raise CannotServe(f"no rest within {START_LIMIT} s: {status}")
            time.sleep(0.02)

    def engine_events(self, since: float, until: float) -> dict[str, float]:
        """When the engine last did what with its containers: seconds since 1970, by verb."""
        events = self._machine.docker.api.events(
            since=since,
            until=until,
            decode=True,
            filters={"type": "container", **self.containers},
        )
        return {event["Action"]: event["timeNano"] / 1e9 for event in events}

    def _status(self) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(
            request(("127.0.0.1", self.server.port), "GET", "/status").body
        )
        return answer

    @contextmanager
    def serve(self, name: str, function: Function) -> Iterator[Called]:
        path = f"{VERSION}/functions/{name}"
        called = Called(
            name,
            ("127.0.0.1", self.server.port),
            path,
            lambda: self._log(name),
            server=self.server.pid,
            answered_after=self.server.answered_after,
            containers=self.containers,
        )
        body = json.dumps(create_request(name, function)).encode()
        made = called.request(
            "POST", f"{VERSION}/functions", body, {"Content-Type": "application/json"}
        )
        if made.status != 201:
            raise CannotServe(f"CreateFunction: {made.status} {made.text}")
        try:
            self._await_active(called)
            yield called
        finally:
            called.request("DELETE", path, None)

    def _log(self, name: str) -> str:
        """Of all its invocations in the last minutes."""
        now = datetime.now(timezone.utc)
        since, until = (f"{t:%Y-%m-%dT%H:%M:%SZ}" for t in (now - _LOG_PERIOD, now + _LOG_PERIOD))
        rql = f"eventTimestamp>={since}&eventTimestamp<={until}&limit(1000)"
        url = f"http://localhost:{self.server.port}/tasks/v1/functions/{name}/logs?{rql}"
        lines = requests.get(url, timeout=START_LIMIT).json()["data"]
        return "".join(f"{line['message']}\n" for line in lines)

    def _await_active(self, called: Called) -> None:
        deadline = time.monotonic() + START_LIMIT
        while True:
            found = called.request("GET", f"{called.path}/configuration", None)
            if found.status == 200 and json.loads(found.body).get("State", "Active") == "Active":
                return
            if time.monotonic() > deadline:
                raise CannotServe(f"not active: {found.status} {found.text}")
            time.sleep(0.1)

    def close(self) -> None:
        self._stack.close()


def at_rest(status: Mapping[str, Any], *, stocked: bool = False) -> bool:
    """Whether a taskdock server with this status has nothing to prepare and nothing to remove.

    `stocked`: and has prepared something.
    """
    full = all(one["count"] >= one["wanted"] for one in status["prepared"])
    return (full and bool(status["prepared"] or not stocked)) and not any(
        one["state"] in ("starting", "retiring") for one in status["environments"]
    )


def all_contenders(machine: Machine) -> list[Contender]:
    eager = ["--warm-containers", "EAGER"]
    return [
        Taskdock(machine),
        Sam(machine, "sam-eager", "SAM CLI, warm (EAGER)", eager),
        Sam(machine, "sam", "SAM CLI, default", []),
        Rie(machine),
    ]


def install_peers(contenders: Iterable[Contender]) -> None:
    """Also compiles taskdock's sources, as pip does with all that it installs: the peers."""
    packages = {each.package for each in contenders if each.package is not None}
    with ThreadPoolExecutor() as installers:
        list(installers.map(install, packages))
    compileall.compile_dir(SOURCES, quiet=1)


def install(requirement: str) -> None:
    """Into a virtual environment of its own, once; an interrupted installation is made anew."""
    venv = PEERS / requirement
    if (venv / "done").exists():
        return
    print(f"installing {requirement} into {venv}")
    subprocess.run([sys.executable, "-m", "venv", "--clear", str(venv)], check=True)
    subprocess.run([str(venv / "bin" / "pip"), "install", "-qq", requirement], check=True)
    (venv / "done").touch()


def rie() -> Path:
    """The RIE in SAM's wheel, as an executable file."""
    wanted = f"aws-lambda-rie-{'arm64' if ARM else 'x86_64'}"
    (found,) = VENV.glob(f"lib/*/site-packages/samcli/local/rapid/{wanted}")
    found.chmod(0o755)
    return found


def sam_image(runtime: str) -> str:
    return f"{runtimes.find(runtime).image}-{'arm64' if ARM else 'x86_64'}"


def rapid_image(reference: str) -> str:
    """What SAM builds of a base image, to have the RIE in it."""
    rest, _, architecture = reference.rpartition("-")
    return f"{rest}-rapid-{architecture}"


def sam_template(name: str, function: Function, code: str) -> dict[str, object]:
    properties = {
        "FunctionName": name,
        "CodeUri": code,
        "Handler": function.handler,
        "Runtime": function.runtime,
        "MemorySize": function.memory,
        "Timeout": function.timeout,
        "Architectures": ["arm64" if ARM else "x86_64"],
        "Environment": {"Variables": function.environment},
    }
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Transform": "AWS::Serverless-2016-10-31",
        "Resources": {"Function": {"Type": "AWS::Serverless::Function", "Properties": properties}},
    }


def create_request(name: str, function: Function) -> dict[str, object]:
    """CreateFunction's body (https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html)."""
    return {
        "FunctionName": name,
        "Runtime": function.runtime,
        "Role": "arn:aws:iam::123456789012:role/any",
        "Handler": function.handler,
        "Code": {"ZipFile": base64.b64encode(zipped(function)).decode()},
        "MemorySize": function.memory,
        "Timeout": function.timeout,
        "Architectures": ["arm64" if ARM else "x86_64"],
        "Environment": {"Variables": function.environment},
    }


def zipped(function: Function) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, text in function.files.items():
            entry = zipfile.ZipInfo(name)
            entry.external_attr = 0o100755 << 16
            archive.writestr(entry, text)
    return packed.getvalue()


@contextmanager
def code_folder(function: Function) -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="taskdock-benchmark-") as folder:
        function.write(Path(folder))
        yield folder


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


@dataclass(frozen=True)
class Server:
    """A process that serves HTTP, and everything that it printed."""

    process: subprocess.Popen[bytes]
    port: int
    printed: Path
    answered_after: float  # seconds from its start to its first answer

    @property
    def pid(self) -> int:
        return self.process.pid

    def read_log(self) -> str:
        return self.printed.read_text(errors="replace")


@contextmanager
def running(
    command: Sequence[str], port: int, printed: Path, environment: Mapping[str, str]
) -> Iterator[Server]:
    """The server that `command` starts, once it answers on `port`; CannotServe if it ends first."""
    with printed.open("wb") as log:
        begun = time.monotonic()
        process = subprocess.Popen(
            command, stdout=log, stderr=log, env=environment, start_new_session=True
        )

    def check() -> None:
        if process.poll() is not None:
            raise CannotServe(printed.read_text(errors="replace")[-500:])

    try:
        await_http(port, check)
        yield Server(process, port, printed, time.monotonic() - begun)
    finally:
        stop(process)


def await_http(port: int, check: Callable[[], None]) -> None:
    """Waits until anything is answered over HTTP; `check` raises when that is hopeless."""
    deadline = time.monotonic() + START_LIMIT
    while request(("127.0.0.1", port), "GET", "/health").status == 0:
        check()
        if time.monotonic() > deadline:
            raise CannotServe(f"nothing answers within {START_LIMIT} s")
        time.sleep(0.01)


def stop(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGINT)
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _beside_python(command: str) -> Path:
    return Path(sys.executable).with_name(command)


# No profile, no key: nothing may reach a real account, and SAM asks for none when there is no key.
_SAM_ENVIRONMENT = {
    **{name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
    "SAM_CLI_TELEMETRY": "0",
    "__SAM_CLI_APP_DIR": str(VENV / "settings"),  # not in the user's home
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
}
