"""Selection: the files and links of a folder that are packed, and what is left out by which rule.

Folders are looked through from the top, and no link is followed.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Collection
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from taskdock.client.deployment.packing import dependencies, rules
from taskdock.client.deployment.packing.handler import Handler
from taskdock.client.deployment.packing.ignore_files import IgnoreLine
from taskdock.client.deployment.packing.ignoring import Ignoring
from taskdock.client.deployment.packing.limits import MEGABYTE, PackageLimits, in_megabytes
from taskdock.client.deployment.packing.rules import Rule
from taskdock.client.errors import BadPackage

_NO_FILE = Rule("no file, folder or link", firm=True)
_ALL_MAY_READ = stat.S_IROTH
_ALL_MAY_ENTER = stat.S_IROTH | stat.S_IXOTH


@dataclass(frozen=True)
class PackedFile:
    """A file or a link that is packed."""

    path: str
    """In the package, with slashes."""
    size: int
    """Bytes; of a link those of its target's name."""
    mode: int
    """As `os.lstat` gives it."""
    dependency: bool = False
    """An installer has put it there."""

    @property
    def is_link(self) -> bool:
        return stat.S_ISLNK(self.mode)


@dataclass(frozen=True)
class LeftOut:
    path: str
    """In the package's folder, with slashes; a folder's ends with one."""
    rule: str
    line: IgnoreLine | None = None
    """The line of an ignore file that is the rule."""


@dataclass
class Selection:
    folder: Path
    files: list[PackedFile] = field(default_factory=list)
    """Sorted by their paths."""
    left_out: list[LeftOut] = field(default_factory=list)
    """Sorted by their paths. A folder stands for all that is in it."""
    closed: list[tuple[str, int]] = field(default_factory=list)
    """Paths and modes of files and folders that some users of this machine may not read."""
    overruled: list[IgnoreLine] = field(default_factory=list)
    """Lines that do not count, because they would leave out the handler's file."""

    @property
    def size(self) -> int:
        """Bytes of all files, unpacked."""
        return sum(file.size for file in self.files)

    def too_big(self, limit: str) -> BadPackage:
        biggest = sorted(self.files, key=lambda file: file.size, reverse=True)[:3]
        named = ", ".join(f"{file.path} ({file.size / MEGABYTE:.1f} MB)" for file in biggest)
        return BadPackage(
            f"{self.folder} is over {limit}, more than the Task Service takes; the biggest of"
            f" {len(self.files)} files: {named}; a .taskdockignore leaves files out, and"
            " taskdock deploy PATH --list shows what is packed"
        )


def select(
    folder: Path, limits: PackageLimits, *, within: Path | None, entry_point: str | None
) -> Selection:
    """The selection of a function's folder.

    `within`: the folder of its task-config.json; the .taskdockignore files there and in folders
    between count, too. `entry_point`: a line that was written for git or npm does not count if it
    leaves out the file of this handler. Raises `BadPackage` for a wrong ignore file, for a folder
    that is too big, as soon as that is known, or cannot be packed; and `OSError`.
    """
    overruled: list[IgnoreLine] = []
    while True:
        walk = _Walk(folder, limits, within, Handler(entry_point), overruled)
        mistaken = walk.through()
        if mistaken is None:
            found = walk.selection
            found.files.sort(key=lambda file: file.path)
            found.left_out.sort(key=lambda one: one.path)
            return found
        overruled.append(mistaken)


