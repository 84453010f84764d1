"""Finding: the result of one check of this machine. Values only."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class CheckStatus(str, Enum):
    OK = "ok"
    DEGRADED = "degraded"  # functions run, but something is missing or slow
    BROKEN = "broken"
    UNCHECKED = "unchecked"


@dataclass(frozen=True)
class Finding:
    status: CheckStatus
    measured: str
    """The result in figures where there are any. Lines after the first are details."""
    remedies: tuple[str, ...] = ()
    """Commands or steps that repair the fault, one in each line; the likeliest first."""


class NotChecked(Exception):
    """A check cannot be made. The message names the thing that is missing."""


def ok(measured: str) -> Finding:
    return Finding(CheckStatus.OK, measured)


def degraded(measured: str, *remedies: str) -> Finding:
    return Finding(CheckStatus.DEGRADED, measured, remedies)


def broken(measured: str, *remedies: str) -> Finding:
    return Finding(CheckStatus.BROKEN, measured, remedies)


def unchecked(reason: str) -> Finding:
    return Finding(CheckStatus.UNCHECKED, f"not checked: {reason}")


def milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:.1f} ms" if seconds < 0.01 else f"{seconds * 1000:.0f} ms"
