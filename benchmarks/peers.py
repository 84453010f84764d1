"""Contenders: the interface of all, and taskdock as one of them.

A contender serves functions, and removes everything that it has started. All contenders run on the
same image, the one that taskdock would choose.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import Any, Protocol

import requests
from docker import DockerClient
from docker.errors import APIError, BuildError, ImageNotFound, NotFound
from docker.models.images import Image

from benchmarks.call import VERSION, Called, request
from benchmarks.function import Function, create_request
from benchmarks.server import START_LIMIT, CannotServe, Server, free_port, running
from taskdock.base.files.data_folder import label_of
from taskdock.engines.docker.images.images import Images
from taskdock.engines.docker.locate import find_engine
from taskdock.engines.images import ImageRequest
from taskdock.lambdas.functions import runtimes

LABEL = "dev.taskdock.benchmark"  # its value says which run
STANDIN = "dev.taskdock.standin"  # a label of the images that taskdock makes in place of AWS's
BUILT = "taskdock-benchmark"  # the repository of images that are made for a run
_LOG_PERIOD = timedelta(minutes=5)


class Contender(Protocol):
    name: str
    title: str
    lacks: frozenset[str]  # what it is not meant to have, so that a case does not apply
    package: str | None  # of PyPI's, to be installed for it; several by spaces

    def version(self) -> str: ...

    def serve(self, name: str, function: Function) -> AbstractContextManager[Called]: ...

    def close(self) -> None: ...


class Machine:
    """The engine, and the images that contenders share."""

    def __init__(self) -> None:
        self.docker = DockerClient(base_url=find_engine(os.environ))
        self._images = Images(self.docker, lambda progress: print(f"  {progress.what}"))

        self._found: dict[str, Image] = {}
        self._looking = Lock()

    def image(self, runtime_id: str) -> Image:
        """Looked for once: a tag may be given to another image while we run."""
        with self._looking:
            if runtime_id not in self._found:
                runtime = runtimes.find(runtime_id)
                reference = self._images.find(
                    ImageRequest(runtime.image, runtime.standin)
                ).reference
                self._found[runtime_id] = self.docker.images.get(reference)
            return self._found[runtime_id]

    def is_standin(self, runtime_id: str) -> bool:
        return STANDIN in self.image(runtime_id).labels

    @contextmanager
    def built(self, contender: str, name: str, function: Function, base: str = "") -> Iterator[str]:
        """The reference of the image that the function's recipe makes, which is removed in the end;
        "" without a recipe. `base`: in place of its runtime's image."""
        if not function.recipe:
            yield ""
            return
        reference = f"{BUILT}/{contender}-{name}:latest"
        context = function.build_context(base or self.image(function.runtime).id)
        try:
            self.docker.images.build(
                fileobj=context, custom_context=True, tag=reference, rm=True, forcerm=True
            )
            yield reference
        except BuildError as error:
            raise CannotServe(f"its image: {error}") from error
        finally:
            self.remove_image(reference)

    def remove_image(self, reference: str) -> None:
        """Waits for the end of its containers, which its contender removes: while there is one,
        the image would only lose its name."""
        deadline = time.monotonic() + START_LIMIT
        while True:
            try:
                self.docker.images.remove(reference)
                return
            except ImageNotFound:
                return
            except APIError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)

    def remove_built_on(self, reference: str) -> None:
        """Removes the rest of a failed build on this image: containers, images without a name."""
        try:
            id = self.docker.images.get(reference).id
        except ImageNotFound:
            return
        self.remove_containers(ancestor=reference)
        for image in self.docker.images.list(filters={"dangling": True}):
            if image.id != id and any(layer["Id"] == id for layer in image.history()):
                self.docker.images.remove(image.id)

    def remove_containers(self, **filters: str | list[str] | bool) -> None:
        for container in self.docker.containers.list(all=True, filters=filters):
            with suppress(NotFound):
                container.remove(force=True, v=True)


@contextmanager
def deployed(called: Called, body: Mapping[str, Any]) -> Iterator[Called]:
    """The function while it is there, by AWS's Lambda API."""
    made = called.request(
        "POST",
        f"{VERSION}/functions",
        json.dumps(body).encode(),
        {"Content-Type": "application/json"},
    )
    if made.status != 201:
        raise CannotServe(f"CreateFunction: {made.status} {made.text}")
    try:
        await_active(called)
        yield replace(called, created=json.loads(made.body))
    finally:
        called.request("DELETE", called.path, None)


def await_active(called: Called) -> None:
    """As AWS's clients wait for a function that was made or changed."""
    deadline = time.monotonic() + START_LIMIT
    while True:
        found = called.request("GET", f"{called.path}/configuration", None)
        if found.status == 200 and json.loads(found.body).get("State", "Active") == "Active":
            return
        if time.monotonic() > deadline:
            raise CannotServe(f"not active: {found.status} {found.text}")
        time.sleep(0.1)


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

    def await_rest(self, *, prewarmed: bool = False) -> None:
        """Waits until it makes no container and removes none: its prewarm pool, if any, is full.

        `prewarmed`: there has to be one.
        """
        deadline = time.monotonic() + START_LIMIT
        while not at_rest(status := self._status(), prewarmed=prewarmed):
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
        called = Called(
            name,
            ("127.0.0.1", self.server.port),
            f"{VERSION}/functions/{name}",
            lambda: self._log(name),
            server=self.server.pid,
            answered_after=self.server.answered_after,
            containers=self.containers,
        )
        with ExitStack() as stack:
            image = stack.enter_context(self._machine.built(self.name, name, function))
            body = create_request(name, function, image)
            yield stack.enter_context(deployed(called, body))

    def _log(self, name: str) -> str:
        """Of all its invocations in the last minutes."""
        now = datetime.now(timezone.utc)
        since, until = (f"{t:%Y-%m-%dT%H:%M:%SZ}" for t in (now - _LOG_PERIOD, now + _LOG_PERIOD))
        rql = f"eventTimestamp>={since}&eventTimestamp<={until}&limit(1000)"
        url = f"http://localhost:{self.server.port}/tasks/v1/functions/{name}/logs?{rql}"
        lines = requests.get(url, timeout=START_LIMIT).json()["data"]
        return "".join(f"{line['message']}\n" for line in lines)

    def close(self) -> None:
        self._stack.close()


def at_rest(status: Mapping[str, Any], *, prewarmed: bool = False) -> bool:
    """Whether a taskdock server with this status has nothing to prepare and nothing to remove.

    `prewarmed`: and has prewarmed something.
    """
    full = all(one["count"] >= one["wanted"] for one in status["prepared"])
    return (full and bool(status["prepared"] or not prewarmed)) and not any(
        one["state"] in ("starting", "retiring") for one in status["environments"]
    )


def _beside_python(command: str) -> Path:
    return Path(sys.executable).with_name(command)
