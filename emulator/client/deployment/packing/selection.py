"""Selection: the files and links of a folder that are packed, and what is left out by which rule.
Pure."""

from __future__ import annotations

import stat
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from taskdock.client.deployment.packing.ignore_files import IgnoreLine
from taskdock.client.deployment.packing.limits import MEGABYTE
from taskdock.client.deployment.packing.rules import INSTALLED
from taskdock.client.errors import BadPackage


@dataclass(frozen=True)
class PackedFile:
    """A file or a link that is packed."""

    path: str
    """In the package, with slashes."""
    size: int
    """Bytes; of a link those of its target's name."""
    mode: int
    """As `os.lstat` gives it."""
    installed: str | None = None
    """The path of what an installer has made, such as `lib/node_modules`, and the file is or is in;
    None: the file is the function's own."""

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
        sizes = {
            path if members[0].path == path else f"{path}/": sum(file.size for file in members)
            for path, members in by_package(self.files).items()
        }
        biggest = sorted(sizes, key=lambda path: -sizes[path])[:3]
        named = ", ".join(f"{path} ({sizes[path] / MEGABYTE:.1f} MB)" for path in biggest)
        return BadPackage(
            f"{self.folder} is over {limit}, more than the Task Service takes; the biggest of"
            f" {len(self.files)} files: {named}; a .taskdockignore leaves files out, and"
            " taskdock deploy PATH --list shows what is packed"
        )


def by_package(files: Sequence[PackedFile]) -> dict[str, list[PackedFile]]:
    """The files by the folder of the dependency that each belongs to, or by their own paths."""
    packages: dict[str, list[PackedFile]] = {}
    for file in files:
        packages.setdefault(_package(file), []).append(file)
    return packages


def _package(file: PackedFile) -> str:
    installed = file.installed
    if installed is None:
        return file.path
    if installed.rpartition("/")[2] not in INSTALLED:
        return installed
    steps = file.path[len(installed) + 1 :].split("/")
    count = 2 if steps[0].startswith("@") or steps[0] == ".pnpm" else 1
    return "/".join((installed, *steps[:count]))
