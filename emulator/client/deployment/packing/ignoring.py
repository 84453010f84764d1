"""The ignore files of one package together: which line leaves a path out, or takes it back.

A .gitignore names what is not written by hand, and a .npmignore what users of a package do without.
A function needs some of that, so such a file never leaves out dependencies, and a .gitignore no
folder that builds write to and no machine code. `npm pack` takes these files at their word, and
`sam build` with it: https://github.com/aws/aws-sam-cli/issues/7402
"""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path

from taskdock.client.deployment.packing import ignore_files
from taskdock.client.deployment.packing.ignore_files import NAMES, OWN, IgnoreFile, IgnoreLine

_BUILT = {"build", "dist", "out", "lib", "lib64", "target", "vendor", "generated"}
_MACHINE_CODE = {".so", ".node", ".pyd", ".dll", ".wasm", ".jar", ".class"}


class Ignoring:
    def __init__(self, folder: Path, within: Path | None) -> None:
        """Reads the .taskdockignore files above the package's folder, from `within` on. Raises
        `BadPackage`."""
        self._files: list[IgnoreFile] = []
        self._name = OWN
        self._overruled: set[tuple[str, int]] = set()
        if within is not None:
            self._read_above(Path(os.path.realpath(folder)), Path(os.path.realpath(within)))

    def _read_above(self, folder: Path, within: Path) -> None:
        if not folder.is_relative_to(within):
            return
        steps = folder.relative_to(within).parts
        for depth in range(len(steps)):
            file = within.joinpath(*steps[:depth], OWN)
            if os.path.lexists(file):
                above = "".join(f"{step}/" for step in steps[depth:])
                source = f"{'../' * (len(steps) - depth)}{OWN}"
                self._files.append(ignore_files.read(file, source, above=above))

    def enter(self, folder: str, path: str, names: Collection[str]) -> None:
        """Reads the ignore file of a folder, before anything in the folder is asked for. `path`: in
        the package, empty for its own folder. Raises `BadPackage`."""
        if not path and not self._files:
            self._name = next((name for name in NAMES if name in names), OWN)
        for name in {self._name, OWN}.intersection(names):
            below = f"{path}/" if path else ""
            file = ignore_files.read(Path(folder, name), below + name, folder=below)
            self._files.append(file)

    def overrule(self, line: IgnoreLine) -> None:
        """From now on, the line does not count."""
        self._overruled.add((line.source, line.number))

    def line_for(self, path: str, *, is_folder: bool, dependency: bool) -> IgnoreLine | None:
        """The line that decides about a path; None: no line means it. Lines of a folder further
        down count more."""
        for file in reversed(self._files):
            line = file.line_for(path, is_folder=is_folder, without=self._overruled)
            if line is not None and (line.is_own or not _is_needed(line, path, dependency)):
                return line
        return None


def _is_needed(line: IgnoreLine, path: str, dependency: bool) -> bool:
    """Whether a path may be needed, though a line that was not written for functions means it."""
    if dependency or not line.source.endswith(".gitignore"):
        return dependency
    steps = path.split("/")
    return not _BUILT.isdisjoint(steps) or os.path.splitext(path)[1] in _MACHINE_CODE
