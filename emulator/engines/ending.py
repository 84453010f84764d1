"""How a program in a container ended, or why it did not start. Values only.

They stand apart from the protocol that has them, for those who decide and may know nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum


class Step(str, Enum):
    """The steps at which a program's start can fail."""

    WORKING_DIRECTORY = "working directory"
    PROGRAM = "program"
    NO_CANDIDATE = "no candidate"
    """None of the paths is there. The fault names the first path, or "" where none was given."""


@dataclass(frozen=True)
class StartFault:
    step: Step
    path: str
    errno: int
    """Linux's number, whatever this machine is."""


@dataclass(frozen=True, kw_only=True)
class ProgramExit:
    """The end of a program, or the reason why it did not start. With neither code, signal nor
    fault, the end is unknown, as of a program that was killed with its container."""

    code: int | None = None
    signal: int | None = None
    """Linux's number of the signal that ended it."""
    fault: StartFault | None = None
    out_of_memory: bool = False
    """The kernel killed it for lack of memory."""
    peak: int = field(default=0, compare=False)  # bytes of memory, at most; 0: not measured

    @property
    def is_known(self) -> bool:
        return self != ProgramExit()
