"""Ending a server of this user: asked by a file in its data folder, and waited for.

The file names the server by the content of its lock, so that it ends that server and nothing else
(`emulator/server/stop_requests.py`).
"""

from __future__ import annotations

from pathlib import Path
from time import sleep

from taskdock.base.errors import ForeignFile, TaskdockError
from taskdock.base.files import own_files, own_folder
from taskdock.base.timing.clock import Clock
from taskdock.client.servers import running

_PAUSE = 0.05


def stop(data_dir: Path, *, at_once: bool, seconds: float, clock: Clock) -> bool:
    """Returns whether a server ran there; it has ended, then. `at_once`: what still runs is ended,
    too. `seconds`: the most that this waits.

    Raises `TaskdockError` where the server has not ended by then, or cannot be asked.
    """
    try:
        folder = own_folder.check(data_dir)
        if not running.is_held(folder):
            return False
        whom = own_files.read(folder / own_folder.LOCK)
        request = f"{whom} {'now' if at_once else 'stop'}\n"
        own_files.write(folder / own_folder.STOP, request)
    except ForeignFile as error:
        raise TaskdockError(error.message) from None
    except OSError as error:
        raise TaskdockError(
            f"the server of {data_dir} cannot be asked to stop: {error.strerror or error}"
        ) from None
    give_up = clock.monotonic() + seconds
    while _runs(folder, whom):
        if clock.monotonic() > give_up:
            raise TaskdockError(
                f"the server of {folder} has not ended within {seconds:g} s: what runs may finish;"
                " end that too with: taskdock stop --now"
            )
        sleep(_PAUSE)
    return True


def _runs(folder: Path, whom: str) -> bool:
    """Whether that server still has the folder; a later one has another content in its lock."""
    try:
        return running.is_held(folder) and own_files.read(folder / own_folder.LOCK) == whom
    except (OSError, ForeignFile):
        return False
