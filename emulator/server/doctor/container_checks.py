"""Checks in containers: each tries one thing in a container, as functions would do it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from taskdock.base import ids
from taskdock.base.errors import EngineError, ImageNotAvailable, NotReachable
from taskdock.base.timing.reactor import Reactor
from taskdock.engines.linux.disks import UNLIMITED
from taskdock.server.doctor.engine_checks import EngineChecks
from taskdock.server.doctor.judges import judge_engine
from taskdock.server.doctor.judges.finding import Finding, NotChecked, broken, degraded
from taskdock.server.doctor.machine_checks import MachineChecks
from taskdock.server.doctor.trial import EATEN, LABEL, MEMORY, STORAGE, Trial, write_code


class ContainerChecks:
    def __init__(self, *, machine: MachineChecks, engine: EngineChecks) -> None:
        self._machine = machine
        self._engine = engine
        self._run = f"{os.getpid()}-{ids.word()}"  # value of the label of all the containers
        self._image = ""
        self._shared: Trial | None = None
        self._reactor: Reactor | None = None

    def close(self) -> None:
        """Removes all the containers. Raises the exceptions of docker-py."""
        if self._reactor is None:
            return
        try:
            self._engine.sweep(f"{LABEL}={self._run}")
        finally:
            self._reactor.stop()

    def container(self) -> Finding:
        probe = self._engine.use_probe()
        try:
            image = probe.image()
        except ImageNotAvailable as error:
            return degraded(
                f"none of taskdock's own could be made: {error.message}",
                "sudo apt-get install busybox-static (or what this system calls it)",
            )
        self._reactor = Reactor()
        self._reactor.start()
        self._image = image
        try:
            with self._trial() as trial:
                return judge_engine.container(trial.seconds, trial.greet())
        except NotReachable as error:
            self._image = ""
            return broken(error.message)
        except EngineError as error:
            self._image = ""
            located = self._engine.located
            assert located is not None
            return judge_engine.no_container(error.message, located, str(self._machine.data))

    def door(self) -> Finding:
        transport = self._engine.use().transport
        if transport is None:
            raise NotChecked("no container")
        return judge_engine.door(transport.description, transport.is_local)

    def code(self) -> Finding:
        if self._machine.workshop is None:
            raise NotChecked("no data folder")
        folder = write_code(self._machine.workshop)
        read, fault = False, ""
        try:
            with self._new_trial(code=folder) as trial:
                read = trial.read_code()
        except EngineError as error:
            fault = error.message
        located = self._engine.located
        assert located is not None
        return judge_engine.code(read, fault, located, str(self._machine.data))

    def memory(self) -> Finding:
        with self._trial() as trial:
            end = trial.eat_too_much().exit
        facts = self._engine.use().facts
        return judge_engine.memory(end, MEMORY, facts)

    def peaks(self) -> Finding:
        with self._trial() as trial:
            return judge_engine.peaks(trial.eat_and_give_back().peak, EATEN)

    def freezing(self) -> Finding:
        with self._trial() as trial:
            frozen = trial.freeze()
        return judge_engine.freezing(frozen.held, frozen.thawed)

    def scratch(self) -> Finding:
        engine, wrote = self._engine.use(), None
        with self._trial() as trial:
            if engine.capabilities.limits_storage:
                wrote = trial.fill_scratch().exit.code
        why = self._engine.warnings[-1] if self._engine.warnings else ""
        why = why.removeprefix(UNLIMITED)
        return judge_engine.scratch(engine.capabilities.limits_storage, wrote, STORAGE, why)

    @contextlib.contextmanager
    def _trial(self) -> Iterator[Trial]:
        """The container that checks share, one after another. After a check that raised, the next
        one gets a new container. Raises `NotChecked`, `StartFailed`."""
        if self._shared is None:
            self._shared = self._new_trial()
        try:
            yield self._shared
        except BaseException:
            trial, self._shared = self._shared, None
            with contextlib.suppress(EngineError):
                trial.remove()
            raise

    def _new_trial(self, code: Path | None = None) -> Trial:
        """A container, with the folder `code` as its code. Raises `NotChecked`, `StartFailed`."""
        engine = self._engine.use()
        if self._reactor is None or not self._image:
            raise NotChecked("no container")
        return Trial(engine, self._reactor, self._image, run=self._run, code=code)
