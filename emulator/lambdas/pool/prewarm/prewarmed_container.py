"""One container that is started before its function is known, until an environment takes it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

from taskdock.base import ids
from taskdock.engines.ending import ProgramExit
from taskdock.engines.engine import Container
from taskdock.lambdas.environment.environment import Environment
from taskdock.lambdas.lifecycle import State
from taskdock.lambdas.pool.prewarm.plan import RuntimeShape
from taskdock.lambdas.slot import Slot


class PrewarmedContainer:
    """A prewarmed container is the `Observer` of its engine container, and hands on events to the
    environment that has taken it. On the reactor's thread, but for `remove`."""

    def __init__(self, shape: RuntimeShape, lost: Callable[[PrewarmedContainer], None]) -> None:
        """`lost` is called when the container ends by itself before anybody has taken it."""
        self.id = ids.word(32)
        self.shape = shape
        self.image = ""
        self.container: Container | None = None
        self.environment: Environment | None = None
        self.made: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        """Whether there is a container; False: the engine has failed."""
        self.ended = False
        """The container ended by itself, and before an environment took it."""
        self.state: State | None = None
        """The state, as if the container were an environment; None: it holds no room yet."""
        self._since = float("-inf")
        self._lost = lost

    @property
    def slot(self) -> Slot:
        """The slot of the container: once it is ready, it is the first to give way."""
        return Slot(
            id=self.id,
            fingerprint="",
            state=self.state or State.GONE,
            memory=self.shape.memory,
            since=self._since,
            time_limit=0.0,
        )

    def retire(self, now: float) -> None:
        self.state, self._since = State.RETIRING, now

    def serve(self, environment: Environment) -> None:
        """Gives it to this environment: the container too, once that is made."""
        self.environment = environment
        if self.made.done():
            environment.made(self.container)
        else:
            environment.being_made = True

    def end_creation(self, made: bool) -> None:
        """Ends the container's creation. Where that has failed, the environment has another
        container made, unless it needs none any more."""
        self.made.set_result(made)
        environment = self.environment
        if environment is None:
            return
        environment.being_made = False
        if made or environment.retired:
            environment.made(self.container if made else None)

    def kill(self) -> None:
        if self.container is not None:
            self.container.kill()

    def remove(self) -> None:
        """On any thread. Raises `EngineError`."""
        if self.container is not None:
            self.container.remove()

    # Notices from its container (`engine.Observer`)

    def output(self, line: bytes) -> None:
        if self.environment is not None:
            self.environment.output(line)

    def flushed(self, peak: int) -> None:
        if self.environment is not None:
            self.environment.flushed(peak)

    def exited(self, exit: ProgramExit) -> None:
        if self.environment is not None:
            self.environment.exited(exit)

    def called(self, letter: str, connection: socket.socket) -> None:
        if self.environment is not None:
            self.environment.called(letter, connection)
        else:
            connection.close()

    def gone(self) -> None:
        if self.environment is not None:
            self.environment.gone()
        else:
            self.ended = True
            self._lost(self)
