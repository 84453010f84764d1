"""Watching: says which paths below some folders have changed.

Events come from the file system where it has them. Where it has none, where too many folders are
watched for this system, and where the caller wants it, files are looked at again and again.
"""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from taskdock.base.machine import threads
from taskdock.client.development.watching.file_systems import changes_elsewhere, kind_of
from taskdock.client.development.watching.polling import PAUSE, poll

STEP = 0.01
"""Seconds that a `Watcher` gathers changes for; a change is told of after two steps at most."""
_TICK = 1000  # milliseconds between two looks at the folders themselves
_MOST = 200  # milliseconds that one batch gathers changes: the caller waits for the quiet
_SECONDS_FOR_PROBE = 1.0
_PROBE = ".taskdock-probe-"

Changed = Callable[[Collection[str]], object]
"""Called with the paths that have changed; an empty collection means that any may have."""


@dataclass(frozen=True)
class Watched:
    """A folder that is watched."""

    folder: Path
    recursive: bool = True

    def identity(self) -> tuple[int, int] | None:
        """None: the folder is not there. Another one of the same name has another identity."""
        try:
            found = self.folder.stat()
        except OSError:
            return None
        return found.st_dev, found.st_ino


@dataclass
class Watcher:
    """Watches folders, on threads of its own.

    Folders may go and come back, and others may take their place: that is a change. `changed` is
    called on one of these threads.
    """

    changed: Changed
    say: Callable[[str], object]
    """Called with a sentence about how files are watched, where that is not the usual way."""
    poll: bool = False
    """Look again and again, whatever the file system has."""
    _stop: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)
    _watched: Sequence[Watched] = ()

    def watch(self, wanted: Sequence[Watched]) -> None:
        """Watches these folders in place of the former ones. Changes between the two are not told
        of, so the caller looks at everything afterwards."""
        self.stop()
        self._watched = wanted
        self._stop = threading.Event()
        for recursive in (True, False):
            folders = [one for one in wanted if one.recursive is recursive]
            there = {one: one.identity() for one in folders}
            ready = threading.Event()
            watch = partial(self._run, there, recursive, self._stop, ready)
            self._threads.append(threads.start(watch, name="watcher"))
            ready.wait(_SECONDS_FOR_PROBE)

    def stop(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()
        self._threads = []

    def poll_if_needed(self, folder: Path) -> None:
        """Decides by the folder's file system and by a probe whether events come at all."""
        if self.poll:
            return
        kind = kind_of(folder)
        if changes_elsewhere(kind):
            self._give_up_events(f"files on {kind} may change without an event")
        elif not events_come(folder):
            self._give_up_events(f"no event came of a file that was written in {folder}")

    def _give_up_events(self, why: str) -> None:
        if not self.poll:
            self.poll = True
            self.say(f"{why}, so files are looked at every {PAUSE:g} s")

    def _run(
        self,
        there: dict[Watched, tuple[int, int] | None],
        recursive: bool,
        stop: threading.Event,
        ready: threading.Event,
    ) -> None:
        while not stop.is_set():
            before = dict(there)
            try:
                self._look(before, recursive, stop, ready)
            except OSError as error:
                self._give_up_events(_explained(error))
            except Exception as error:  # the library's own, where a folder has just gone
                if all(one.identity() is not None for one in before):
                    self._give_up_events(f"events do not come ({error})")
            ready.set()
            if stop.wait(STEP):
                return
            there = {one: one.identity() for one in there}
            if there != before:
                self.changed(())

    def _look(
        self,
        there: dict[Watched, tuple[int, int] | None],
        recursive: bool,
        stop: threading.Event,
        ready: threading.Event,
    ) -> None:
        """Returns when a folder has gone or come."""
        from watchfiles import watch  # noqa: PLC0415 - late: only this command watches

        found = [one.folder for one, identity in there.items() if identity is not None]
        if not found:
            ready.set()
            while not stop.wait(_TICK / 1000):
                if any(one.identity() is not None for one in there):
                    return
            return
        if self.poll:
            poll(
                found,
                recursive=recursive,
                stop=stop,
                began=ready.set,
                take=self.changed,
                go_on=lambda: _are_same(there),
            )
            return
        for changes in watch(
            *found,
            watch_filter=None,
            debounce=_MOST,
            step=round(STEP * 1000),
            stop_event=stop,
            rust_timeout=_TICK if ready.is_set() else 1,
            yield_on_timeout=True,
            raise_interrupt=False,
            force_polling=False,
            recursive=recursive,
            ignore_permission_denied=True,
        ):
            ready.set()
            if changes:
                self.changed({path for _, path in changes})
            if not _are_same(there):
                return


def _are_same(there: dict[Watched, tuple[int, int] | None]) -> bool:
    return all(one.identity() == identity for one, identity in there.items())


def events_come(folder: Path, seconds: float = _SECONDS_FOR_PROBE) -> bool:
    """Whether an event comes of a file that is written into the folder. True for a folder in which
    nothing may be written: nobody knows."""
    from watchfiles import watch  # noqa: PLC0415 - late: as above

    if not os.access(folder, os.W_OK):
        return True
    ended, came, probe = threading.Event(), False, ""
    timer = threading.Timer(seconds, ended.set)
    timer.daemon = True
    timer.start()
    try:
        for changes in watch(
            folder,
            watch_filter=None,
            debounce=_MOST,
            step=5,
            stop_event=ended,
            rust_timeout=5,
            yield_on_timeout=True,
            raise_interrupt=False,
            force_polling=False,
            recursive=False,
        ):
            if not probe:
                handle, probe = tempfile.mkstemp(prefix=_PROBE, dir=folder)
                os.close(handle)
            came = came or any(path.endswith(os.path.basename(probe)) for _, path in changes)
            if came:
                return True
    except Exception:  # `Watcher` meets it again and says so
        return True
    finally:
        timer.cancel()
        if probe:
            with suppress(OSError):
                os.unlink(probe)
    return False


def is_probe(path: str) -> bool:
    """Whether a path is that of a probe, also of another server's."""
    return os.path.basename(path).startswith(_PROBE)


def _explained(error: OSError) -> str:
    text = error.strerror or str(error)
    if "limit" in str(error).lower() or "No space left" in text or "too many" in text.lower():
        return (
            "this system watches no more folders (a larger limit: sudo sysctl"
            " fs.inotify.max_user_watches=524288 fs.inotify.max_user_instances=512)"
        )
    return f"events do not come ({text})"
