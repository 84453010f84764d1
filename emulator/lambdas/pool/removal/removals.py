"""Removals of containers and their files, tried again and again until nothing is left.

A container that is not removed may hold memory. So whoever has it removed is called back only when
it has certainly gone.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from taskdock.base.errors import EngineError
from taskdock.base.health import Health
from taskdock.base.notices import Notices
from taskdock.base.timing.limits import Limits
from taskdock.base.timing.reactor import Reactor
from taskdock.lambdas.notices import EnvironmentFailed

_TROUBLE = "removal"


class Removals:
    """On the reactor's thread."""

    def __init__(
        self, *, reactor: Reactor, health: Health, limits: Limits, notices: Notices
    ) -> None:
        self._reactor = reactor
        self._health = health
        self._notices = notices
        self._pause = limits.removal_retry
        self._threads = ThreadPoolExecutor(limits.removals, "removal")
        self._failing: dict[str, str] = {}  # why, by id
        self._closed = False

    def remove(self, id: str, verb: Callable[[], object], then: Callable[[], object]) -> None:
        """Returns at once. Calls `verb` on another thread, again as long as that raises
        `EngineError`, and then `then` on this one. `id`: of the container, for reports."""

        def remove() -> None:
            problem: Exception | None = None
            try:
                verb()
            except Exception as error:
                problem = error
            self._reactor.call(self._tried, id, verb, then, problem)

        if not self._closed:
            self._threads.submit(remove)

    def close(self) -> None:
        """Nothing is tried again from now on, and nobody called back."""
        self._closed = True
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _tried(
        self,
        id: str,
        verb: Callable[[], object],
        then: Callable[[], object],
        problem: Exception | None,
    ) -> None:
        if isinstance(problem, EngineError):
            self._fails(id, problem.message)
            self._reactor.loop.call_later(self._pause, self.remove, id, verb, then)
            return
        if problem is not None:  # not the engine's: it would be the same the next time
            self._notices.publish(EnvironmentFailed(id=id, error=repr(problem)))
        if self._failing.pop(id, None) is not None:
            self._report()
        then()

    def _fails(self, id: str, reason: str) -> None:
        if id not in self._failing:
            self._notices.publish(EnvironmentFailed(id=id, error=reason))
        self._failing[id] = reason
        self._report()

    def _report(self) -> None:
        if not self._failing:
            self._health.clear(_TROUBLE)
            return
        id, reason = next(iter(self._failing.items()))
        self._health.report(
            _TROUBLE,
            f"the engine does not remove container {id}: {reason}; its memory counts as held until"
            " it is gone, and it is tried again and again",
            degraded=True,
        )
