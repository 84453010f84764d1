"""AWS's Runtime Interface Emulator, run as in its README: a container, a function, a port."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from docker.errors import DockerException

from benchmarks.call import VERSION, Called
from benchmarks.function import Function, code_folder
from benchmarks.installed import SAM, rie
from benchmarks.peers import LABEL, Machine
from benchmarks.server import CannotServe, await_http, free_port


@dataclass(frozen=True)
class Created:
    """A container that has not started yet, and the port that it will be published on."""

    id: str
    port: int


class Rie:
    """The binary in SAM CLI's wheel, as entry point of a container."""

    name = "rie"
    title = "RIE"
    lacks = frozenset({"names", "container", "deployment", "zip"})
    package = SAM

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._run = str(os.getpid())

    def version(self) -> str:
        return f"RIE of {SAM}"

    @contextmanager
    def serve(self, name: str, function: Function) -> Iterator[Called]:
        built = self._machine.built(self.name, name, function)
        with built as image, code_folder(function) as folder:
            created = self.create(name, function, folder, image)
            container = self._machine.docker.containers.get(created.id)
            try:
                container.start()
                await_http(created.port, lambda: None)
                yield Called(
                    name,
                    ("127.0.0.1", created.port),
                    f"{VERSION}/functions/function",
                    lambda: container.logs().decode(errors="replace"),
                    containers={"id": created.id},
                )
            except DockerException as error:
                raise CannotServe(str(error)) from error
            finally:
                container.remove(force=True, v=True)

    def create(self, name: str, function: Function, folder: str, image: str = "") -> Created:
        """By the engine's own API, without the package's looking at what it made.

        `folder`: the function's code. `image`: what its recipe has made, if it has one.
        """
        api = self._machine.docker.api
        environment = {
            **function.environment,
            "_HANDLER": function.handler,
            "AWS_LAMBDA_FUNCTION_NAME": name,
            "AWS_LAMBDA_FUNCTION_TIMEOUT": str(function.timeout),
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory),
        }
        port = free_port()
        binds = [f"{rie()}:/usr/local/bin/aws-lambda-rie:ro"]
        made = api.create_container(
            image or self._machine.image(function.runtime).id,
            self._program(function, image),
            entrypoint="/usr/local/bin/aws-lambda-rie",
            environment=environment,
            ports=[8080],
            labels={LABEL: self._run},
            working_dir=function.image_config.get("WorkingDirectory"),
            host_config=api.create_host_config(
                binds=binds if image else [f"{folder}:/var/task:ro", *binds],
                port_bindings={8080: ("127.0.0.1", port)},
                mem_limit=f"{function.memory}m",
                memswap_limit=f"{function.memory}m",
            ),
        )
        return Created(made["Id"], port)

    def _program(self, function: Function, image: str) -> list[str]:
        """The program that the RIE starts."""
        if not image:
            return [] if function.runtime.startswith("provided") else ["/var/runtime/bootstrap"]
        config = self._machine.docker.api.inspect_image(image)["Config"]
        own = function.image_config
        entry_point = own.get("EntryPoint") or config["Entrypoint"] or []
        command = own.get("Command") or config["Cmd"] or []
        return [*entry_point, *command]

    def close(self) -> None:
        self._machine.remove_containers(label=f"{LABEL}={self._run}")
