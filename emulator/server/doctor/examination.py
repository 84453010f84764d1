"""Examination: runs all checks in order, and removes everything that the checks have made."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any

from taskdock.base.settings import Settings
from taskdock.base.timing.clock import Clock
from taskdock.engines.docker.client import connect
from taskdock.engines.docker.images.inquiries import REGISTRY_LIMIT
from taskdock.server.doctor.check import Check, perform
from taskdock.server.doctor.container_checks import ContainerChecks
from taskdock.server.doctor.engine_checks import EngineChecks
from taskdock.server.doctor.judges.finding import Finding, broken, ok
from taskdock.server.doctor.machine_checks import MachineChecks

_TIDY_LIMIT = 20.0  # seconds
_IMAGE_LIMIT = 180.0  # seconds; the image for containers may have to be made
_REGISTRY_LIMIT = REGISTRY_LIMIT + 10  # seconds


class Examination:
    """`with Examination(...) as examination:` checks the needs of a server with these settings."""

    def __init__(
        self,
        settings: Settings,
        *,
        environment: Mapping[str, str],
        clock: Clock,
        runtime_ids: Sequence[str],
        connected: Callable[[str], Any] = connect,
    ) -> None:
        """`runtime_ids`: the runtimes whose images are looked for. `connected`: makes a client of
        the engine at an address."""
        self.machine = MachineChecks(settings, environment=environment, clock=clock)
        self.engine = EngineChecks(
            settings,
            machine=self.machine,
            environment=environment,
            clock=clock,
            runtime_ids=runtime_ids,
            connected=connected,
        )
        self.containers = ContainerChecks(machine=self.machine, engine=self.engine)

    def __enter__(self) -> Examination:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        perform(Check("tidying", self._tidy, _TIDY_LIMIT))
        self.machine.close()

    def checks(self) -> list[Check]:
        """All checks in order: first the checks that others depend on. The check of memory peaks
        comes before other checks whose files or programs would count as the container's memory."""
        machine, engine, containers = self.machine, self.engine, self.containers
        return [
            Check("Python", machine.python),
            Check("descriptors", machine.descriptors),
            Check("data folder", machine.data_folder),
            Check("cache", machine.look_at_cache),
            Check("engine", engine.find),
            Check("container", containers.container, _IMAGE_LIMIT),
            Check("door", containers.door),
            Check("code", containers.code),
            Check("freezing", containers.freezing),
            Check("memory peaks", containers.peaks),
            Check("/tmp", containers.scratch),  # noqa: S108 - a name
            Check("memory limit", containers.memory),
            Check("registry", engine.registry, _REGISTRY_LIMIT),
            Check("images", engine.images, _REGISTRY_LIMIT),
            Check("port", machine.port),
            Check("disk", lambda: machine.disk(engine.root())),
            Check("loop devices", machine.loops),
            Check("inotify", machine.inotify),
            Check("clock", lambda: machine.clocks(engine.ahead())),
        ]

    def findings(self) -> Iterator[tuple[str, Finding]]:
        """Runs the checks; yields each check's name and finding as soon as the check has ended."""
        for check in self.checks():
            finding = perform(check)
            if finding is None:
                finding = broken(f"no answer within {check.limit:g} s")
                self.engine.doubt(check.name)
            yield check.name, finding

    def _tidy(self) -> Finding:
        self.containers.close()
        self.engine.close()
        return ok("nothing is left")
