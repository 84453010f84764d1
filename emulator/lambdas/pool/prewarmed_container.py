"""One container that is started ahead of need: until somebody takes it, and on the way to that."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import NamedTuple

from emulator.base import ids
from emulator.engines.ending import ProgramExit
from emulator.engines.engine import Container
from emulator.lambdas.environment.environment import Environment
from emulator.lambdas.lifecycle import State
from emulator.lambdas.slot import Slot


class RuntimeShape(NamedTuple):
    """What is fixed for a container before its function is known."""

    runtime: str
    memory: int  # MB


class PrewarmedContainer:
    """A container without a function. The engine tells it what it then tells its environment."""

    def __init__(self, kind: RuntimeShape, lost: Callable[[PrewarmedContainer], None]) -> None:
        self.id = ids.word(32)
        self.kind = kind
        self.image = ""
        self.container: Container | None = None
        self.environment: Environment | None = None
        self.made: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        """Whether there is a container; none: the engine failed."""
        self.ended = False
        """By itself, and before anybody took it."""
        self.state: State | None = None
        """As if it were an environment; None: it holds no room yet."""
        self._since = float("-inf")
        self._lost = lost

    @property
    def slot(self) -> Slot:
        """Once it is ready, the first to give way."""
        state = self.state or State.GONE
        memory = self.kind.memory
        return Slot(
            id=self.id,
            fingerprint="",
            state=state,
            memory=memory,
            since=self._since,
            time_limit=0.0,
        )

    def retire(self, now: float) -> None:
        self.state, self._since = State.RETIRING, now

    def serve(self, environment: Environment) -> None:
        """From now on it is the environment's, and so is its container, once it is made."""
        self.environment = environment
        if self.made.done():
            environment.made(self.container)
        else:
            environment.being_made = True

    def tell_made(self, made: bool) -> None:
        """Without it, its environment has another one made, unless it needs none any more."""
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
