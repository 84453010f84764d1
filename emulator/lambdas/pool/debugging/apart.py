"""The pool's verbs for an environment apart, which its caller keeps and nobody else uses."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from taskdock.lambdas.environment.environment import Environment
from taskdock.lambdas.functions.function import Function
from taskdock.lambdas.outcome import Failure


@dataclass(frozen=True)
class ApartVerbs:
    """On the reactor's thread."""

    make: Callable[[Function, float], Awaitable[Environment | Failure]]
    """Makes one, which has room then and is not started. A failure where there is no room within so
    many seconds."""
    start: Callable[[Environment], Awaitable[Failure | None]]
    """Starts it: it is busy then, or down. A failure when it could not be started."""
    restart: Callable[[Environment, float], Awaitable[bool]]
    """Starts the runtime of one that is down, within so many seconds: whether it is busy then."""
