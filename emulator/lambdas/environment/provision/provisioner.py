"""Provisions containers: image, program and code of a function, where its container sees them.

The provisioner gathers what `spec` needs to know. All of it may take long, and is for any thread.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from taskdock.base.errors import EngineUnreachable, ForeignFile, StartFailed
from taskdock.base.files.disk import SHORTAGES
from taskdock.base.timing.clock import Clock
from taskdock.engines.engine import ContainerSpec, Mount, Program
from taskdock.lambdas.environment import spec as launch
from taskdock.lambdas.environment.provision.coverage import Coverage
from taskdock.lambdas.environment.provision.debugger import DebuggedFunction
from taskdock.lambdas.functions import runtimes
from taskdock.lambdas.functions.code import CodeStore
from taskdock.lambdas.functions.function import Function
from taskdock.lambdas.functions.images_in_use import ImageOf

CredentialsOf = Callable[[Function], Mapping[str, str]]


class Provisioner:
    def __init__(
        self,
        *,
        image_of: ImageOf,
        code: CodeStore,
        port: int,
        credentials: CredentialsOf,
        server: str,
        aws: launch.Aws,
        platform: str | None,
        clock: Clock,
        coverage: Coverage | None = None,
    ) -> None:
        """`port`: the Task Service's. `credentials`: variables for a function that brings none of
        them. `server`: the value of the label that names this server's containers. `coverage`:
        counts the lines that functions run; None: nothing does."""
        self._image_of = image_of
        self._code = code
        self._port = port
        self._credentials = credentials
        self._server = server
        self._aws = aws
        self._platform = platform
        self._clock = clock
        self._coverage = coverage
        self._mounts = () if coverage is None else coverage.mounts

    def provision(self, function: Function, id: str) -> tuple[ContainerSpec, Program]:
        """A container for the environment `id` of a function. Raises `EngineError`."""
        spec = launch.spec(
            name=launch.container_name(function.name, id),
            environment_id=id,
            image=self._image_of(function).reference,
            memory=function.memory_limit,
            code=self._code_of(function),
            server=self._server,
            platform=self._platform,
            more=self._more_mounts(function),
        )
        return spec, self._program(function, id)

    def can_prewarm(self, function: Function) -> bool:
        """Whether a container can be started for it before it is called. Its image must not change,
        as those that people build may, and its code must be put into place faster than a container
        starts."""
        return (
            function.runtime is not None
            and function.code is not None
            and not isinstance(function, DebuggedFunction)
            and self._code.is_light(function.code)
        )

    def prewarm(self, function: Function, id: str) -> ContainerSpec:
        """A container for functions like this one. Raises `EngineError`."""
        return launch.spec(
            name=launch.container_name("prewarmed", id),
            environment_id=id,
            image=self._image_of(function).reference,
            memory=function.memory_limit,
            code=self._code.stage(id),
            server=self._server,
            platform=self._platform,
            more=self._mounts,
        )

    def assign(self, function: Function, id: str) -> Program:
        """Puts the function's code into a prewarmed container; returns the program that runs in it.
        Raises `EngineError`."""
        assert function.code is not None, "else it cannot be prewarmed"
        try:
            self._code.fill(id, function.code)
        except ForeignFile as error:
            raise StartFailed(error.message) from None
        except OSError as error:
            kind = EngineUnreachable if error.errno in SHORTAGES else StartFailed
            raise kind(f"its code cannot be put into place: {error}") from None
        return self._program(function, id)

    def discard(self, id: str) -> None:
        """Removes the folder of a prewarmed container that is gone; harmless for others."""
        self._code.unstage(id)

    def _more_mounts(self, function: Function) -> tuple[Mount, ...]:
        """A debugger takes the place of the counting of lines: both trace the code."""
        if isinstance(function, DebuggedFunction):
            return function.debugger.mounts
        return self._mounts

    def _code_of(self, function: Function) -> Path | None:
        try:
            return None if function.code is None else self._code.folder(function.code)
        except ForeignFile as error:
            raise StartFailed(error.message) from None

    def _program(self, function: Function, id: str) -> Program:
        runtime = None if function.runtime is None else runtimes.find(function.runtime)
        program = launch.program(
            function,
            environment_id=id,
            custom_runtime=runtime is not None and runtime.brings_bootstrap,
            port=self._port,
            credentials=self._credentials(function),
            now=self._clock.now(),
            aws=self._aws,
        )
        if isinstance(function, DebuggedFunction):
            return _debugged(program, function)
        if self._coverage is None:
            return program
        family = None if runtime is None else runtime.family
        counting = self._coverage.variables(family, program.environment)
        return replace(program, environment={**program.environment, **counting})


def _debugged(program: Program, function: DebuggedFunction) -> Program:
    """A debugger's memory is no part of what the function is told that it has."""
    told = {"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.original.memory_limit)}
    debugging = function.debugger.variables(program.environment)
    return replace(program, environment={**program.environment, **told, **debugging})
