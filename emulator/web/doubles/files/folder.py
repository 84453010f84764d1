"""The doubles of a folder's files, read again when a file has changed.

A file that cannot be read any more keeps the doubles that it had, and is reported as a trouble.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from taskdock.base.errors import BadDouble, StartupError
from taskdock.base.health import Health
from taskdock.base.timing.clock import SystemClock, to_epoch
from taskdock.web.doubles.doubles import Behaviour, Double
from taskdock.web.doubles.files import yaml_text
from taskdock.web.doubles.files.yaml_text import NotYaml, Object

ENDINGS = (".yaml", ".yml", ".json")
RECORDED = "recorded-"
"""How the names of the files begin that a recording writes: their doubles come last."""
_TROUBLE = "doubles"
_COARSE = 3000  # ms; file systems such as FAT count a file's changes in steps of two seconds

Read = Callable[[Any], Behaviour]


class _Stamp(NamedTuple):
    """The state of a file; another one when it has been written."""

    changed: int  # ns
    size: int
    inode: int


@dataclass
class _File:
    stamp: _Stamp
    content: bytes
    doubles: list[Double]
    fault: str | None = None


class DoublesFolder:
    """Its methods are called by one thread at a time."""

    def __init__(self, folder: Path, read: Read, health: Health) -> None:
        """`read`: reads a double from its JSON, and raises `BadDouble`."""
        self._folder = folder
        self._read = read
        self._health = health
        self._check: Callable[[Behaviour], None] = lambda _: None
        self._files: dict[str, _File] = {}
        self._is_gone = False  # the folder, when it was last looked at

    def begin(self, check: Callable[[Behaviour], None]) -> None:
        """Reads all files. `check` raises `BadDouble`. Raises `StartupError`."""
        self._check = check
        if not self._folder.is_dir():
            raise StartupError(
                f"there is no folder {self._folder}, which --doubles names: make one with taskdock"
                f" doubles init {self._folder}"
            )
        self._look()
        fault = self._fault()
        if fault is not None:
            raise StartupError(fault)

    def current(self) -> list[Double]:
        self._look()
        return [double for name in sorted(self._files, key=by_place) for double in self._of(name)]

    def _of(self, name: str) -> list[Double]:
        return self._files[name].doubles

    def _look(self) -> None:
        try:
            found = self._found()
        except OSError as error:
            self._is_gone = True
            self._health.report(_TROUBLE, f"{self._folder}: {error.strerror}", degraded=True)
            return
        changed = [name for name, stamp in found.items() if self._is_new(name, stamp)]
        gone = self._files.keys() - found.keys()
        if not changed and not gone and not self._is_gone:
            return
        self._is_gone = False
        for name in gone:
            del self._files[name]
        for name in changed:
            self._load(name, found[name])
        fault = self._fault()
        if fault is None:
            self._health.clear(_TROUBLE)
        else:
            self._health.report(_TROUBLE, f"{fault}; the doubles before hold", degraded=True)

    def _found(self) -> dict[str, _Stamp]:
        """The files and their states. Raises `OSError` where the folder cannot be read."""
        found = {}
        with os.scandir(self._folder) as entries:
            for entry in entries:
                if entry.name.endswith(ENDINGS) and not entry.name.startswith("."):
                    found[entry.name] = _stamp(entry)
        return found

    def _is_new(self, name: str, stamp: _Stamp) -> bool:
        known = self._files.get(name)
        if known is None or known.stamp != stamp:
            return True
        age = to_epoch(SystemClock().now()) - stamp.changed // 1_000_000
        if age > _COARSE:
            return False
        with contextlib.suppress(OSError):
            return (self._folder / name).read_bytes() != known.content
        return True

    def _load(self, name: str, stamp: _Stamp) -> None:
        known, content = self._files.get(name), b""
        try:
            content = (self._folder / name).read_bytes()
            self._files[name] = _File(stamp, content, self._doubles(name, content))
        except (BadDouble, OSError) as error:
            line = f", line {error.line}" if isinstance(error, _At) and error.line else ""
            why = error.strerror if isinstance(error, OSError) else error.args[0]
            fault = f"{self._folder / name}{line}: {why}"
            self._files[name] = _File(stamp, content, known.doubles if known else [], fault)

    def _doubles(self, name: str, content: bytes) -> list[Double]:
        try:
            sources = yaml_text.load(content)
        except NotYaml as error:
            raise _At(error.args[0], error.line) from None
        if sources is None:
            return []
        if not isinstance(sources, list):
            raise _At("it has to be a list of doubles: each begins with a dash", 1)
        return [self._double(name, source) for source in sources]

    def _double(self, name: str, source: Any) -> Double:
        try:
            behaviour = self._read(source)
            self._check(behaviour)
        except BadDouble as error:
            line = source.lines.get(error.key, source.line) if isinstance(source, Object) else 0
            raise _At(error.message, line) from None
        line = source.line if isinstance(source, Object) else 0
        return Double(f"{name}:{line}", source, behaviour, file=name)

    def _fault(self) -> str | None:
        return next((file.fault for file in self._files.values() if file.fault), None)


class _At(BadDouble):
    """A double is not written as one, in this line of its file; 0: the line is not known."""

    def __init__(self, message: str, line: int) -> None:
        super().__init__(message)
        self.line = line


def _stamp(entry: os.DirEntry[str]) -> _Stamp:
    """One that no file has, for a link that leads nowhere: reading it says what is wrong."""
    try:
        state = entry.stat()
    except FileNotFoundError:
        return _Stamp(0, 0, 0)
    return _Stamp(state.st_mtime_ns, state.st_size, state.st_ino)


def by_place(name: str) -> tuple[bool, str]:
    return name.startswith(RECORDED), name


def anywhere(folder: Path) -> Callable[[str], Callable[[], bytes]]:
    """Finds files of answers from this folder on, for doubles that are in it themselves."""

    def find(name: str) -> Callable[[], bytes]:
        path = folder / name
        if not path.is_file():
            raise BadDouble(f"`file` names {path}, and there is no such file", key="answer")
        return path.read_bytes

    return find


def inside(folder: Path) -> Callable[[str], Callable[[], bytes]]:
    """Finds files of answers in this folder alone: whoever adds a double by HTTP may not be
    allowed to read what the server may."""

    def find(name: str) -> Callable[[], bytes]:
        path = (folder / name).resolve()
        if not path.is_relative_to(folder.resolve()):
            raise BadDouble(
                f"`file` names a file outside {folder}, the folder of --doubles: send what is in"
                " the file as `json`, `text` or `base64`"
            )
        return anywhere(folder)(str(path))

    return find
