"""Checks of the engine and of its images."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from taskdock.base import ids
from taskdock.base.errors import EngineUnreachable
from taskdock.base.settings import ImageChoice, Settings
from taskdock.base.timing.clock import Clock
from taskdock.engines.docker.client import is_here
from taskdock.engines.docker.engine import DockerEngine
from taskdock.engines.docker.images import inquiries
from taskdock.engines.docker.images.images import Images
from taskdock.engines.docker.images.inquiries import OwnWord
from taskdock.engines.docker.images.probe import Probe
from taskdock.engines.docker.locate import addresses, find_engine
from taskdock.engines.images import ImageRequest
from taskdock.engines.linux.scratch_disk import open_scratch
from taskdock.engines.linux.surroundings import in_container
from taskdock.lambdas.functions import runtimes
from taskdock.server.doctor.judges import judge_engine, judge_images
from taskdock.server.doctor.judges.finding import Finding, NotChecked
from taskdock.server.doctor.judges.judge_engine import Located
from taskdock.server.doctor.machine_checks import MachineChecks


class EngineChecks:
    def __init__(
        self,
        settings: Settings,
        *,
        machine: MachineChecks,
        environment: Mapping[str, str],
        clock: Clock,
        runtime_ids: Sequence[str],
        connected: Callable[[str], Any],
    ) -> None:
        """`runtime_ids`: the runtimes whose images are looked for. `connected`: makes a client of
        the engine at an address."""
        self.located: Located | None = None
        self.warnings: list[str] = []
        """The engine's warnings: each says which ability is missing, and why."""
        self.in_doubt = ""
        """The reason not to ask the engine anything more; empty: there is none."""
        self._settings = settings
        self._machine = machine
        self._environment = environment
        self._clock = clock
        self._runtimes = [runtimes.find(id) for id in runtime_ids]
        self._connected = connected
        self._held = contextlib.ExitStack()
        self._client: Any = None
        self._probe: Probe | None = None
        self._is_asked = False  # whether a registry was asked
        self._engine: DockerEngine | None = None

    def close(self) -> None:
        if self._engine is not None:
            self._engine.close()
        if self._client is not None:
            self._client.close()
        self._held.close()

    def find(self) -> Finding:
        try:
            address = find_engine(self._environment)
        except EngineUnreachable as error:
            return judge_engine.no_engine(error.message)
        self._client = self._connected(address)
        if self._machine.cache is not None:
            self._probe = Probe(self._client, cache=self._machine.cache, fetch=self._fetch)
        workshop = self._machine.workshop
        scratch = open_scratch(workshop) if workshop else "the data folder cannot be used"
        if isinstance(scratch, str):
            self.warnings.append(scratch)
        self._engine = engine = DockerEngine(
            self._client,
            (workshop or self._folder()) / f"doors-{ids.word()}",
            scratch=None if isinstance(scratch, str) else scratch,
            warn=self.warnings.append,
        )
        named = (one.source for one in addresses(self._environment) if one.address == address)
        self.located = Located(
            facts=engine.facts,
            address=address,
            source=next(named, ""),
            is_here=is_here(engine.facts),
            in_container=in_container(),
        )
        return judge_engine.engine(self.located)

    def registry(self) -> Finding:
        engine = self.use()
        reference = next(runtime.image for runtime in self._runtimes if runtime.image)
        asked = inquiries.ask_registry(self._client, reference)
        self._is_asked = asked is not None
        own = self._environment.get("HTTPS_PROXY") or self._environment.get("https_proxy") or ""
        return judge_images.registry(asked, engine.facts.proxy, own)

    def images(self) -> Finding:
        self.use()
        requests = {one.id: ImageRequest(one.image, one.standin) for one in self._runtimes}
        found = self._store().survey(requests)
        return judge_images.images([(one.id, one.status.value) for one in found], self._is_asked)

    # For other checks

    def doubt(self, what: str) -> None:
        """Says that a check has not ended: from then on the engine, if there is one, may hang.

        `what`: the check's name.
        """
        if self._client is not None:
            self.in_doubt = f"the engine has not answered about: {what}"

    def use(self) -> DockerEngine:
        """The engine. Raises `NotChecked` without an engine, or if nothing is to be tried."""
        reason = self._machine.fault or self.in_doubt
        if self._engine is None:
            raise NotChecked("no engine")
        if reason:
            raise NotChecked(reason)
        return self._engine

    def use_probe(self) -> Probe:
        """The maker of taskdock's own image. Raises `NotChecked`."""
        self.use()
        if self._probe is None:
            raise NotChecked("no cache")
        return self._probe

    def sweep(self, label: str) -> None:
        """Removes the containers with this `name=value` label, even if the engine may hang."""
        if self._engine is not None:
            self._engine.sweep(label)

    def root(self) -> Path | None:
        """The folder where the engine keeps images, if it is on this machine."""
        word = self._own_word()
        return word.root if word and self.located and self.located.is_here else None

    def ahead(self) -> float | None:
        """Seconds that the engine's clock is ahead of this machine's; None: unknown."""
        word = self._own_word()
        return word.ahead if word else None

    def _own_word(self) -> OwnWord | None:
        with contextlib.suppress(NotChecked, EngineUnreachable):
            self.use()
            return inquiries.own_word(self._client, self._clock)
        return None

    def _fetch(self, reference: str) -> str:
        return self._store().find(ImageRequest(reference)).reference

    def _folder(self) -> Path:
        """A temporary folder, for use without a data folder."""
        return Path(self._held.enter_context(tempfile.TemporaryDirectory(prefix="doctor-")))

    def _store(self) -> Images:
        """The engine's images. Raises `NotChecked`."""
        if self._machine.cache is None:
            raise NotChecked("no cache")
        return Images(
            self._client,
            lambda _: None,
            cache=self._machine.cache,
            architecture=self._settings.architecture,
            choice=ImageChoice(self._settings.images),
        )
