"""Packaging: zips a folder of code into the file that a function is made from."""

from __future__ import annotations

import io
import os
import stat
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from taskdock.client.errors import BadPackage

MEGABYTE = 1024 * 1024

# Files that tools leave behind: they would make another zip file from the same code every time.
# A server's data folder beside the code (.taskdock) also holds credentials.
_LEFT_OUT = {"__pycache__", ".git", ".DS_Store", ".taskdock"}
# Folders that only a function's container has, and that a link may lead to: layers, the writable
# folder, the code.
_OF_CONTAINERS = ("/opt", "/tmp", "/var/task")  # noqa: S108 - a name, nothing is written there
_BEGINNING_OF_ZIP_TIME = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True, kw_only=True)
class PackageLimits:
    """Limits of a package: `zipped` and `unpacked` in bytes, `files` as a number of files."""

    zipped: int = 10 * MEGABYTE
    """The largest zip file that the Task Service takes."""
    unpacked: int = 250 * MEGABYTE
    """The most code that AWS Lambda takes.
    https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"""
    files: int = 100_000
    """The most files and links. Any package within the other limits has fewer; the limit ends the
    search early in a folder such as /."""


def zip_folder(folder: Path, limits: PackageLimits = PackageLimits()) -> bytes:
    """The zip file of a folder; the same code always gives the same bytes.

    So entries are sorted and have no date, and of each mode only the executable bit is kept.
    Every user may read each file, whatever its mode is in the folder, because a function does not
    own its code. Links are packed as links. Raises `BadPackage`.
    """
    try:
        if not folder.is_dir():
            raise BadPackage(f"{folder} is not a folder")
        return _zip(folder, sorted(_bounded(folder, limits)), limits)
    except OSError as error:
        raise BadPackage(f"{error.filename} cannot be read: {error.strerror}") from None


def files_of(folder: Path, limits: PackageLimits = PackageLimits()) -> list[Path]:
    """The files and links of a folder that are packed, sorted. Raises `BadPackage` or `OSError`."""
    if not folder.is_dir():
        raise BadPackage(f"{folder} is not a folder")
    return sorted(_bounded(folder, limits))


def content_of(file: Path, folder: Path, limit: int) -> tuple[int, bytes]:
    """The mode that a file or link of the folder has in the zip, and its content up to one byte
    beyond `limit`. Raises `BadPackage` or `OSError`."""
    return _link(file, folder) if file.is_symlink() else _file(file, limit)


def entry_of(name: Path, mode: int) -> zipfile.ZipInfo:
    """The entry of a zip for a file or link; `name`: its path in the package."""
    return _entry(name, mode)


def _zip(folder: Path, files: list[Path], limits: PackageLimits) -> bytes:
    if not files:
        raise BadPackage(f"{folder} holds no files")
    target, left = io.BytesIO(), limits.unpacked
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in files:
            mode, content = _link(file, folder) if file.is_symlink() else _file(file, left)
            left -= len(content)
            if left < 0:  # the folder has grown since `_bounded` measured it
                raise BadPackage(_too_big(folder, files, _megabytes(limits.unpacked)))
            archive.writestr(_entry(file.relative_to(folder), mode), content)
    if target.tell() > limits.zipped:
        raise BadPackage(_too_big(folder, files, f"{_megabytes(limits.zipped)} when zipped"))
    return target.getvalue()


def _megabytes(size: int) -> str:
    return f"{size // MEGABYTE} MB"


def _bounded(folder: Path, limits: PackageLimits) -> list[Path]:
    """The result of `_files` as a list. Raises `BadPackage` as soon as a limit is passed."""
    files, size = [], 0
    for file in _files(folder):
        files.append(file)
        size += file.lstat().st_size
        if size > limits.unpacked:
            raise BadPackage(_too_big(folder, files, _megabytes(limits.unpacked)))
        if len(files) > limits.files:
            raise BadPackage(f"{folder} holds more than {limits.files} files; is it the right one?")
    return files


def _files(folder: Path) -> Iterator[Path]:
    """Every file and link in the folder. Links to folders are not followed."""
    folders = [folder]
    while folders:
        for path in folders.pop().iterdir():
            if path.name in _LEFT_OUT:
                continue
            if path.is_symlink() or path.is_file():
                yield path
            elif path.is_dir():
                folders.append(path)


def _file(file: Path, limit: int) -> tuple[int, bytes]:
    """The file's mode in the zip, and its content up to one byte beyond `limit`."""
    with file.open("rb") as opened:
        executable = os.fstat(opened.fileno()).st_mode & stat.S_IXUSR
        return stat.S_IFREG | (0o755 if executable else 0o644), opened.read(limit + 1)


def _link(link: Path, folder: Path) -> tuple[int, bytes]:
    return stat.S_IFLNK | 0o777, os.fsencode(_target(link, folder))


def _target(link: Path, folder: Path) -> str:
    """The target to pack for a link: inside the package, or in a folder of the container.

    A link to a file that does not exist is allowed: some packages have such links for their tests.
    Raises `BadPackage` if the link leads out of the folder.
    """
    target, here = os.readlink(link), link.parent.relative_to(folder)
    if not os.path.isabs(target) and _stays_inside(target, depth=len(here.parts)):
        return target
    there, root = os.path.realpath(link), os.path.realpath(folder)
    if _is_in(there, root):
        return os.path.relpath(there, os.path.join(root, here))
    if _is_in(target, *_OF_CONTAINERS):
        return target
    raise BadPackage(f"{link} links out of the folder, to {there}; put a copy in its place")


def _stays_inside(target: str, depth: int) -> bool:
    """Whether no step of a relative path leaves the package. `depth`: the folders that the path
    starts below the package's root."""
    for step in target.split("/"):
        depth += {"..": -1, ".": 0, "": 0}.get(step, 1)
        if depth < 0:
            return False
    return True


def _is_in(path: str, *folders: str) -> bool:
    return any(path == folder or path.startswith(folder + os.sep) for folder in folders)


def _entry(name: Path, mode: int) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name.as_posix(), _BEGINNING_OF_ZIP_TIME)
    entry.external_attr = mode << 16
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.create_system = 3  # Unix; unzippers ignore the mode of other systems
    return entry


def _too_big(folder: Path, files: list[Path], limit: str) -> str:
    biggest = sorted(files, key=lambda file: file.lstat().st_size, reverse=True)[:3]
    named = ", ".join(
        f"{file.relative_to(folder)} ({file.lstat().st_size / MEGABYTE:.1f} MB)" for file in biggest
    )
    return (
        f"{folder} is over {limit}, more than the Task Service takes; "
        f"the biggest of {len(files)} files: {named}"
    )
