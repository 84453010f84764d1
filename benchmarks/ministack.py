"""MiniStack, which serves AWS's services in one process and runs functions in AWS's images.

By default MiniStack runs Python and Node.js functions as processes of the server's own machine;
with `LAMBDA_EXECUTOR=docker` every function gets containers, which stay warm. MiniStack uses AWS's
images, whose entry point starts the RIE. Stand-ins have no RIE, so images with the RIE are made of
them, under a name of the benchmark's own: `MINISTACK_IMAGE_PREFIX` puts that name before AWS's.
"""

from __future__ import annotations

import json
import os
import socket
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import cached_property
from pathlib import Path

from benchmarks.call import VERSION, Called
from benchmarks.function import Function, create_request, tarred
from benchmarks.installed import MINISTACK, rie, venv
from benchmarks.peers import BUILT, Machine, deployed
from benchmarks.server import LOOPBACK, Server, free_port, running
from taskdock.engines.docker.locate import find_engine
from taskdock.lambdas.functions import runtimes

PREFIX = f"{BUILT}/ministack"
# As in AWS's base images (https://github.com/aws/aws-lambda-base-images, branches by runtime).
_ENTRY_POINT = """#!/bin/sh
if [ $# -ne 1 ]; then
  echo "entrypoint requires the handler name to be the first argument" >&2
  exit 142
fi
export _HANDLER="$1"
if [ -z "$AWS_LAMBDA_RUNTIME_API" ]; then
  exec /usr/local/bin/aws-lambda-rie /var/runtime/bootstrap
fi
exec /var/runtime/bootstrap
"""
_RECIPE = """FROM {base}
COPY aws-lambda-rie /usr/local/bin/aws-lambda-rie
COPY lambda-entrypoint.sh /lambda-entrypoint.sh
"""


class MiniStack:
    """One server for the whole run; functions come and go by its Lambda API, and its log is read
    by its CloudWatch Logs."""

    name = "ministack"
    title = "MiniStack"
    lacks: frozenset[str] = frozenset()
    package = MINISTACK

    def __init__(self, machine: Machine, host: str = LOOPBACK) -> None:
        """`host`: the address that it serves at; it sends functions to the engine's gateway."""
        self._machine = machine
        self._host = host
        self._stack = ExitStack()
        self._made: dict[str, str] = {}  # images by runtime

    def version(self) -> str:
        return MINISTACK.split()[0]

    @cached_property
    def server(self) -> Server:
        """Started when it is first asked for."""
        room = Path(self._stack.enter_context(tempfile.TemporaryDirectory()))
        port = free_port()
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
            "GATEWAY_PORT": str(port),
            "BIND_HOST": self._host,
            "LAMBDA_EXECUTOR": "docker",
            "DOCKER_HOST": find_engine(os.environ),
            "MINISTACK_IMAGE_PREFIX": PREFIX,
            "MINISTACK_HOSTNAME": socket.gethostname(),
            "TMPDIR": str(room),  # it keeps functions' code there
        }
        program = str(venv(MINISTACK) / "bin" / "ministack")
        return self._stack.enter_context(
            running([program], port, room / "log", environment, self._host)
        )

    @property
    def containers(self) -> dict[str, str]:
        """The engine's filter for all that this server has made."""
        return {"label": f"ministack.instance={socket.gethostname()}:{self.server.port}"}

    @contextmanager
    def serve(self, name: str, function: Function) -> Iterator[Called]:
        base = self._image(function.runtime)
        address = (self._host, self.server.port)
        called = Called(
            name,
            address,
            f"{VERSION}/functions/{name}",
            lambda: _log(called),
            server=self.server.pid,
            answered_after=self.server.answered_after,
            containers=self.containers,
        )
        with self._machine.built(self.name, name, function, base) as image:
            # Told an architecture, it waits a quarter of a second for each container's early end.
            body = create_request(name, function, image, architectures=False)
            try:
                with deployed(called, body) as there:
                    yield there
            finally:  # it keeps a container that the engine could not start
                if image:
                    self._machine.remove_containers(ancestor=image)

    def _image(self, runtime: str) -> str:
        """The image by the name that it will ask for, made once."""
        if runtime not in self._made:
            base = self._machine.image(runtime)
            reference = f"{PREFIX}/{runtimes.find(runtime).image}"
            if self._machine.is_standin(runtime):
                files = {
                    "Dockerfile": _RECIPE.format(base=base.id),
                    "aws-lambda-rie": rie().read_bytes(),
                    "lambda-entrypoint.sh": _ENTRY_POINT,
                }
                self._machine.docker.images.build(
                    fileobj=tarred(files), custom_context=True, tag=reference, rm=True
                )
            else:
                base.tag(*reference.rsplit(":", 1))
            self._made[runtime] = reference
        return self._made[runtime]

    def close(self) -> None:
        if "server" in self.__dict__:
            containers = self.containers
            self._stack.close()
            self._machine.remove_containers(**containers)
        for reference in self._made.values():
            self._machine.remove_image(reference)
        self._made.clear()


def gateway(machine: Machine) -> str:
    """The address at which containers find this machine, where that is one of its own; so nobody
    else can reach the server. Loopback where the engine is in a machine of its own: there a name
    leads from containers to it."""
    configs = machine.docker.networks.get("bridge").attrs["IPAM"]["Config"]
    found = next((one["Gateway"] for one in configs if "Gateway" in one), LOOPBACK)
    with socket.socket() as tried:
        try:
            tried.bind((found, 0))
        except OSError:
            return LOOPBACK
    return str(found)


def _log(called: Called) -> str:
    body = json.dumps({"logGroupName": f"/aws/lambda/{called.name}"}).encode()
    answer = called.request("POST", "/", body, _target("FilterLogEvents"))
    events = json.loads(answer.body).get("events", []) if answer.status == 200 else []
    return "".join(f"{event['message']}\n" for event in events)


def _target(operation: str) -> Mapping[str, str]:
    """The headers of a call of CloudWatch Logs."""
    kind = "application/x-amz-json-1.1"
    return {"Content-Type": kind, "X-Amz-Target": f"Logs_20140328.{operation}"}
