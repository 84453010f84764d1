"""Notices: typed facts about what happened, published once: a log line each, and subscribers.

A notice is a frozen dataclass, named in the past tense: `publish(TaskFailed(task=..., error=...))`.
Each kind is in the `notices.py` of the folder that publishes it; this module has those of `base`.
A notice is not an event: that word is for the JSON that a function receives.
"""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, fields
from enum import Enum
from typing import Any, ClassVar, TypeVar

N = TypeVar("N", bound="Notice")

_log = logging.getLogger("taskdock")
_LINE_ENDS = "\n\v\f\r\x1c\x1d\x1e\x85\u2028\u2029"  # as `str.splitlines` has them
_ESCAPED_ENDS = str.maketrans({end: end.encode("unicode_escape").decode() for end in _LINE_ENDS})
_Subscription = tuple[type["Notice"], tuple[type["Notice"], ...], Callable[[Any], object]]
_CAPITAL = re.compile(r"(?<!^)(?=[A-Z])")


@dataclass(frozen=True, kw_only=True)
class Notice:
    """The base of all kinds. The facts of a notice are its fields, in the order of its log line."""

    level: ClassVar[int] = logging.INFO
    """The level of the notice's log line; each kind may have its own."""
    name: ClassVar[str] = "notice"
    """The kind in snake case, such as `task_failed`: the first word of its log line."""

    def __init_subclass__(cls) -> None:
        cls.name = _CAPITAL.sub("_", cls.__name__).lower()

    @property
    def facts(self) -> dict[str, Any]:
        """The fields that are not None. A field called by a Python keyword, such as `from_`, has
        its underscore taken off."""
        found = ((field.name.rstrip("_"), getattr(self, field.name)) for field in fields(self))
        return {name: value for name, value in found if value is not None}


@dataclass(frozen=True, kw_only=True)
class LoopFailed(Notice):
    """A turn of the loop has raised `error`; the loop goes on."""

    level = logging.WARNING
    loop: str
    error: str


@dataclass(frozen=True, kw_only=True)
class PartHangs(Notice):
    """A part of the server has not ended within its limit and is left to itself."""

    level = logging.WARNING
    part: str
    after: str
    """The limit with its unit, such as `5 s`."""


@dataclass(frozen=True, kw_only=True)
class PartNotEnded(Notice):
    """Ending a part of the server has raised `error`; the stop goes on."""

    level = logging.WARNING
    part: str
    error: str


@dataclass(frozen=True, kw_only=True)
class TroubleBegan(Notice):
    """`what` does not work from now on, or for another reason than before."""

    level = logging.WARNING
    what: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class TroubleEnded(Notice):
    """`what` works again."""

    what: str


@dataclass(frozen=True, kw_only=True)
class SubscriberFailed(Notice):
    """A subscriber has raised `error` when it was told of `notice`. This one is only logged: the
    subscriber that failed would fail at it again."""

    level = logging.WARNING
    notice: str
    error: str


class Notices:
    """For any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._subscribers: tuple[_Subscription, ...] = ()
        self._by_kind: dict[type[Notice], list[Callable[[Any], object]]] = {}

    def subscribe(
        self,
        kind: type[N],
        subscriber: Callable[[N], object],
        *,
        but: tuple[type[Notice], ...] = (),
    ) -> Callable[[], None]:
        """From now on `subscriber(notice)` is called for every notice of this kind, on the
        publisher's thread; `Notice` means all kinds, `but` those that are left out. The subscriber
        should return at once.

        An exception of the subscriber is logged; it reaches neither the publisher nor the other
        subscribers. Returns a function that ends the subscription.
        """
        entry = (kind, but, subscriber)
        with self._lock:
            self._subscribers = (*self._subscribers, entry)
            self._by_kind = {}

        def unsubscribe() -> None:
            with self._lock:
                self._subscribers = tuple(e for e in self._subscribers if e is not entry)
                self._by_kind = {}

        return unsubscribe

    def wants(self, kind: type[Notice]) -> bool:
        """Whether the log or a subscriber has a notice of this kind: a publisher of very many asks
        first, and makes none for nobody."""
        return bool(self._of(kind)) or _log.isEnabledFor(kind.level)

    def publish(self, notice: Notice) -> None:
        """Writes the log line, then calls the subscribers; never raises what they raise."""
        _write(notice)
        for subscriber in self._of(type(notice)):
            try:
                subscriber(notice)
            except Exception as error:
                _write(SubscriberFailed(notice=notice.name, error=repr(error)))

    def _of(self, kind: type[Notice]) -> list[Callable[[Any], object]]:
        known = self._by_kind  # before the subscribers: at worst, what is found is kept in vain
        found = known.get(kind)
        if found is None:
            found = [
                subscriber
                for base, but, subscriber in self._subscribers
                if issubclass(kind, base) and not issubclass(kind, but)
            ]
            known[kind] = found
        return found


def _write(notice: Notice) -> None:
    if _log.isEnabledFor(notice.level):
        facts = " ".join(f"{name}={_in_line(fact)}" for name, fact in notice.facts.items())
        _log.log(notice.level, "%s %s", notice.name, facts)


def _in_line(fact: Any) -> str:
    """Some facts are in others' words, such as a function's error: none may begin a line, which
    would look as if this server had said it."""
    return str(fact.value if isinstance(fact, Enum) else fact).translate(_ESCAPED_ENDS)
