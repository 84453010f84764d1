"""One run of a runtime, from its start to its end. An environment has one after the other."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial

from taskdock.base.timing.clock import Clock
from taskdock.engines.ending import ProgramExit
from taskdock.lambdas.environment.mailbox import Mailbox
from taskdock.lambdas.environment.settling import Settling
from taskdock.lambdas.lifecycle import Transition
from taskdock.lambdas.outcome import Failure


class RuntimeRun:
    """On the reactor's thread."""

    def __init__(
        self,
        *,
        clock: Clock,
        settling: Settling,
        moved: Callable[[RuntimeRun, Transition], None],
        stop: Callable[[], object],
    ) -> None:
        """`moved` is called with what the runtime has done. `stop` ends the runtime."""
        self._clock = clock
        self._settling = settling
        self._moved = moved
        self._stop = stop
        self.begun: datetime = clock.now()
        self._begun = clock.monotonic()
        self._ended: float | None = None
        self.init_milliseconds: float | None = None
        """The length of the runtime's init; None: it has not been through it."""
        self.overdue = False
        """The runtime was stopped because its time was up."""
        self.end: ProgramExit | None = None
        """The runtime's end; None: it runs, or has not been started yet."""
        self.mailbox = Mailbox(
            polled=self._polled,
            answered=partial(moved, self, Transition.ANSWERED),
            init_failed=self._init_failed,
        )

    @property
    def age_milliseconds(self) -> float:
        """Since the runtime was started, and until it has ended."""
        return ((self._ended or self._clock.monotonic()) - self._begun) * 1000

    @property
    def init_failure(self) -> Failure | None:
        """The error that the runtime reported of its init."""
        return self.mailbox.init_failure

    def ended(self, end: ProgramExit) -> None:
        """Keeps the first end that is reported."""
        if self.end is None:
            self.end, self._ended = end, self._clock.monotonic()

    def _polled(self) -> None:
        """The first time, its init is over."""
        if self.init_milliseconds is None:
            self.init_milliseconds = self.age_milliseconds
        self._settling.after_output(partial(self._moved, self, Transition.POLLED))

    def _init_failed(self) -> None:
        """Most runtimes end by themselves then, others do not."""
        self._settling.after_flush(self._stop)
