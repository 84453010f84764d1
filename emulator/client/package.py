"""Packing: a folder of code as the zip file that a function is made from."""

from __future__ import annotations

import io
import stat
import zipfile
from collections.abc import Iterator
from pathlib import Path

from emulator.client.errors import BadPackage

MEGABYTE = 1024 * 1024
# What the Task Service takes as a zip file, and what AWS Lambda takes when it is unpacked.
ZIPPED_LIMIT = 10 * MEGABYTE
UNPACKED_LIMIT = 250 * MEGABYTE

# What tools leave behind; with it, the same code would be another zip file every time.
_LEFT_OUT = {"__pycache__", ".git", ".DS_Store"}
_BEGINNING_OF_ZIP_TIME = (1980, 1, 1, 0, 0, 0)


def zip_folder(folder: Path) -> bytes:
    """The same bytes for the same code: sorted, undated, of each mode only the executable bit."""
    if not folder.is_dir():
        raise BadPackage(f"{folder} is not a folder")
    try:
        return _zip(folder, sorted(_files(folder, ())))
    except OSError as error:
        raise BadPackage(f"{error.filename} cannot be read: {error.strerror}") from None


def _zip(folder: Path, files: list[Path]) -> bytes:
    if not files:
        raise BadPackage(f"{folder} holds no files")
    if sum(file.stat().st_size for file in files) > UNPACKED_LIMIT:
        raise BadPackage(_too_big(folder, files, f"{UNPACKED_LIMIT // MEGABYTE} MB"))
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in files:
            archive.writestr(_entry(file, folder), file.read_bytes())
    if target.tell() > ZIPPED_LIMIT:
        raise BadPackage(_too_big(folder, files, f"{ZIPPED_LIMIT // MEGABYTE} MB when zipped"))
    return target.getvalue()


def _files(folder: Path, above: tuple[Path, ...]) -> Iterator[Path]:
    """Every file in the folder; `above` are the real folders that led to it, the root first."""
    here = (*above, folder.resolve())
    for path in folder.iterdir():
        if path.name in _LEFT_OUT:
            continue
        if path.is_symlink():
            _check_link(path, here)
        if path.is_dir():
            yield from _files(path, here)
        elif path.is_file():
            yield path


def _check_link(link: Path, above: tuple[Path, ...]) -> None:
    target = link.resolve()
    if not target.is_relative_to(above[0]):
        raise BadPackage(f"{link} links out of the folder, to {target}; put a copy in its place")
    if not target.exists():
        raise BadPackage(f"{link} is a link to nothing: {target}")
    if target in above:
        raise BadPackage(f"{link} links to a folder that it is in: {target}")


def _entry(file: Path, folder: Path) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(file.relative_to(folder).as_posix(), _BEGINNING_OF_ZIP_TIME)
    executable = file.stat().st_mode & stat.S_IXUSR
    entry.external_attr = (stat.S_IFREG | (0o755 if executable else 0o644)) << 16
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.create_system = 3  # Unix: without it the mode means nothing
    return entry


def _too_big(folder: Path, files: list[Path], limit: str) -> str:
    biggest = sorted(files, key=lambda file: file.stat().st_size, reverse=True)[:3]
    named = ", ".join(
        f"{file.relative_to(folder)} ({file.stat().st_size / MEGABYTE:.1f} MB)" for file in biggest
    )
    return (
        f"{folder} is over {limit}, more than the Task Service takes; "
        f"the biggest of its {len(files)} files: {named}"
    )
