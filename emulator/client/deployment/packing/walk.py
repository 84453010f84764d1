"""The way through the folders of a package: selects what is packed.

Folders are looked through from the top, and no link is followed.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Collection
from itertools import islice
from pathlib import Path, PurePosixPath

from taskdock.base.files import own_folder
from taskdock.client.deployment.packing import dependencies, rules
from taskdock.client.deployment.packing.handler import Handler
from taskdock.client.deployment.packing.ignore_files import IgnoreLine
from taskdock.client.deployment.packing.ignoring import Ignoring
from taskdock.client.deployment.packing.limits import PackageLimits, in_megabytes
from taskdock.client.deployment.packing.rules import PlaceRule
from taskdock.client.deployment.packing.selection import LeftOut, PackedFile, Selection
from taskdock.client.errors import BadPackage

_NO_FILE = PlaceRule("no file, folder or link", firm=True)
_ALL_MAY_READ = stat.S_IROTH
_ALL_MAY_ENTER = stat.S_IROTH | stat.S_IXOTH


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
        walk.through()
        mistaken = walk.mistaken()
        if mistaken is None:
            return walk.selection
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
        self._lost: list[LeftOut] = []  # by lines, and the handler may be there
        self._size = 0
        self._waiting: list[tuple[str, str | None]] = [("", None)]  # as in `PackedFile`
        for line in overruled:
            self._ignoring.overrule(line)

    def through(self) -> None:
        while self._waiting:
            path, installed = self._waiting.pop()
            folder = os.path.join(self.selection.folder, path)
            with os.scandir(folder) as found:
                entries = list(islice(found, self._limits.files + 1))
            self._check_count(len(entries))
            names = {entry.name for entry in entries}
            if self._is_left_out(path, names, dependency=installed is not None):
                continue
            made: Collection[str] = ()
            if installed is None:
                self._ignoring.enter(folder, path, names)
                made = dependencies.installed(folder, names)
            for entry in entries:
                below = f"{path}/{entry.name}" if path else entry.name
                self._take(entry, below, below if entry.name in made else installed)
        self.selection.files.sort(key=lambda file: file.path)
        self.selection.left_out.sort(key=lambda one: one.path)
        self.selection.closed.sort()

    def mistaken(self) -> IgnoreLine | None:
        """A line that leaves out the handler and is to be overruled; None: there is none. Raises
        `BadPackage` for a line that was written for this package."""
        if not self._lost or any(self._handler.is_at(file.path) for file in self.selection.files):
            return None
        line, path = self._lost[0].line, self._lost[0].path
        if line is not None and line.is_own:
            name = f"{PurePosixPath(path).name}{'/' * path.endswith('/')}"
            raise BadPackage(
                f"{line.place}: {line.text} leaves out {path}, where the function's handler is;"
                f" take the line out, or write !{name} below it"
            )
        return line

    def _is_left_out(self, path: str, names: Collection[str], *, dependency: bool) -> bool:
        """Whether a folder is left out because of what is in it."""
        if not path:
            if own_folder.is_one(names):
                raise BadPackage(
                    f"{self.selection.folder} is the data folder of a taskdock server, which no"
                    " function may read; start the server with another --data-dir, or put the code"
                    " into a folder of its own"
                )
            return False
        rule = rules.of_contents(path, names, dependency=dependency)
        return rule is not None and self._apply(rule, path, is_folder=True, dependency=dependency)

    def _take(self, entry: os.DirEntry[str], path: str, installed: str | None) -> None:
        """Takes a file or a link in, notes a folder for later, or leaves either out."""
        _check_name(path)
        dependency = installed is not None
        found = entry.stat(follow_symlinks=False)
        is_folder = stat.S_ISDIR(found.st_mode)
        if is_folder:
            rule = rules.of_folder(path, dependency=dependency)
        elif stat.S_ISREG(found.st_mode) or stat.S_ISLNK(found.st_mode):
            rule = rules.of_file(entry.name, dependency=dependency)
        else:
            rule = _NO_FILE
        if rule is not None and self._apply(rule, path, is_folder=is_folder, dependency=dependency):
            return
        line = self._ignoring.line_for(path, is_folder=is_folder, dependency=dependency)
        if line is not None and line.leaves_out:
            self._leave_out(path, f"{line.place}: {line.text}", line, is_folder=is_folder)
            return
        self._note_mode(path, found.st_mode)
        if is_folder:
            self._waiting.append((path, installed))
        else:
            self._add(PackedFile(path, found.st_size, found.st_mode, installed))

    def _apply(self, rule: PlaceRule, path: str, *, is_folder: bool, dependency: bool) -> bool:
        """Leaves a path out by a rule, unless the user wants it all the same."""
        line = self._ignoring.line_for(path, is_folder=is_folder, dependency=dependency)
        if not rule.firm and line is not None and line.takes_back(path):
            return False
        self._leave_out(path, rule.reason, None, is_folder=is_folder)
        return True

    def _leave_out(
        self, path: str, reason: str, line: IgnoreLine | None, *, is_folder: bool
    ) -> None:
        left_out = LeftOut(f"{path}/" if is_folder else path, reason, line)
        self.selection.left_out.append(left_out)
        if line is not None and (self._handler.is_in if is_folder else self._handler.is_at)(path):
            self._lost.append(left_out)

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


def _check_name(path: str) -> None:
    try:
        path.encode()
    except UnicodeEncodeError:
        shown = path.encode(errors="surrogateescape").decode(errors="replace")
        raise BadPackage(
            f"{shown}: the name is not UTF-8, and names in a zip are; rename it, or leave it out"
            " by a .taskdockignore"
        ) from None
