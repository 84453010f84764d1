"""Faults that a test injects into invocations: their kinds and their values. Pure.

The server and `taskdock.testing` both import it, so it imports nothing heavy.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum

from taskdock.base.errors import BadField
from taskdock.base.timing import durations

LONGEST_DELAY = 900.0  # seconds: the longest time limit of AWS Lambda
_DEFAULT_NAME, _DEFAULT_MESSAGE = "InjectedError", "injected by taskdock"


class FaultType(str, Enum):
    ERROR = "error"
    """The function reports an error of this name and message."""
    DELAY = "delay"
    """The event reaches the function so many seconds late, within its time limit."""
    TIMEOUT = "timeout"
    """The function uses up its time limit, without anybody waiting for it."""
    OUT_OF_MEMORY = "out_of_memory"
    CRASH = "crash"
    """The runtime exits with status 1 during the invocation."""
    THROTTLE = "throttle"
    """Too many invocations run already."""
    COLD_START = "cold_start"
    """The function runs, in an environment that is started for this invocation alone."""
    INIT_ERROR = "init_error"
    """The runtime exits with status 1 during its init, or reports an error of this name."""
    NO_CAPACITY = "no_capacity"
    """Memory has no room for another environment."""


RUNS = frozenset({FaultType.DELAY, FaultType.COLD_START})
"""The function runs all the same. For every other fault no container is needed, and none is
started."""
_NAMED = (FaultType.ERROR, FaultType.INIT_ERROR)


@dataclass(frozen=True)
class Fault:
    """A fault as a value: `Fault.error("SmtpDown")`, `Fault.timeout()`, `Fault.delay(0.2)`.

    Raises `BadField` for what no invocation can have.
    """

    kind: FaultType
    name: str | None = None
    """The type of the error, such as `SmtpDown`."""
    message: str | None = None
    seconds: float | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.kind, FaultType):
            raise BadField(
                f"write Fault.{kind_of(str(self.kind)).value}(), not Fault({self.kind!r})"
            )
        for text in (self.name, self.message):
            if text is not None and not isinstance(text, str):
                raise BadField(f'name and message are texts, such as "SmtpDown", not {text!r}')
        if self.kind not in _NAMED and (self.name is not None or self.message is not None):
            raise BadField(f"name and message go with the faults error and init_error{self._not}")
        if self.kind is FaultType.INIT_ERROR and self.message is not None and self.name is None:
            raise BadField("an init_error with a message needs a name, too: the type of the error")
        if self.name is not None and not (self.name.strip() and self.name.isprintable()):
            raise BadField("name is the type of the error, on one line, such as SmtpDown")
        if self.kind is not FaultType.DELAY:
            if self.seconds is not None:
                raise BadField(f"seconds go with the fault delay{self._not}")
        elif self.seconds is None:
            raise BadField("a delay needs seconds, such as 0.2")
        elif not 0 < self.seconds <= LONGEST_DELAY:
            raise BadField(
                f"seconds are more than 0, {LONGEST_DELAY:g} at most, not {str(self.seconds)[:40]}"
            )

    @property
    def _not(self) -> str:
        return f", not with {self.kind.value}"

    def __str__(self) -> str:
        """In a few words, on one line: `error SmtpDown`."""
        seconds = None if self.seconds is None else f"of {self.seconds:g} s"
        return " ".join(word for word in (self.kind.value, self.name, seconds) if word)

    @classmethod
    def error(cls, name: str = _DEFAULT_NAME, message: str = _DEFAULT_MESSAGE) -> Fault:
        """The function reports this error, as if it had raised or thrown it."""
        return cls(FaultType.ERROR, name, message)

    @classmethod
    def delay(cls, seconds: float | str | timedelta) -> Fault:
        """The function gets its event so much real time late: seconds, a `timedelta`, or a text
        such as "1m30s". A delay that is longer than its time limit ends in a time-out."""
        if isinstance(seconds, bool) or not isinstance(seconds, int | float):
            try:
                seconds = durations.parse(seconds).total_seconds()
            except ValueError as error:
                raise BadField(str(error)) from None
        return cls(FaultType.DELAY, seconds=seconds)

    @classmethod
    def timeout(cls) -> Fault:
        """The function has used up its time limit; nobody waits for that."""
        return cls(FaultType.TIMEOUT)

    @classmethod
    def out_of_memory(cls) -> Fault:
        """The function has used more memory than its limit."""
        return cls(FaultType.OUT_OF_MEMORY)

    @classmethod
    def crash(cls) -> Fault:
        """The runtime has exited with status 1 while it had the event."""
        return cls(FaultType.CRASH)

    @classmethod
    def throttle(cls) -> Fault:
        """Too many invocations run already: nothing begins."""
        return cls(FaultType.THROTTLE)

    @classmethod
    def cold_start(cls) -> Fault:
        """The function runs in a new environment, whichever is warm."""
        return cls(FaultType.COLD_START)

    @classmethod
    def init_error(cls, name: str | None = None, message: str | None = None) -> Fault:
        """The runtime exits with status 1 before it has asked for an event; with a `name`, it
        reports that error of its init."""
        if name is not None and message is None:
            message = _DEFAULT_MESSAGE
        return cls(FaultType.INIT_ERROR, name, message)

    @classmethod
    def no_capacity(cls) -> Fault:
        """Memory has no room for the function: nothing begins."""
        return cls(FaultType.NO_CAPACITY)


def fault_of(
    kind: str,
    *,
    name: str | None = None,
    message: str | None = None,
    seconds: float | None = None,
) -> Fault:
    """The fault of a kind that is given as text, such as `out_of_memory`. Raises `BadField`."""
    known = kind_of(kind)
    if known is FaultType.ERROR:
        name = _DEFAULT_NAME if name is None else name
    if name is not None and message is None and known in _NAMED:
        message = _DEFAULT_MESSAGE
    return Fault(known, name, message, seconds)


def kind_of(text: str) -> FaultType:
    """Hyphens count as underscores. Raises `BadField`, which names the kind that may be meant."""
    plain = text.strip().lower().replace("-", "_")
    names = [kind.value for kind in FaultType]
    if plain in names:
        return FaultType(plain)
    close = difflib.get_close_matches(plain[:40], names, n=1)
    advice = f"did you mean {close[0]}?" if close else f"there are {', '.join(names)}"
    raise BadField(f"there is no fault '{text[:40]}'; {advice}")


@dataclass(frozen=True, kw_only=True)
class Odds:
    """How often a fault is injected. Without `times` and `probability`: always."""

    times: int | None = None
    """The number of invocations, then the fault is used up."""
    probability: float | None = None
    """The share of invocations, above 0 and up to 1."""
    seed: int | None = None
    """Of the random numbers: the same seed gives the same sequence."""

    def __post_init__(self) -> None:
        """Raises `BadField`."""
        if self.times is not None and self.times < 1:
            raise BadField(f"times is {self.times}; write 1 or more, or leave it out for always")
        if self.probability is not None and not 0 < self.probability <= 1:
            raise BadField(
                f"probability is {self.probability}; write more than 0 and up to 1, such as 0.1"
            )
        if self.seed is not None and self.probability is None:
            raise BadField("a seed goes with a probability, such as 0.1")
