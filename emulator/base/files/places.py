"""The user's own folders: where home and the caches are. Found out when asked, never at import.

Caches are where https://specifications.freedesktop.org/basedir-spec/latest/ has them; where that
cannot be written, in a private folder beside other temporary files.
"""

from __future__ import annotations

import os
import pwd
import stat
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from emulator.base.errors import StartupError
from emulator.base.files import own_files

NAME = "taskdock"


def home(environment: Mapping[str, str]) -> Path | None:
    """None: no variable names it, and this user is not in the machine's list of users."""
    if given := environment.get("HOME"):
        return Path(given)
    try:
        return Path(pwd.getpwuid(os.getuid()).pw_dir)
    except KeyError:
        return None


def cache(environment: Mapping[str, str], tell: Callable[[str], object] = lambda _: None) -> Path:
    """The folder for what is safe to delete; it is there, and can be written.

    `tell` is given a line where that is not the usual folder. Raises `StartupError`.
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
    """Permissions do not tell it all: root may write, but not on a read-only file system.

    What is in it becomes part of images, so that it may be nobody else's. A link to another disk
    is taken: where it leads is looked at."""
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
    """The same folder each time, unless somebody else was there first."""
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
