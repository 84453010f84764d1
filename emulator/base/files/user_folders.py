"""The user's own folders: home and the cache. They are looked up when asked for, never at import.

The cache is where https://specifications.freedesktop.org/basedir-spec/latest/ has it. Where that
folder cannot be written, it is a private folder beside other temporary files.
"""

from __future__ import annotations

import os
import pwd
import stat
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from taskdock.base.errors import StartupError
from taskdock.base.files import own_files

NAME = "taskdock"


def home(environment: Mapping[str, str]) -> Path | None:
    """The user's home folder. None where no variable names one and the machine's list of users does
    not have this user."""
    if given := environment.get("HOME"):
        return Path(given)
    try:
        return Path(pwd.getpwuid(os.getuid()).pw_dir)
    except KeyError:
        return None


def cache(environment: Mapping[str, str], tell: Callable[[str], object] = lambda _: None) -> Path:
    """The folder for files that are safe to delete. The folder exists and can be written.

    `tell` is called with a line where that is not the usual folder. Raises `StartupError`.
    """
    usual = _usual_cache(environment)
    if usual is None:
        fault = "there is no home folder: HOME is not set, and the user has no entry in /etc/passwd"
    else:
        refusal = _refusal(usual)
        if refusal is None:
            return usual
        fault = f"{usual} {refusal}"
    folder = _temporary(fault)
    tell(f"{fault}; downloads and locks are kept in {folder}")
    return folder


def _usual_cache(environment: Mapping[str, str]) -> Path | None:
    given = environment.get("XDG_CACHE_HOME", "")
    if os.path.isabs(given):  # the specification: others are to be ignored
        return Path(given) / NAME
    own = home(environment)
    return None if own is None else own / ".cache" / NAME


def _refusal(folder: Path) -> str | None:
    """Why `folder` is not used as the cache; None: it is. The folder is made where it is missing.

    A file is written to find out: root may write by the permissions, but not on a read-only file
    system. Files of the cache become part of images, so nobody else may write there. A link is
    followed, to another disk for example, and its target is judged."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
        if own_files.is_trusted(folder.resolve()):
            return None
        return "is not used: others may write there, or have it; make it yours alone (mode 0700)"
    except OSError as error:
        return f"cannot be written: {error.strerror or error}"


def _temporary(fault: str) -> Path:
    """A folder beside other temporary files: the same each time, unless somebody else made that
    first. Raises `StartupError`, which begins with `fault`."""
    try:
        folder = Path(tempfile.gettempdir()) / f"{NAME}-{os.getuid()}"
        try:
            folder.mkdir(mode=0o700)
        except FileExistsError:
            if not _is_private(folder):
                return Path(tempfile.mkdtemp(prefix=f"{NAME}-"))
        return folder
    except OSError as error:
        raise StartupError(f"{fault}, and there is no temporary folder: {error}") from None


def _is_private(folder: Path) -> bool:
    seen = folder.lstat()
    return (
        stat.S_ISDIR(seen.st_mode)
        and seen.st_uid == os.getuid()
        and stat.S_IMODE(seen.st_mode) == 0o700
    )
