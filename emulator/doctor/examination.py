"""The examination: all checks in their order, what each needs of those before, what is undone."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from emulator import ids, places
from emulator.clock import Clock
from emulator.doctor import judge_engine, judge_machine, machine
from emulator.doctor.check import Check, perform
from emulator.doctor.doorbell import Doorbell
from emulator.doctor.finding import Finding, NotChecked, Status, broken, degraded, ok
from emulator.doctor.judge_engine import Located
from emulator.doctor.trial import EATEN, LABEL, MEMORY, STORAGE, Trial, write_code
from emulator.engines import inquiries
from emulator.engines.docker import DockerEngine, connect, is_here
from emulator.engines.images import ImageRequest, Images
from emulator.engines.locate import find_engine
from emulator.engines.locate import places as engine_places
from emulator.engines.probe import Probe
from emulator.engines.reach import Call
from emulator.engines.scratch import open_scratch
from emulator.engines.surroundings import in_container
from emulator.errors import EngineError, EngineUnreachable, ImageNotAvailable, StartupError
from emulator.functions import runtimes
from emulator.reactor import Reactor
from emulator.settings import ImageChoice, Settings
from emulator.web.servers import open_private, open_public

_TIDY_LIMIT = 20.0  # seconds
_REGISTRY_LIMIT = inquiries.REGISTRY_LIMIT + 10  # seconds


class Examination:
    """`with Examination(...) as examination:` looks at what a server with these settings needs;
    nothing of it is left afterwards."""

    def __init__(
        self,
        settings: Settings,
        *,
        environment: Mapping[str, str],
        clock: Clock,
        runtime_ids: Sequence[str],
        connected: Callable[[str], Any] = connect,
    ) -> None:
        """`runtime_ids`: whose images are looked for. `connected`: gives a client of the engine at
        an address."""
        self._settings = settings
        self._environment = environment
        self._clock = clock
        self._runtimes = [runtimes.find(id) for id in runtime_ids]
        self._connected = connected
        self._data = settings.data_dir.resolve()
        self._run = f"{os.getpid()}-{ids.word()}"
        self._held = contextlib.ExitStack()
        self._warnings: list[str] = []
        # What a check leaves to those that follow
        self._cache: Path | None = None
        self._client: Any = None
        self._probe: Probe | None = None
        self._located: Located | None = None
        self._engine: DockerEngine | None = None
        self._image = ""
        self._shared: Trial | None = None
        self._workshop: Path | None = None
        self._reactor: Reactor | None = None
        self._in_doubt = ""

    def __enter__(self) -> Examination:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        perform(Check("tidy", self._tidy, _TIDY_LIMIT))
        self._held.close()

    def checks(self) -> list[Check]:
        return [
            Check("Python", self._python),
            Check("descriptors", self._descriptors),
            Check("data folder", self._data_folder),
            Check("cache", self._look_at_cache),
            Check("engine", self._find_engine),
            Check("container", self._container, limit=180.0),  # its image may have to be made
            Check("call back", self._call_back),
            Check("code", self._code),
            Check("output", self._output),
            Check("freezing", self._freezing),
            Check("memory peaks", self._peaks),  # before anything else that is counted as memory
            Check("/tmp", self._scratch),  # noqa: S108 - a name
            Check("memory limit", self._memory),
            Check("registry", self._registry, limit=_REGISTRY_LIMIT),
            Check("images", self._images, limit=_REGISTRY_LIMIT),
            Check("port", self._port),
            Check("disk", self._disk),
            Check("loop devices", self._loops),
            Check("inotify", lambda: judge_machine.inotify(machine.inotify())),
            Check("clock", self._compare_clocks),
        ]

    def findings(self) -> Iterator[tuple[str, Finding]]:
        """The name of each check and what it found, as they come."""
        for check in self.checks():
            finding = perform(check)
            if finding is None:
                finding = broken(f"no answer within {check.limit:g} s")
                if self._client is not None:  # it is the one thing here that may hang
                    self._in_doubt = f"the engine has not answered about: {check.name}"
            yield check.name, finding

    # This machine

    def _python(self) -> Finding:
        return judge_machine.python(sys.version_info[:3], sqlite3.sqlite_version)

    def _descriptors(self) -> Finding:
        finding = judge_machine.descriptors(machine.descriptors())
        if finding.status is Status.BROKEN:  # containers could be made, and not be removed
            self._in_doubt = "too few file descriptors"
        return finding

    def _data_folder(self) -> Finding:
        seen = machine.data_folder(self._data)
        finding = judge_machine.data_folder(seen)
        if not seen.fault:
            self._workshop = self._held.enter_context(machine.workshop(self._data))
        return finding

    def _look_at_cache(self) -> Finding:
        told: list[str] = []
        self._cache = places.cache(self._environment, told.append)
        return judge_machine.cache(self._cache, "".join(told))

    def _port(self) -> Finding:
        host, port = self._settings.host, self._settings.port
        shown = "localhost" if host in ("localhost", "0.0.0.0", "::") else host  # noqa: S104
        url = f"http://{shown}:{port}"
        fault = ""
        try:
            for each in open_public(host, port, self._listen):
                each.close()
        except StartupError as error:
            fault = error.message
        if port == 0 and not fault:
            return ok(f"a free one is taken, on {shown}")
        return judge_machine.port(fault, url, machine.taskdock_at(url) if fault else None)

    @property
    def _listen(self) -> list[str]:
        return [] if self._engine is None else [way.listen for way in self._engine.ways]

    def _disk(self) -> Finding:
        images = None
        if self._located is not None and self._located.is_here and not self._in_doubt:
            with contextlib.suppress(EngineUnreachable, OSError):
                root = inquiries.own_word(self._client, self._clock).root
                images = None if root is None else machine.room(root)
        return judge_machine.disk(machine.room(self._data), images)

    def _loops(self) -> Finding:
        if not sys.platform.startswith("linux") or os.geteuid() != 0:
            return judge_machine.loops("only root on Linux can use them, for /tmp")
        return judge_machine.loops(machine.loops())

    def _compare_clocks(self) -> Finding:
        ahead = None
        if self._client is not None and not self._in_doubt:
            with contextlib.suppress(EngineUnreachable):
                ahead = inquiries.own_word(self._client, self._clock).ahead
        return judge_machine.clock(self._clock.now(), ahead)

    # The engine

    def _find_engine(self) -> Finding:
        try:
            address = find_engine(self._environment)
        except EngineUnreachable as error:
            return judge_engine.no_engine(error.message)
        self._client = client = self._connected(address)
        self._held.callback(client.close)
        if self._cache is not None:
            self._probe = Probe(
                client,
                cache=self._cache,
                fetch=lambda reference: self._image_store().ensure(ImageRequest(reference)),
            )
        workshop = self._workshop
        scratch = open_scratch(workshop) if workshop else "the data folder cannot be used"
        if isinstance(scratch, str):
            self._warnings.append(scratch)
        self._engine = engine = DockerEngine(
            client,
            None if isinstance(scratch, str) else scratch,
            warn=self._warnings.append,
            pipes=workshop,
            probe=self._probe,
        )
        named = (p.source for p in engine_places(self._environment) if p.address == address)
        self._located = Located(
            facts=engine.facts,
            address=address,
            source=next(named, ""),
            is_here=is_here(engine.facts),
            in_container=in_container(),
        )
        return judge_engine.engine(self._located)

    def _container(self) -> Finding:
        self._use_engine()
        if self._probe is None:
            raise NotChecked("no cache")
        try:
            image = self._probe.image()
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
        except EngineError as error:
            self._image = ""
            return judge_engine.no_container(error.message)

    def _call_back(self) -> Finding:
        engine = self._use_engine()
        if engine.network is not None and not self._image:
            raise NotChecked("no container")
        listening = open_private(self._listen)
        with contextlib.suppress(StartupError):  # the port's own check tells
            listening += open_public(self._settings.host, self._settings.port, self._listen)
        ports = dict.fromkeys(each.getsockname()[1] for each in listening)
        with Doorbell(listening):
            calls = [Call(port=port, path="/", host="doctor.taskdock") for port in ports]
            return judge_engine.call_back(engine.reach(calls), engine.way)

    def _code(self) -> Finding:
        if self._workshop is None:
            raise NotChecked("no data folder")
        folder = write_code(self._workshop)
        read, fault = False, ""
        try:
            with self._new_trial(code=folder) as trial:
                read = trial.read_code()
        except EngineError as error:
            fault = error.message
        assert self._located is not None
        return judge_engine.code(read, fault, self._located, str(self._data))

    def _memory(self) -> Finding:
        with self._trial() as trial:
            end = trial.eat_too_much().exit
        assert self._engine is not None
        return judge_engine.memory(end.code, end.out_of_memory, MEMORY, self._engine.facts)

    def _peaks(self) -> Finding:
        with self._trial() as trial:
            return judge_engine.peaks(trial.eat_and_give_back().peak, EATEN)

    def _output(self) -> Finding:
        with self._trial() as trial:
            straight = trial.prints_straight()
        assert self._located is not None
        return judge_engine.output(straight, self._located.is_here)

    def _freezing(self) -> Finding:
        with self._trial() as trial:
            frozen = trial.freeze()
        at_once = self._use_engine().freezes_at_once
        return judge_engine.freezing(frozen.seconds, frozen.held, frozen.thawed, at_once)

    def _scratch(self) -> Finding:
        engine, wrote = self._use_engine(), None
        with self._trial() as trial:
            if engine.limits_storage:
                wrote = trial.fill_scratch().exit.code
        why = self._warnings[-1] if self._warnings else ""
        why = why.removeprefix("the size of /tmp is not limited: ")
        return judge_engine.scratch(engine.limits_storage, wrote, STORAGE, why)

    def _registry(self) -> Finding:
        engine = self._use_engine()
        reference = next(runtime.image for runtime in self._runtimes if runtime.image)
        asked = inquiries.ask_registry(self._client, reference)
        own = self._environment.get("HTTPS_PROXY") or self._environment.get("https_proxy") or ""
        return judge_engine.registry(asked, engine.facts.proxy, own)

    def _images(self) -> Finding:
        self._use_engine()
        wanted = {each.id: ImageRequest(each.image, each.standin) for each in self._runtimes}
        found = self._image_store().survey(wanted)
        return judge_engine.images([(one.id, one.status.value) for one in found])

    def _image_store(self) -> Images:
        """Raises `NotChecked`."""
        if self._cache is None:
            raise NotChecked("no cache")
        return Images(
            self._client,
            lambda _: None,
            cache=self._cache,
            architecture=self._settings.architecture,
            choice=ImageChoice(self._settings.images),
        )

    # What checks need

    def _use_engine(self) -> DockerEngine:
        """Raises `NotChecked`."""
        if self._engine is None:
            raise NotChecked("no engine")
        if self._in_doubt:
            raise NotChecked(self._in_doubt)
        return self._engine

    @contextlib.contextmanager
    def _trial(self) -> Iterator[Trial]:
        """The container of all that follows one another; where a try has failed, there will be a
        new one. Raises `NotChecked`, `StartFailed`."""
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
        """Raises `NotChecked`, `StartFailed`."""
        engine = self._use_engine()
        if self._reactor is None or not self._image:
            raise NotChecked("no container")
        return Trial(engine, self._reactor, self._image, run=self._run, code=code)

    def _tidy(self) -> Finding:
        if self._engine is not None:
            self._engine.sweep(f"{LABEL}={self._run}")
            self._engine.close()
        if self._reactor is not None:
            self._reactor.stop()
        return broken("nobody reads this")
