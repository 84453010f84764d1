"""The notices that environments, prewarmed containers and their engine calls publish."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

from taskdock.base.notices import Notice
from taskdock.lambdas.lifecycle import State
from taskdock.lambdas.slot import PastCall


@dataclass(frozen=True, kw_only=True)
class EnvironmentMoved(Notice):
    """An environment has changed its state; published on the reactor's thread."""

    level = logging.DEBUG
    id: str
    function: str
    from_: State
    to: State


@dataclass(frozen=True, kw_only=True)
class InvocationBegan(Notice):
    """An environment has a call now; published on the reactor's thread."""

    level = logging.DEBUG
    environment: str
    function: str
    request: str
    asked: str
    """The kind of whoever asks for it, as `RunKind` has them."""
    task: str | None = None


@dataclass(frozen=True, kw_only=True)
class InvocationEnded(Notice):
    """A call has ended in its environment, and its log is complete. It is made for each call, so it
    has few fields."""

    level = logging.DEBUG
    environment: str
    function: str
    past: PastCall

    @property
    def facts(self) -> dict[str, Any]:
        """As those of `InvocationBegan`, with how it ended."""
        past, call = self.past, self.past.call
        found = {
            "environment": self.environment,
            "function": self.function,
            "request": call.request_id,
            "asked": call.kind,
            "task": call.task_id,
            "milliseconds": round(past.milliseconds, 2),
            "cold": call.cold,
            "error": past.error,
        }
        return {name: value for name, value in found.items() if value is not None}


OF_CALLS = (EnvironmentMoved, InvocationBegan, InvocationEnded)
"""Each call has some of these: nobody keeps them, and they are made where `Notices.wants` them."""


@dataclass(frozen=True, kw_only=True)
class EnvironmentFailed(Notice):
    """An environment could not be started (`function` is known), or the engine has failed at
    something else that it was asked to do with it (`id` is known)."""

    level = logging.WARNING
    function: str | None = None
    id: str | None = None
    error: str


@dataclass(frozen=True, kw_only=True)
class EnvironmentSilent(Notice):
    """The runtime of a function has not asked for its first event within the limit of its init."""

    level = logging.WARNING
    function: str
    hint: str


@dataclass(frozen=True, kw_only=True)
class ContainersLeft(Notice):
    """The pool has stopped, and the engine has not removed all containers yet."""

    level = logging.WARNING
    count: int
    hint: str


@dataclass(frozen=True, kw_only=True)
class PrewarmFailed(Notice):
    """No container could be prewarmed for `runtime`; the next try comes later."""

    level = logging.WARNING
    runtime: str
    error: str


@dataclass(frozen=True, kw_only=True)
class DebugSessionBegan(Notice):
    """A function is debugged from now on: its environment has no time limit, and is neither frozen
    nor retired."""

    function: str
    port: int


@dataclass(frozen=True, kw_only=True)
class DebuggerAttached(Notice):
    function: str
    port: int
    clients: int
    """Those that are attached now."""


@dataclass(frozen=True, kw_only=True)
class DebuggerDetached(Notice):
    function: str
    port: int
    clients: int


@dataclass(frozen=True, kw_only=True)
class DebugSessionEnded(Notice):
    """The usual limits are back."""

    function: str
    port: int
    reason: str


@dataclass(frozen=True, kw_only=True)
class FunctionChanged(Notice):
    """A function was deployed, or some of its properties or its code have changed."""

    level = logging.DEBUG
    function: str


@dataclass(frozen=True, kw_only=True)
class FunctionDeleted(Notice):
    level = logging.DEBUG
    function: str
