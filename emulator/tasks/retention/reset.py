"""Reset: forgets what a test has had done, so that the next test finds the server as new.

Nothing is claimed while a reset lasts. Functions that run may finish for a while, then they are
ended, and only then everything is removed, in one transaction: so nothing that ran before leaves a
trace behind it. Functions, their warm environments, users and credentials stay.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from taskdock.base.errors import BadField, DatabaseLocked
from taskdock.base.notices import Notices
from taskdock.base.timing.clock import Clock, SystemClock
from taskdock.base.timing.harness_clock import HarnessClock
from taskdock.base.timing.places import place
from taskdock.lambdas.invoke.invoker import Invoker
from taskdock.store.database import Store
from taskdock.tasks.logs.log_store import LogStore
from taskdock.tasks.model.notices import ServerReset
from taskdock.tasks.retention.wipe import TABLES, wipe
from taskdock.tasks.work.poller import Poller

ENDED = "ended"
_AT_A_TIME = 8  # resets that wait for each other: each holds a thread that answers
_FOR_A_TURN = 15.0  # seconds that a poller may wait for the database, and then some
_FOR_ENDS = 5.0  # seconds for what was ended, as a runtime has

Clear = Callable[[], int]
"""Empties a part, inside the reset's transaction; how many there were."""


class Reset:
    """For any thread; one reset at a time."""

    def __init__(
        self,
        *,
        store: Store,
        log_store: LogStore,
        pollers: Sequence[Poller[Any, Any]],
        webhook_sender: Poller[Any, Any],
        hang_up: Callable[[], object],
        invoker: Invoker,
        parts: Mapping[str, Clear],
        clock: Clock,
        notices: Notices,
    ) -> None:
        """`pollers`: all but the webhook sender, whose call `hang_up` ends. `parts`: by the names
        that `keep` may have, beside those in `wipe.TABLES`."""
        self._store = store
        self._log_store = log_store
        self._pollers = pollers
        self._sender = webhook_sender
        self._hang_up = hang_up
        self._invoker = invoker
        self._parts = parts
        self._clock = clock
        self._notices = notices
        self._one = threading.Lock()
        self._places = threading.BoundedSemaphore(_AT_A_TIME)
        self._real = SystemClock()  # what runs does so in real time

    @property
    def names(self) -> list[str]:
        """All that can be kept."""
        return [*TABLES, *self._parts]

    def check(self, keep: Collection[str]) -> None:
        """Raises `BadField` for a name that nothing has."""
        for name in keep:
            if name not in self.names:
                raise BadField(
                    f"keep: there is no '{name[:40]}'; there are {', '.join(self.names)}"
                    " (functions, their environments and users always stay)"
                )

    def run(self, *, keep: Collection[str] = (), grace: float) -> dict[str, int]:
        """How many of each name have gone, and how many invocations were `ended` for it.

        Where nothing is kept that has a time, a clock that was moved begins anew: no test begins at
        the time at which another one has left it.

        `grace`: seconds that what runs has to finish. Raises `BadField`, `TooManyWaits`, or
        `StorageError`, and then nothing has been removed.
        """
        self.check(keep)
        give_up = self._real.monotonic() + grace
        with place(self._places), self._one, self._held(grace):
            ended = self._await_idle(max(give_up - self._real.monotonic(), 0.0))
            with self._log_store.resetting():
                removed = wipe(self._store, keep)
                for name, clear in self._parts.items():
                    removed[name] = 0 if name in keep else clear()
            if isinstance(self._clock, HarnessClock) and not TABLES.keys() & set(keep):
                self._clock.begin_anew()
        self._notices.publish(ServerReset(tasks=removed["tasks"], ended=ended))
        return {**removed, ENDED: ended}

    @contextmanager
    def _held(self, grace: float) -> Iterator[None]:
        """A context in which nothing is claimed, and all that was claimed before has begun."""
        with ExitStack() as at_end:
            for poller in self._pollers:
                at_end.callback(poller.go_on)
                _hold(poller)
            at_end.callback(self._sender.go_on)
            if not self._sender.hold(grace):  # its turn is as long as the call to a webhook
                self._hang_up()
                at_end.callback(self._sender.go_on)
                _hold(self._sender)
            yield

    def _await_idle(self, grace: float) -> int:
        """Returns when nothing runs, and all endings are written; how many had to be ended."""
        ended = 0
        if not self._invoker.settle(grace):
            ended = self._invoker.end_all()
            self._invoker.settle(_FOR_ENDS)
        for poller in self._pollers:
            poller.write_ended()
        return ended


def _hold(poller: Poller[Any, Any]) -> None:
    if not poller.hold(_FOR_A_TURN):
        raise DatabaseLocked(
            f"nothing was reset: the {poller.name} has waited for the database for"
            f" {_FOR_A_TURN:g} s; is another program writing to it? Try again"
        )
