"""A list of what a deployment would send, for people and for programs. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from taskdock.client.api import Json
from taskdock.client.deployment.packing.limits import PackageLimits, in_words
from taskdock.client.deployment.packing.remarks import secret_hint
from taskdock.client.deployment.packing.selection import PackedFile, Selection, by_package


@dataclass(frozen=True, kw_only=True)
class PackageList:
    """A function's package. `zipped`: bytes; None where the files are too many bytes to zip."""

    name: str
    selection: Selection
    zipped: int | None
    limits: PackageLimits

    def lines(self) -> Iterator[str]:
        """Lines for people: the largest first, a package of dependencies on one line."""
        selection = self.selection
        yield f"{self.name}: {_counted(len(selection.files))} of {selection.folder}"
        for size, text in _lines(selection.files):
            yield f"{in_words(size):>10}  {text}"
        yield self._total()
        if selection.left_out:
            yield "left out:"
        width = max((len(one.path) for one in selection.left_out), default=0)
        for one in selection.left_out:
            yield f"  {one.path:<{min(width, 40)}}  {one.rule}"
        for ignored in selection.overruled:
            yield f"{ignored.place} does not count, as the handler's file goes: {ignored.text}"

    def _total(self) -> str:
        limits = self.limits
        unpacked = f"{in_words(self.selection.size)} of {in_words(limits.unpacked)} unpacked"
        if self.zipped is None:
            return f"{unpacked}: too much, so that deploy refuses it"
        zipped = f"{unpacked}, {in_words(self.zipped)} of {in_words(limits.zipped)} zipped"
        return zipped if self.zipped <= limits.zipped else f"{zipped}: deploy refuses it"

    def as_json(self) -> Json:
        selection, limits = self.selection, self.limits
        return {
            "name": self.name,
            "folder": str(selection.folder),
            "files": [_file_json(file) for file in selection.files],
            "leftOut": [{"path": one.path, "rule": one.rule} for one in selection.left_out],
            "notApplied": [f"{line.place}: {line.text}" for line in selection.overruled],
            "size": selection.size,
            "zippedSize": self.zipped,
            "limits": {"size": limits.unpacked, "zippedSize": limits.zipped},
        }


def _lines(files: Sequence[PackedFile]) -> list[tuple[int, str]]:
    """Sizes and texts, the largest first."""
    lines = []
    for path, members in by_package(files).items():
        alone = members[0].path == path
        text = _own_text(members[0]) if alone else f"{path}/  ({_counted(len(members))})"
        lines.append((sum(file.size for file in members), text))
    return sorted(lines, key=lambda line: (-line[0], line[1]))


def _own_text(file: PackedFile) -> str:
    if file.is_link:
        return f"{file.path}  (a link)"
    hint = secret_hint(file.path)
    return file.path if hint is None else f"{file.path}  ({hint})"


def _counted(files: int) -> str:
    return "1 file" if files == 1 else f"{files:,} files"


def _file_json(file: PackedFile) -> Json:
    return {"path": file.path, "size": file.size, "link": file.is_link}
