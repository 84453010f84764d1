"""Checks of this machine. Each check keeps its result for the checks that follow."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import sys
from collections.abc import Mapping
from pathlib import Path

from taskdock.base.errors import StartupError
from taskdock.base.files import user_folders
from taskdock.base.settings import Settings
from taskdock.base.timing.clock import Clock
from taskdock.server.doctor import machine
from taskdock.server.doctor.judges import judge_machine
from taskdock.server.doctor.judges.finding import CheckStatus, Finding, ok
from taskdock.web.http.listeners import open_public


class MachineChecks:
    def __init__(self, settings: Settings, *, environment: Mapping[str, str], clock: Clock) -> None:
        self.data = settings.data_dir.resolve()
        self.workshop: Path | None = None
        """A temporary folder in the data folder; None: that cannot be used. `close` removes it."""
        self.cache: Path | None = None
        self.fault = ""
        """The reason not to try anything in containers; empty: there is none."""
        self._settings = settings
        self._environment = environment
        self._clock = clock
        self._held = contextlib.ExitStack()

    def close(self) -> None:
        self._held.close()

    def python(self) -> Finding:
        return judge_machine.python(sys.version_info[:3], sqlite3.sqlite_version)

    def descriptors(self) -> Finding:
        finding = judge_machine.descriptors(machine.descriptors())
        if finding.status is CheckStatus.BROKEN:  # containers could not be removed
            self.fault = "too few file descriptors"
        return finding

    def data_folder(self) -> Finding:
        seen = machine.data_folder(self._settings.data_dir)
        if not seen.fault and not seen.foreign:
            self.workshop = self._held.enter_context(machine.workshop(self.data))
        return judge_machine.data_folder(seen)

    def look_at_cache(self) -> Finding:
        problems: list[str] = []
        self.cache = user_folders.cache(self._environment, problems.append)
        return judge_machine.cache(self.cache, "".join(problems))

    def port(self) -> Finding:
        host, port = self._settings.host, self._settings.port
        shown = "localhost" if host in ("localhost", "0.0.0.0", "::") else host  # noqa: S104
        url = f"http://{shown}:{port}"
        fault = ""
        try:
            for opened in open_public(host, port):
                opened.close()
        except StartupError as error:
            fault = error.message
        if port == 0 and not fault:
            return ok(f"a free one is taken, on {shown}")
        return judge_machine.port(fault, url, machine.taskdock_at(url) if fault else None)

    def disk(self, root: Path | None) -> Finding:
        """`root`: the folder where an engine of this machine keeps its images; None: there is no
        such folder."""
        images = None
        if root is not None:
            with contextlib.suppress(OSError):
                images = machine.room(root)
        return judge_machine.disk(machine.room(self.data), images)

    def loops(self) -> Finding:
        if not sys.platform.startswith("linux") or os.geteuid() != 0:
            return judge_machine.loops("only root on Linux can use them, for /tmp")
        return judge_machine.loops(machine.loops())

    def inotify(self) -> Finding:
        return judge_machine.inotify(machine.inotify())

    def clocks(self, ahead: float | None) -> Finding:
        """`ahead`: seconds that the engine's clock is ahead of this machine's; None: unknown."""
        return judge_machine.clock(self._clock.now(), ahead)
