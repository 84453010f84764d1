"""Hot folders: folders of this machine that functions may take their code from, and follow.

AWS's Lambda API names code by a bucket and a key. LocalStack, Floci and MiniStack take the bucket
`hot-reload` for a folder, which the key names. Every caller of that API could have any folder of
this machine read that way, so a setting names the folders that may be.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from taskdock.base.errors import BadConfiguration, BadFunctionCode
from taskdock.base.files import own_folder
from taskdock.lambdas.functions.zips.packing import pack
from taskdock.lambdas.functions.zips.zip_limits import ZipLimits

BUCKET = "hot-reload"
LEFT_OUT = frozenset((".git", ".taskdock", "__pycache__"))
"""Names of files and folders that are no code; the second has a server's credentials, as any other
folder has that is the data folder of a server."""

Stamps = dict[str, tuple[int, int, int, int]]
"""By each path: time of change in nanoseconds, bytes, inode and mode."""


class HotFolders:
    """The folders that the setting allows, with all folders in them."""

    def __init__(
        self,
        allowed: Sequence[str] = (),
        limits: ZipLimits = ZipLimits(),  # noqa: B008 - frozen
    ) -> None:
        self._allowed = [os.path.realpath(folder) for folder in allowed]
        self._limits = limits

    def find(self, key: str) -> Path:
        """The folder that a key names, without links on the way. Raises `BadConfiguration`."""
        if not self._allowed:
            raise BadConfiguration(
                f"the bucket {BUCKET} takes code from a folder of this machine, and no folder is"
                " allowed: start taskdock with --hot-reload FOLDER, or set TASKDOCK_HOT_RELOAD"
            )
        if not os.path.isabs(key) or "\0" in key:
            raise BadConfiguration(f"S3Key is {key!r}; give the absolute path of a folder")
        folder = os.path.realpath(key)
        around = [allowed for allowed in self._allowed if _is_in(folder, allowed)]
        if not around:
            raise BadConfiguration(
                f"S3Key is {key!r}, which is in no folder of the setting hot_reload"
                f" (TASKDOCK_HOT_RELOAD): {', '.join(self._allowed)}"
            )
        if not os.path.isdir(folder):
            raise BadConfiguration(f"S3Key is {key!r}, which is no folder of this machine")
        if not any(_is_code(folder, allowed) for allowed in around):
            raise BadConfiguration(
                f"S3Key is {key!r}, which is no code, but a repository, a cache or the data folder"
                " of a server"
            )
        return Path(folder)

    def read(self, folder: Path) -> bytes:
        """The folder's content as a zip. Raises `BadFunctionCode`."""
        try:
            found = stamps(folder, self._limits.entries)
            if sum(size for _, size, _, _ in found.values()) > self._limits.unzipped:
                raise BadFunctionCode(
                    f"{folder} is over {self._limits.unzipped // 1024 // 1024} MB"
                )
            with pack(folder, map(Path, found)) as packed:
                return packed.read()
        except UnicodeEncodeError as error:
            name = ascii(error.object)
            raise BadFunctionCode(
                f"{folder}: {name} is not UTF-8, and names in a zip are"
            ) from None
        except OSError as error:
            raise BadFunctionCode(f"{folder} cannot be read: {error.strerror}") from None


def stamps(folder: Path, most: int) -> Stamps:
    """The stamps of all that is in the folder. Raises `OSError`, and `BadFunctionCode` for more
    than `most` files and folders."""
    found: Stamps = {}
    for entry in _entries(folder):
        status = entry.stat(follow_symlinks=False)
        found[entry.path] = (
            0 if entry.is_dir(follow_symlinks=False) else status.st_mtime_ns,
            0 if entry.is_dir(follow_symlinks=False) else status.st_size,
            status.st_ino,
            status.st_mode,
        )
        if len(found) > most:
            raise BadFunctionCode(f"{folder} has more than {most} files and folders")
    return found


def _entries(folder: Path) -> Iterator[os.DirEntry[str]]:
    waiting = [str(folder)]
    while waiting:
        above = waiting.pop()
        if _is_data(above):
            continue
        with os.scandir(above) as entries:
            for entry in entries:
                if entry.name in LEFT_OUT:
                    continue
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(entry.path)
                yield entry


def _is_code(folder: str, allowed: str) -> bool:
    """Whether neither the folder nor one that it is in, up to the allowed one, is left out."""
    below = Path(folder).relative_to(allowed)
    if LEFT_OUT.intersection(below.parts):
        return False
    depths = range(len(below.parts) + 1)
    return not any(_is_data(os.path.join(allowed, *below.parts[:depth])) for depth in depths)


def _is_data(folder: str) -> bool:
    """Whether it is the data folder of a server, whose name the user chooses."""
    names = own_folder.FILES
    return own_folder.is_one([name for name in names if os.path.lexists(f"{folder}/{name}")])


def _is_in(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)