class _Walk:
    """One way through the folders of a package."""

    def __init__(
        self,
        folder: Path,
        limits: PackageLimits,
        within: Path | None,
        handler: Handler,
        overruled: list[IgnoreLine],
    ) -> None:
        self.selection = Selection(folder, overruled=overruled)
        self._limits = limits
        self._handler = handler
        self._ignoring = Ignoring(folder, within)
        self._size = 0
        self._waiting: list[tuple[str, bool]] = [("", False)]  # paths; whether dependencies
        for line in overruled:
            self._ignoring.overrule(line)

    def through(self) -> IgnoreLine | None:
        """Returns a line that leaves out the handler and is to be overruled; None: it is done."""
        while self._waiting:
            path, dependency = self._waiting.pop()
            folder = os.path.join(self.selection.folder, path)
            with os.scandir(folder) as found:
                entries = list(islice(found, self._limits.files + 1))
            self._check_count(len(entries))
            names = {entry.name for entry in entries}
            if self._is_left_out(path, names, dependency):
                continue
            if not dependency:
                self._ignoring.enter(folder, path, names)
            installed = names if dependency else dependencies.installed(folder, names)
            for entry in entries:
                mistaken = self._take(entry, path, entry.name in installed)
                if mistaken is not None:
                    return mistaken
        return None

    def _is_left_out(self, path: str, names: Collection[str], dependency: bool) -> bool:
        """Whether a folder is left out because of what is in it."""
        if not path:
            if rules.of_data(names):
                raise BadPackage(
                    f"{self.selection.folder} is the data folder of a taskdock server, which no"
                    " function may read; start the server with another --data-dir, or put the code"
                    " into a folder of its own"
                )
            return False
        rule = rules.of_folder(path, names, dependency=dependency)
        return rule is not None and self._apply(rule, path, is_folder=True, dependency=dependency)

    def _take(self, entry: os.DirEntry[str], above: str, dependency: bool) -> IgnoreLine | None:
        """Takes a file or a link in, notes a folder for later, or leaves either out; returns as
        `through`."""
        path = f"{above}/{entry.name}" if above else entry.name
        _check_name(path)
        found = entry.stat(follow_symlinks=False)
        is_folder = stat.S_ISDIR(found.st_mode)
        if is_folder:
            rule = rules.of_folder(path, (), dependency=dependency)
        elif stat.S_ISREG(found.st_mode) or stat.S_ISLNK(found.st_mode):
            rule = rules.of_file(entry.name, dependency=dependency)
        else:
            rule = _NO_FILE
        if rule is not None and self._apply(rule, path, is_folder=is_folder, dependency=dependency):
            return None
        line = self._ignoring.line_for(path, is_folder=is_folder, dependency=dependency)
        if line is not None and line.leaves_out:
            if self._handler.is_at(path) or (is_folder and self._handler.is_in(path)):
                return _overruled(line, path)
            self._leave_out(path, f"{line.place}: {line.text}", line, is_folder=is_folder)
            return None
        self._note_mode(path, found.st_mode)
        if is_folder:
            self._waiting.append((path, dependency))
        else:
            self._add(PackedFile(path, found.st_size, found.st_mode, dependency))
        return None

    def _apply(self, rule: Rule, path: str, *, is_folder: bool, dependency: bool) -> bool:
        """Leaves a path out by a rule, unless the user wants it all the same."""
        line = self._ignoring.line_for(path, is_folder=is_folder, dependency=dependency)
        if not rule.firm and line is not None and line.is_own and not line.leaves_out:
            return False
        self._leave_out(path, rule.reason, None, is_folder=is_folder)
        return True

    def _leave_out(
        self, path: str, reason: str, line: IgnoreLine | None, *, is_folder: bool
    ) -> None:
        self.selection.left_out.append(LeftOut(f"{path}/" if is_folder else path, reason, line))

    def _add(self, file: PackedFile) -> None:
        files = self.selection.files
        files.append(file)
        self._size += file.size
        if self._size > self._limits.unpacked:
            raise self.selection.too_big(in_megabytes(self._limits.unpacked))
        self._check_count(len(files))

    def _check_count(self, count: int) -> None:
        if count > self._limits.files:
            raise BadPackage(
                f"{self.selection.folder} holds more than {self._limits.files} files; is it the"
                " right one?"
            )

    def _note_mode(self, path: str, mode: int) -> None:
        needed = _ALL_MAY_ENTER if stat.S_ISDIR(mode) else _ALL_MAY_READ
        if not stat.S_ISLNK(mode) and mode & needed != needed:
            self.selection.closed.append((path, stat.S_IMODE(mode)))


def _overruled(line: IgnoreLine, path: str) -> IgnoreLine:
    """Raises `BadPackage` for a line that was written for this."""
    if line.is_own:
        raise BadPackage(
            f"{line.place}: {line.text} leaves out {path}, which has the function's handler; take"
            f" the line out, or write !/{path} below it"
        )
    return line


def _check_name(path: str) -> None:
    try:
        path.encode()
    except UnicodeEncodeError:
        shown = path.encode(errors="surrogateescape").decode(errors="replace")
        raise BadPackage(
            f"{shown}: the name is not UTF-8, and names in a zip are; rename it, or leave it out"
            " by a .taskdockignore"
        ) from None
