"""All doubles of a server: finds the one for a call, counts its uses, and records every call.

Those that were added later come first, so that a test overrides what it finds; behind them come
those of the files, from the top to the bottom. A double with `times` is passed over once it is used
up.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

from taskdock.base import ids
from taskdock.base.errors import BadDouble, IllegalState, NoSuchEndpoint, NotFound
from taskdock.base.notices import Notices
from taskdock.base.strict_json import Json
from taskdock.base.timing.clock import Clock
from taskdock.web.common.notices import DoubleMissing
from taskdock.web.doubles.call import ServiceCall
from taskdock.web.doubles.call_log import AnsweredCall, CallLog
from taskdock.web.doubles.rules import hint
from taskdock.web.doubles.rules.answer import ServiceAnswer
from taskdock.web.doubles.rules.path_pattern import PathPattern

MOST = 10_000
"""Doubles that are added by code."""

OwnPaths = Callable[[str, str], "str | None"]
"""Why a call by this method of this path never comes to doubles; None: it does."""


class Behaviour(Protocol):
    """The part of a double that answers: a rule, or a collection."""

    @property
    def path(self) -> PathPattern: ...

    @property
    def times(self) -> int | None: ...

    @property
    def samples(self) -> tuple[tuple[str, str], ...]:
        """Some of its calls, by method and path, to try whether they come here at all."""
        ...

    def could(self, method: str, path: str) -> bool: ...

    def why_not(self, call: ServiceCall) -> str | None: ...

    def reply(self, call: ServiceCall, used: int) -> ServiceAnswer: ...

    def reset(self) -> None:
        """Forgets what calls have changed."""
        ...


@dataclass(eq=False)
class Double:
    id: str
    source: Json
    """As it was written."""
    behaviour: Behaviour = field(repr=False)
    file: str | None = None
    """The file that has it."""
    used: int = 0

    @property
    def is_used_up(self) -> bool:
        times = self.behaviour.times
        return times is not None and self.used >= times


class Files(Protocol):
    """The doubles of files."""

    def begin(self, check: Callable[[Behaviour], None]) -> None: ...

    def current(self) -> list[Double]: ...


class Doubles:
    """For any thread."""

    def __init__(
        self,
        *,
        clock: Clock,
        notices: Notices,
        read: Callable[[Any], Behaviour],
        files: Files | None = None,
    ) -> None:
        """`read`: reads a double from its JSON, and raises `BadDouble`."""
        self._clock = clock
        self._notices = notices
        self._read = read
        self._files = files
        self._own: OwnPaths = lambda method, path: None
        self._lock = threading.RLock()
        self._added: list[Double] = []  # the newest last
        self.calls = CallLog()

    def begin(self, own: OwnPaths) -> None:
        """`own` says from now on which calls taskdock answers itself. Raises `StartupError` for a
        file that has no doubles, or one that can never match."""
        self._own = own
        if self._files is not None:
            self._files.begin(self.check)

    # Doubles

    def add(self, source: Json) -> Double:
        """Raises `BadDouble`."""
        behaviour = self._read(source)
        self.check(behaviour)
        double = Double(ids.object_id(self._clock.now()), source, behaviour)
        with self._lock:
            if len(self._added) >= MOST:
                raise BadDouble(
                    f"there are {MOST} doubles already: remove some, or write a pattern"
                )
            self._added.append(double)
        return double

    def check(self, behaviour: Behaviour) -> None:
        """Raises `BadDouble` for a rule that can never match."""
        why = [self._own(method, path) for method, path in behaviour.samples]
        if why and why[0] is not None and None not in why:
            told = behaviour.path.named(why[0])
            raise BadDouble(f"a rule that can never match: {told}", key="path")

    def list(self) -> list[Double]:
        """In the order in which they are asked."""
        with self._lock:
            return list(self._in_order())

    def get(self, id: str) -> Double:
        """Raises `NotFound`."""
        with self._lock:
            found = next((each for each in self._in_order() if each.id == id), None)
        if found is None:
            raise NotFound(f"there is no double {id[:80]!r}; taskdock doubles list has all")
        return found

    def remove(self, id: str) -> None:
        """Raises `NotFound`, or `IllegalState` for one of a file."""
        double = self.get(id)
        if double.file is not None:
            raise IllegalState(f"this double is in {double.file}: take it out of there")
        with self._lock:
            self._added = [each for each in self._added if each is not double]

    def clear(self) -> int:
        """Removes those that were added, and forgets the calls and what the files' doubles have
        come to. Returns how many were removed."""
        with self._lock:
            removed, self._added = len(self._added), []
            for double in self._in_order():
                double.used = 0
                double.behaviour.reset()
        self.calls.clear()
        return removed

    # Calls

    def could_answer(self, method: str, path: str) -> bool:
        """Whether a double may be for such a call, whatever else it has."""
        with self._lock:
            return any(
                each.behaviour.could(method, path) and not each.is_used_up
                for each in self._in_order()
            )

    def answer(self, call: ServiceCall) -> ServiceAnswer | None:
        """The answer of the first double that is for this call; None: there is none. An answer is
        recorded."""
        with self._lock:
            found = next((each for each in self._in_order() if _is_for(each, call)), None)
            if found is None:
                return None
            answer = found.behaviour.reply(call, found.used)
            found.used += 1
        self.record(call, answer, found.id)
        return answer

    def record(self, call: ServiceCall, answer: ServiceAnswer, double: str | None) -> None:
        failure = answer.failure.value if answer.failure else None
        status = None if failure else answer.status
        self.calls.add(AnsweredCall(call=call, double=double, status=status, failure=failure))

    def refuse(self, call: ServiceCall, why: str) -> NoSuchEndpoint:
        """The refusal of a call that no double is for; it is recorded. `why` is a sentence."""
        nearest, rule = self._nearest(call), hint.rule_for(call)
        self.calls.add(AnsweredCall(call=call, double=None, status=404, nearest=nearest, rule=rule))
        sender = call.sender
        self._notices.publish(
            DoubleMissing(
                call=f"{call.method} {call.path[:200]}",
                function=sender.function_name,
                task=sender.task_id,
            )
        )
        near = f"; {nearest}" if nearest else ""
        return NoSuchEndpoint(
            f"{why}. No double matches this call{near}. To answer it, add one: put this into a file"
            " of the folder of --doubles, or POST it to /taskdock/doubles:\n\n"
            f"{rule}\n"
        )

    def _nearest(self, call: ServiceCall) -> str | None:
        """The reason why the first double of the same path does not match."""
        with self._lock:
            for each in self._in_order():
                if each.behaviour.could(call.method, call.path):
                    if each.is_used_up:
                        return f"{each.id} is used up after {each.used} calls"
                    why = each.behaviour.why_not(call)
                    return f"the nearest is {each.id}: {why}"
        return None

    def _in_order(self) -> Iterator[Double]:
        yield from reversed(self._added)
        if self._files is not None:
            yield from self._files.current()


def _is_for(double: Double, call: ServiceCall) -> bool:
    behaviour = double.behaviour
    return (
        behaviour.could(call.method, call.path)
        and not double.is_used_up
        and behaviour.why_not(call) is None
    )
