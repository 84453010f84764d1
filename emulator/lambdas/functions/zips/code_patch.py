"""A code patch: the files in which new code differs from code that is here.

Unchanged files get a second name and are not copied, so that new code costs what has changed in it.
The code that a patch is for stays as it is, and its files are never written to.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from taskdock.base.errors import BadFunctionCode
from taskdock.lambdas.functions import tree
from taskdock.lambdas.functions.zips.unpacking import unpack
from taskdock.lambdas.functions.zips.zip_limits import ZipLimits

_FOLDER = 0o755


@dataclass(frozen=True)
class CodePatch:
    base: str
    """The digest of the code that is changed."""
    removed: tuple[str, ...]
    """Paths in that code: files, links, or folders with all that is in them."""
    changed: bytes
    """A zip of the new and the changed files; empty for none."""

    @property
    def digest(self) -> str:
        """The digest of the code that the patch makes: of the way to it, since nobody has a zip of
        that code.

        Each part has a length of its own, so that no two patches are the same bytes. It is the
        digest of a digest: a zip may begin with anything, and so with the bytes of a patch."""
        changed = hashlib.sha256(self.changed).hexdigest()
        parts = json.dumps([self.base, sorted(self.removed), changed])
        return hashlib.sha256(hashlib.sha256(parts.encode()).digest()).hexdigest()

    def __len__(self) -> int:
        """Bytes of the zip."""
        return len(self.changed)


def apply(
    patch: CodePatch,
    base: Path,
    folder: Path,
    go_on: Callable[[], object],
    limits: ZipLimits,
) -> None:
    """Makes `folder` of the folder of the base and the patch. Raises `BadFunctionCode` or
    `OSError`, and may leave half of it, and the folder beside it that `changes_beside` names."""
    beside = changes_beside(folder)
    replaced: set[bytes] = {path.encode() for path in patch.removed}
    layers = [(base, replaced)]
    if patch.changed:
        unpack(patch.changed, beside, go_on, limits)
        replaced |= {
            os.fsencode(path.relative_to(beside))
            for path in tree.paths(beside)
            if path.is_symlink() or not path.is_dir()
        }
        layers.append((beside, set()))
    folder.mkdir()
    try:
        entries, size = tree.merge(folder, layers, go_on)
    except (FileExistsError, NotADirectoryError) as error:
        place = os.path.relpath(error.filename2 or error.filename, folder)
        raise BadFunctionCode(
            f"the changes put something where there is something else, {place!r}: name what is"
            " removed"
        ) from None
    if size > limits.unzipped:
        raise BadFunctionCode(f"the code is over {limits.unzipped // 1024 // 1024} MB unzipped")
    if entries > limits.entries:
        raise BadFunctionCode(f"the code has more than {limits.entries} files and folders")
    folder.chmod(_FOLDER)  # whatever the umask is: the function runs as another user


def changes_beside(folder: Path) -> Path:
    """The folder of the changed files, for the time of `apply`."""
    return folder.with_name(f"{folder.name}-changes")
