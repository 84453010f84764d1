"""The session of `taskdock dev`: waits for changes, and has functions updated that they concern.

One thread waits, decides and shows; functions are updated on other threads, one at a time each. All
that happens comes to it through one queue.
"""

from __future__ import annotations

import queue
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from taskdock.base.timing.clock import Clock
from taskdock.client.development.quiet import Quiet
from taskdock.client.development.server_life import Ask, ServerLife
from taskdock.client.development.updating.developed_function import (
    DevelopedFunction,
    Update,
    UpdateKind,
)
from taskdock.client.development.updating.grants import Grants
from taskdock.client.development.updating.sending import CodeSender
from taskdock.client.development.view import View
from taskdock.client.development.watching import projects
from taskdock.client.development.watching.watcher import STEP, Watched, Watcher, is_probe
from taskdock.client.errors import ServerUnreachable

_WORKERS = 4  # functions that are updated side by side


Ran = Callable[[str], object]
"""Called on the session's thread with the name of each function that has new code."""


@dataclass
class _Upkeep:
    """The updates of one function."""

    function: DevelopedFunction
    is_busy: bool = False
    saved: set[str] = field(default_factory=set)
    """Changes that no update has begun with yet."""
    is_due: bool = True
    """It is to be updated, whatever has changed."""
    deployed: str = ""
    """The name that it has at the server; empty: it has not been there."""


