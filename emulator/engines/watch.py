"""Engine watch: knows whether the engine answers, and asks it as long as that is in doubt.

Work that needs a container and can wait is held while the engine is in trouble. A caller that
cannot wait is refused at once, not only when the engine's own time is up. As long as all goes well,
the engine is not asked.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager, suppress
from typing import TypeVar

from taskdock.base.errors import EngineUnreachable
from taskdock.base.health import Health
from taskdock.base.notices import Notices
from taskdock.base.timing.clock import Clock, SystemClock
from taskdock.base.timing.limits import Limits
from taskdock.base.timing.loop import LONGEST_PAUSE, Loop
from taskdock.base.timing.reactor import Reactor
from taskdock.engines.engine import (
    Capabilities,
    Container,
    ContainerSpec,
    Engine,
    EngineDescription,
    Observer,
)

T = TypeVar("T")

NAME = "engine"  # of the trouble
_SLOW = Limits().engine_slow
_PAUSE = 0.5  # seconds between two questions, while it does not
_FORGOTTEN = 60.0  # seconds after which an earlier trouble says nothing about a new one
_SHORTEST_REST, _LONGEST_REST = 0.5, 30.0  # seconds
_WAITING = (
    "Queued tasks and events wait and go on by themselves once it works; what needs a new container"
    " now is refused"
)


class EngineWatch(Loop):
    """For any thread, but for the methods that say that they are on an event loop."""

    name = "engine-watch"

    def __init__(
        self,
        *,
        engine: Engine,
        health: Health,
        notices: Notices,
        slow: float = _SLOW,
        clock: Clock | None = None,
    ) -> None:
        """`slow`: seconds that a start may take before the engine is asked whether it still
        answers. `clock`: None is the system's, since what an engine takes is real time."""
        super().__init__(clock or SystemClock(), notices)
        self._slow = slow
        self._engine = engine
        self._health = health
        self._lock = threading.RLock()  # also while `Health` is told, so that it hears all in order
        self._trouble: str | None = None
        self._silent = False
        """The engine did not answer when it was asked last."""
        self._awaited: dict[asyncio.Future[None], float] = {}  # who waits for it, and since when
        self._strikes = 0
        self._ended = float("-inf")  # when the latest trouble was over
        self._rest_until = 0.0

    @property
    def trouble(self) -> str | None:
        """Why no work that can wait should be begun; None: it may be."""
        return self._trouble

    def check(self) -> None:
        """Raises `EngineUnreachable` while the engine does not answer."""
        with self._lock:
            trouble = self._trouble if self._silent else None
        if trouble is not None:
            raise EngineUnreachable(trouble)

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Around a request to the engine, to hear of its faults. Raises `EngineUnreachable`."""
        self.check()
        try:
            yield
        except EngineUnreachable as error:
            self.failed(error.message)
            raise

    def failed(self, reason: str) -> None:
        """The engine is at fault. Where it answers all the same, it is given a rest. The sooner it
        has failed again, the longer is the rest."""
        with self._lock:
            now = self._clock.monotonic()
            if self._trouble is None:
                again = now - self._ended < _FORGOTTEN
                self._strikes = self._strikes + 1 if again else 0
                rest = min(_SHORTEST_REST * 2**self._strikes, _LONGEST_REST)
                self._rest_until = now + (rest if self._strikes else 0.0)
            self._trouble = reason
            self._report(reason)
        self.wake()

    def worked(self) -> None:
        """A container was started."""
        if self._trouble is not None:
            self._recover()
        self._strikes = 0

    async def while_it_answers(self, work: Awaitable[T]) -> T:
        """The result of `work`, which needs the engine. Raises `EngineUnreachable` as soon as the
        engine is seen not to answer: the work goes on, and its result is dropped. On an event
        loop."""
        begun = asyncio.ensure_future(work)
        silence = self.await_answers()
        try:
            await asyncio.wait((begun, silence), return_when=asyncio.FIRST_COMPLETED)
        finally:
            self.forget(silence)
        if begun.done():
            return begun.result()
        begun.add_done_callback(ignore)
        raise EngineUnreachable(self._trouble or "the Docker Engine did not answer")

    def await_answers(self) -> asyncio.Future[None]:
        """A future that is done when the engine does not answer. The caller waits for something of
        the engine's until it calls `forget` with the future. On an event loop."""
        silence: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        with self._lock:
            self._awaited[silence] = self._clock.monotonic()
        self.wake()
        return silence

    def forget(self, silence: asyncio.Future[None]) -> None:
        """Harmless for one that is forgotten already."""
        with self._lock:
            self._awaited.pop(silence, None)

    def run_once(self) -> float:
        with self._lock:
            since = min(self._awaited.values(), default=None)
            in_doubt = self._trouble is not None
        overdue = float("inf") if since is None else since + self._slow - self._clock.monotonic()
        if not in_doubt and overdue > 0:
            return min(overdue, LONGEST_PAUSE)
        fault = self._engine.answers()
        if fault is not None:
            self._note_silence(f"the Docker Engine does not answer: {fault}")
            return _PAUSE
        with self._lock:
            self._silent = False
            rest = self._rest_until - self._clock.monotonic()
        if self._trouble is not None:
            if rest > 0:
                return min(rest, LONGEST_PAUSE)
            self._recover()
        return self._slow if since is not None else LONGEST_PAUSE

    def _note_silence(self, reason: str) -> None:
        with self._lock:
            self._trouble, self._silent = reason, True
            awaited = list(self._awaited)
            self._report(reason)
        for silence in awaited:
            with suppress(RuntimeError):  # the loop is closed
                silence.get_loop().call_soon_threadsafe(_tell, silence)

    def _recover(self) -> None:
        with self._lock:
            self._trouble, self._silent = None, False
            self._ended = self._clock.monotonic()
            self._health.clear(NAME)

    def _report(self, reason: str) -> None:
        self._health.report(NAME, f"{reason}. {_WAITING}.")


class WatchedEngine:
    """An engine whose starts are heard of by its watch."""

    def __init__(self, engine: Engine, watch: EngineWatch) -> None:
        self._engine = engine
        self._watch = watch
        self.memory = engine.memory

    @property
    def description(self) -> EngineDescription:
        return self._engine.description

    @property
    def capabilities(self) -> Capabilities:
        return self._engine.capabilities

    def create(self, spec: ContainerSpec, observer: Observer, reactor: Reactor) -> Container:
        with self._watch.listening():
            container = self._engine.create(spec, observer, reactor)
        self._watch.worked()
        return container

    def answers(self) -> str | None:
        return self._engine.answers()

    def sweep(self, label: str) -> int:
        return self._engine.sweep(label)

    def close(self) -> None:
        self._engine.close()


def _tell(silence: asyncio.Future[None]) -> None:
    if not silence.done():
        silence.set_result(None)


def ignore(done: asyncio.Future[T]) -> None:
    """Takes the error of a future, which asyncio would complain of otherwise."""
    if not done.cancelled():
        done.exception()
