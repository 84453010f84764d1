"""The file of `serve --port-file`: the port of the server, while the server serves.

A script that waits for the file never sees half of it, nor the port of an earlier server.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path

from taskdock.base.errors import StartupError

_MOST = 6  # characters: five digits and a newline


def clear(file: Path) -> None:
    """Removes the file of an earlier server. Raises `StartupError` where the file has other
    content, or none could be written there."""
    try:
        if file.is_dir():
            raise _refused(file, "it is a folder")
        if file.exists() and not _is_port(file):
            raise _refused(file, "it holds something else than a port")
        file.unlink(missing_ok=True)
        _write(file, "")
        file.unlink()
    except OSError as error:
        raise _refused(file, error.strerror or str(error)) from None


def write(file: Path, port: int) -> None:
    """Raises `OSError`."""
    _write(file, f"{port}\n")


def remove(file: Path, port: int) -> None:
    """Removes the file at the end of the server, unless it is another server's by now."""
    with contextlib.suppress(OSError, ValueError):
        if file.read_text() == f"{port}\n":
            file.unlink()


def _write(file: Path, text: str) -> None:
    half_done = file.with_name(f".{file.name}-{secrets.token_hex(8)}")
    try:
        with half_done.open("x") as opened:
            opened.write(text)
        half_done.replace(file)
    except BaseException:
        with contextlib.suppress(OSError):
            half_done.unlink()
        raise


def _is_port(file: Path) -> bool:
    if not file.is_file() or os.path.getsize(file) > _MOST:
        return False
    content = file.read_bytes().strip()
    return not content or content.isdigit()


def _refused(file: Path, why: str) -> StartupError:
    return StartupError(f"the port cannot be written to {file}: {why}; choose another --port-file")
