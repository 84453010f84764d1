"""A function that is developed: read, built, packed and switched to its new code.

`update` is called on a thread of the function's own, and one call at a time. It says what it has
done; it prints nothing.
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from enum import Enum
from functools import partial
from pathlib import Path

from taskdock.base.errors import TaskdockError
from taskdock.base.timing.clock import Clock
from taskdock.client.api import Json
from taskdock.client.deployment import build
from taskdock.client.deployment.build import RunningBuild
from taskdock.client.deployment.config import task_config
from taskdock.client.deployment.config.task_config import TaskConfig
from taskdock.client.deployment.inspection import Finding, inspect, report
from taskdock.client.deployment.package import PackageLimits
from taskdock.client.deployment.packing.selection import Selection
from taskdock.client.development.updating.build_writes import BuildWrites
from taskdock.client.development.updating.contents import PackedContents, PackedEntry
from taskdock.client.development.updating.grants import Grants
from taskdock.client.development.updating.sending import CodeSender, Sent
from taskdock.client.development.watching import stamps
from taskdock.client.errors import BuildFailed, ServerUnreachable

_KEEPS = "syntax"
"""The kind of findings with which nothing can run, so that the old version stays."""


class UpdateKind(Enum):
    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    KEPT = "kept"
    """The new code is not at the server, and the reason is said."""


@dataclass(frozen=True)
class Update:
    """The outcome of one `update`."""

    kind: UpdateKind
    name: str
    """The function's, or its folder's where its file cannot be read."""
    reason: str = ""
    seconds: float = 0.0
    """From the end of the build on."""
    files: int = 0
    size: int = 0
    """Bytes that were sent."""
    function: Json | None = None
    findings: tuple[Finding, ...] = ()
    code: Path | None = None
    """The folder of the code, as it is shown."""
    remarks: tuple[str, ...] = ()
    """Sentences about the package and the function's image."""


@dataclass
class DevelopedFunction:
    """`file`: the task-config.json."""

    file: Path
    grants: Grants
    clock: Clock
    on_line: Callable[[str, str], object]
    """Called with the function's name and each line that its build prints, on any thread."""
    name: str = ""
    """The name at the last look at the file; empty before the first."""
    _contents: PackedContents = field(default_factory=PackedContents)
    _writes: BuildWrites = field(default_factory=BuildWrites)
    _built: stamps.Stamps = field(default_factory=dict)
    """The stamps of the folder at the end of the last build."""
    _sent: Sent | None = None
    _running: RunningBuild | None = None
    _closed: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def folder(self) -> Path:
        return self.file.parent

    @property
    def is_there(self) -> bool:
        return self.file.is_file()

    def forget(self) -> None:
        """The server may have lost the function: the next update sends all of it."""
        self._sent = None

    def close(self) -> None:
        """Ends a build that runs; `update` raises then."""
        with self._lock:
            self._closed = True
            running = self._running
        if running is not None:
            running.end()

    def concerns(self, path: str) -> bool:
        """Whether a path is one of this function's that may change what is deployed."""
        folder = str(self.folder)
        inside = path == folder or path.startswith(folder + os.sep)
        return inside and not stamps.is_never_read(path, folder)

    def read(self) -> TaskConfig:
        """The file as it is now. Raises `BadTaskConfig` or what `Grants` raises."""
        config = task_config.read(
            self.file,
            given={},
            environment={},
            caller_environment=os.environ,
            allow=self.grants.allow_variables,
        )
        self.name = config.name
        return config

    def ask(self) -> None:
        """Has the caller asked what the file may do. Raises as `read`, or `BuildRefused`."""
        named = build.of(self.read(), self.file)
        if named is not None:
            self.grants.allow_build(named)

    def update(self, sender: CodeSender, saved: Collection[str]) -> Update:
        """Brings what the server has up to date. `saved`: the paths that have changed; empty: any
        may have. Raises `ServerUnreachable`; any other failure is an `Update`."""
        try:
            return self._update(sender, frozenset(saved))
        except ServerUnreachable:
            raise
        except BuildFailed as error:
            return self._kept(error.told)
        except TaskdockError as error:
            return self._kept(error.message)

    def _update(self, sender: CodeSender, saved: frozenset[str]) -> Update:
        config = self.read()
        if not self._build(config, saved):
            return Update(UpdateKind.UNCHANGED, config.name)
        began = self.clock.monotonic()
        findings = tuple(inspect(config, self.folder))
        code = None if config.path is None else _shown(self.folder / config.path)
        broken = [one for one in findings if one.kind == _KEEPS]
        if broken:
            return self._kept(report.described(broken[0], code), findings)
        entries = self._packed(config, saved)
        fields = config.model_copy(update={"path": None}).to_request(self.folder)
        digest = _digest(fields, entries)
        if self._sent is not None and self._sent.digest == digest:
            return Update(UpdateKind.UNCHANGED, config.name)
        result = sender.send(
            config, self.folder, Sent(digest, fields, entries), self._sent, self._contents
        )
        self._sent = result.sent
        return Update(
            UpdateKind(result.action),
            config.name,
            seconds=self.clock.monotonic() - began,
            files=result.files,
            size=result.size,
            function=result.function,
            findings=findings,
            code=code,
            remarks=result.remarks,
        )

    def _packed(self, config: TaskConfig, saved: Collection[str]) -> dict[str, PackedEntry]:
        if config.path is None:
            return {}

        def select() -> Selection:
            found = config.selection(self.folder, PackageLimits())
            assert found is not None, "it has a path"
            return found

        code = task_config.inside(self.folder, config.path)
        return self._contents.look(code, select, saved)

    def _build(self, config: TaskConfig, saved: frozenset[str]) -> bool:
        """Runs the build, if there is one. False: only the last build's own files have changed.
        Raises `BuildFailed`."""
        named = build.of(config, self.file)
        if named is None:
            return True
        self.grants.allow_build(named)
        before = stamps.stamps(self.folder)
        causes = stamps.changed(self._built, before)
        causes = causes & saved if saved else causes
        if not causes and self._sent is not None:
            return False
        with self._lock:
            if self._closed:
                raise TaskdockError("the command ends")
            running = self._running = RunningBuild(named, partial(self.on_line, self.name))
        try:
            running.wait()
        finally:
            self._running = None
            after = stamps.stamps(self.folder)
            changed = stamps.changed(before, after)
            saved_now = self._writes.saved_meanwhile(changed, causes, self._filled_by_build(config))
            # Files that were saved meanwhile stay new, so that the next update builds again.
            self._built = {path: found for path, found in after.items() if path not in saved_now}
        return True

    def _filled_by_build(self, config: TaskConfig) -> str | None:
        """The folder that is packed, unless it holds the function's own files, too."""
        if config.path is None:
            return None
        code = os.path.normpath(self.folder / config.path)
        return None if code == os.path.normpath(self.folder) else code

    def _kept(self, reason: str, findings: tuple[Finding, ...] = ()) -> Update:
        name = self.name or self.folder.name or str(self.file)
        return Update(UpdateKind.KEPT, name, reason=reason, findings=findings)


def _digest(fields: Json, entries: dict[str, PackedEntry]) -> str:
    packed = sorted((path, entry.mode, entry.digest) for path, entry in entries.items())
    return hashlib.sha256(json.dumps([fields, packed], sort_keys=True).encode()).hexdigest()


def _shown(folder: Path) -> Path:
    """From the current folder on, as `deploy` names a place where it was given such a path."""
    return Path(os.path.relpath(folder))
