"""moto's server, which runs each Lambda invocation in a container of its own.

moto needs an image of lambci's kind, whose entry point takes a handler and an event and prints the
result, and `busybox` to copy code with. Both are made here from the image of all contenders.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlencode

from docker.errors import ImageNotFound

from benchmarks.call import VERSION, Answer, Called
from benchmarks.function import Function, create_request, tarred
from benchmarks.installed import venv
from benchmarks.peers import Machine
from benchmarks.server import CannotServe, free_port, running

MOTO = "moto[server]==5.2.5"
IMAGE = "taskdock-benchmark/lambci:python3.11"
BUSYBOX = "busybox:latest"
ROLE = {"AssumeRolePolicyDocument": "{}", "Path": "/", "RoleName": "any"}
_ENTRY_POINT = (
    "import importlib, json, sys; sys.path.insert(0, '/var/task');"
    " module, _, name = sys.argv[1].rpartition('.');"
    " handler = getattr(importlib.import_module(module), name);"
    " print(json.dumps(handler(json.loads(sys.argv[2]), None)))"
)


def headers(service: str) -> dict[str, str]:
    """moto reads from a signature which service is meant, and does not check it."""
    scope = f"any/20260101/us-east-1/{service}/aws4_request"
    return {"Authorization": f"AWS4-HMAC-SHA256 Credential={scope}"}


class Moto:
    name = "moto"
    title = "moto"
    lacks: frozenset[str] = frozenset()
    package = MOTO

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._made: list[str] = []

    def version(self) -> str:
        return MOTO

    @contextmanager
    def serve(self, name: str, function: Function) -> Iterator[Called]:
        self._make_images(function.runtime)
        port = free_port()
        command = [str(venv(MOTO) / "bin" / "moto_server"), "-H", "127.0.0.1", "-p", str(port)]
        environment = {**os.environ, "MOTO_DOCKER_LAMBDA_IMAGE": IMAGE}
        with tempfile.TemporaryDirectory() as room:
            printed = Path(room) / "log"
            with running(command, port, printed, environment) as server:
                called = Called(
                    name,
                    ("127.0.0.1", port),
                    f"{VERSION}/functions/{name}",
                    server=server.pid,
                    answered_after=server.answered_after,
                )
                _deploy(called, function)
                yield called

    def _make_images(self, runtime: str) -> None:
        source = f"FROM {self._machine.image(runtime).id}\n"
        entry_point = json.dumps(["/var/lang/bin/python3", "-c", _ENTRY_POINT])
        self._make(IMAGE, f"{source}ENTRYPOINT {entry_point}\n")
        self._make(BUSYBOX, f'{source}ENTRYPOINT []\nCMD ["sh"]\n')

    def _make(self, reference: str, recipe: str) -> None:
        images = self._machine.docker.images
        with suppress(ImageNotFound):
            images.get(reference)
            return
        images.build(
            fileobj=tarred({"Dockerfile": recipe}), custom_context=True, tag=reference, rm=True
        )
        self._made.append(reference)

    def close(self) -> None:
        """moto itself removes its containers and volumes, call by call."""
        self._machine.remove_containers(ancestor=IMAGE)
        for reference in self._made:
            with suppress(ImageNotFound):
                self._machine.docker.images.remove(reference, force=True)
        self._made.clear()


def _deploy(called: Called, function: Function) -> None:
    role = urlencode({"Action": "CreateRole", "Version": "2010-05-08", **ROLE})
    form = {"Content-Type": "application/x-www-form-urlencoded", **headers("iam")}
    _expect(200, called.request("POST", "/", role.encode(), form))
    body = json.dumps(create_request(called.name, function)).encode()
    _expect(201, called.request("POST", f"{VERSION}/functions", body, headers("lambda")))


def _expect(status: int, answer: Answer) -> None:
    if answer.status != status:
        raise CannotServe(answer.text[:500])