class Session:
    """Of one call of the command."""

    def __init__(
        self,
        paths: Sequence[Path],
        *,
        sender: CodeSender,
        life: Ask,
        grants: Grants,
        view: View,
        ran: Ran,
        clock: Clock,
        poll: bool,
    ) -> None:
        """`poll`: look at files again and again."""
        self._paths = paths
        self._sender = sender
        self._grants = grants
        self._view = view
        self._ran = ran
        self._clock = clock
        self._happened: queue.SimpleQueue[Callable[[], object]] = queue.SimpleQueue()
        say = lambda text: self.post(partial(view.note, text))  # noqa: E731
        self._watcher = Watcher(lambda paths: self.post(partial(self._changed, paths)), say, poll)
        self._workers = ThreadPoolExecutor(_WORKERS, "update")
        self._work: dict[Path, _Upkeep] = {}
        self._watched: list[Watched] = []
        self._first: dict[Path, Update] | None = {}
        self._quiet = Quiet(STEP)
        self._server = ServerLife(life, view, self.post)

    def start(self) -> None:
        """Begins. Raises `BadTaskConfig` where a path has no function."""
        files = projects.files_of(self._paths)
        self._server.start(self._came)
        for file in files:
            self._add(file)
        self._grants.is_asking = False
        for folder in dict.fromkeys(file.parent for file in files):
            self._watcher.poll_if_needed(folder)
        self._watch(files)
        self._begin_updates()

    def run(self) -> None:
        """Runs until an exception, such as a `KeyboardInterrupt`, ends it."""
        while True:
            self.step()

    def step(self) -> None:
        """Waits for the next thing that happens, and deals with it."""
        try:
            happened = self._happened.get(timeout=self._quiet.pause(self._clock.monotonic()))
        except queue.Empty:
            self._settled()
        else:
            happened()

    def close(self) -> None:
        """Ends builds that run, and all threads."""
        self._server.close()
        self._watcher.stop()
        for work in self._work.values():
            work.function.close()
        self._workers.shutdown(wait=True, cancel_futures=True)

    # Changes

    def post(self, happened: Callable[[], object]) -> None:
        """Has this done on the session's thread. On any thread."""
        self._happened.put(happened)

    def _changed(self, paths: Collection[str]) -> None:
        real = {path for path in paths if not is_probe(path)}
        concerned = False
        for work in self._work.values():
            found = {path for path in real if work.function.concerns(path)}
            if not paths:
                work.is_due = True
            work.saved |= found
            concerned = concerned or bool(found)
        if concerned or not paths or self._has_other_folders():
            self._quiet.changed(self._clock.monotonic())

    def _settled(self) -> None:
        self._quiet.settled()
        while self._has_other_folders():  # once more for what has come while nobody watched
            self._take_stock()
        self._begin_updates()

    def _has_other_folders(self) -> bool:
        """Whether functions have come or gone, or folders in which some may appear."""
        files = projects.files_there(self._paths)
        return files != list(self._work) or projects.to_watch(self._paths, files) != self._watched

    def _watch(self, files: Sequence[Path]) -> None:
        self._watched = projects.to_watch(self._paths, files)
        self._watcher.watch(self._watched)

    def _take_stock(self) -> None:
        """Functions have come or gone."""
        files = projects.files_there(self._paths)
        gone = {file: self._work.pop(file) for file in [*self._work] if file not in files}
        for work in gone.values():
            work.function.close()
        for file in files:
            if file not in self._work:
                self._add(file)
        self._work = {file: self._work[file] for file in files}
        self._watch(files)
        for file, work in gone.items():
            self._left(work.deployed or work.function.name, f"{file} has gone")
        for work in self._work.values():
            work.is_due = True  # something may have changed while nobody watched

    def _left(self, name: str, why: str) -> None:
        """A function of this name is described no more here."""
        if name and all(work.function.name != name for work in self._work.values()):
            self._view.note(
                f"{name}: {why}; the function stays at the server until:"
                f" taskdock functions delete {name}"
            )

    def _add(self, file: Path) -> None:
        def on_line(name: str, text: str) -> None:
            self.post(partial(self._view.line, name, text))

        function = DevelopedFunction(file, self._grants, self._clock, on_line)
        function.look()  # for the name, which no two functions may have
        self._work[file] = _Upkeep(function)

    # Updates

    def _begin_updates(self) -> None:
        if self._server.is_gone:
            return
        for file, work in self._work.items():
            if not work.is_busy and (work.saved or work.is_due):
                saved = set() if work.is_due else work.saved
                work.saved, work.is_due, work.is_busy = set(), False, True
                self._workers.submit(self._update, file, work, saved)

    def _update(self, file: Path, work: _Upkeep, saved: set[str]) -> None:
        """On a thread of the workers."""
        try:
            update = self._checked(file, work, saved)
        except ServerUnreachable as error:
            self.post(partial(self._failed, work, error.message))
        except BaseException as error:  # a bug of ours, which the command shows
            self.post(partial(_raise, error))
        else:
            self.post(partial(self._done, file, work, update))

    def _checked(self, file: Path, work: _Upkeep, saved: set[str]) -> Update:
        name, all_work = work.function.look(), self._work.copy()
        for path, one in all_work.items():
            if path == file:
                break
            if name and one.function.name == name:
                reason = f"{path} describes the function {name}, too: give one another name"
                return work.function.kept(reason)
        return work.function.update(self._sender, saved)

    def _done(self, file: Path, work: _Upkeep, update: Update) -> None:
        work.is_busy = False
        if self._first is not None and file in self._work:
            self._first[file] = update
            if self._first.keys() >= self._work.keys():
                first, self._first = self._first, None
                self._view.started([(path, first[path]) for path in self._work])
                for path in self._work:
                    self._run(first[path])
        elif update.kind is not UpdateKind.UNCHANGED:
            self._view.updated(update)
            self._run(update)
        if update.kind is not UpdateKind.KEPT and update.name != work.deployed:
            before, work.deployed = work.deployed, update.name
            self._left(before, f"{file} names it {update.name} now")
        if not self._quiet.is_awaited:  # else it is begun once the changes have settled
            self._begin_updates()

    def _run(self, update: Update) -> None:
        if update.kind is not UpdateKind.KEPT:
            self._ran(update.name)

    def _failed(self, work: _Upkeep, reason: str) -> None:
        work.is_busy, work.is_due = False, True
        self._server.gone(reason)

    def _came(self) -> None:
        """There is a server that may lack the functions."""
        for work in self._work.values():
            work.function.forget()
            work.is_due = True
        self._begin_updates()


def _raise(error: BaseException) -> None:
    raise error
