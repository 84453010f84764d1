"""Registries: which one an image is from, what a failure of one means, and when to ask it again.

The engine asks registries, and not this process: it may have a proxy or a mirror of its own. So
their faults come as texts, of the engine's own language and of the registry's.
"""

from __future__ import annotations

import json
import re
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from taskdock.base.timing.clock import Clock

FIRST_WAIT = 5.0
"""Seconds until a registry that cannot be reached is asked again; doubled each time."""
LONGEST_WAIT = 300.0


class PullFault(Enum):
    UNREACHABLE = "cannot be reached"
    SLOW = "does not answer in time"
    DENIED = "does not give it"
    BROKEN = "broke off"
    NO_ROOM = "cannot be kept by the engine"


@dataclass(frozen=True)
class PullRefusal:
    """Why there is no image from a registry. `message` is a part of a sentence."""

    fault: PullFault
    message: str


_SIGNS = (
    # Order matters: a name that is not resolved in time is not a slow registry, and neither is one
    # to which there is no connection.
    (
        PullFault.UNREACHABLE,
        r"no such host|server misbehaving|\blookup \S+|connection refused|network is unreachable"
        r"|no route to host|host is down|proxyconnect|dial tcp \S+ i/o timeout|dial tcp \S+: i/o"
        r"|while waiting for connection|x509:|\btls: |HTTP response to HTTPS client"
        r"|temporary failure in name resolution",
    ),
    (PullFault.NO_ROOM, r"no space left|disk quota exceeded|read-only file system"),
    (
        PullFault.DENIED,
        r"manifest unknown|not found|denied|unauthorized|authentication required|toomanyrequests"
        r"|no matching manifest|does not exist|forbidden|does not match the specified platform",
    ),
    (PullFault.SLOW, r"timeout|deadline exceeded|\b50[34]\b"),
)


def fault_of(text: str) -> PullFault:
    """The meaning of the engine's words."""
    for fault, signs in _SIGNS:
        if re.search(signs, text, re.IGNORECASE):
            return fault
    return PullFault.BROKEN


def refusal_of(reference: str, text: str) -> PullRefusal:
    """`text`: the engine's words."""
    fault = fault_of(text)
    registry = registry_of(reference)
    if fault is PullFault.BROKEN:
        return PullRefusal(fault, f"pulling it from {registry} broke off ({text})")
    if fault is PullFault.NO_ROOM:
        return PullRefusal(fault, f"what {registry} gives {fault.value} ({text})")
    message = f"{registry} {fault.value} ({text})"
    if "authorization token has expired" in text:  # of a sign-in that public images do not need
        message += f"; forget the old sign-in: docker logout {registry}"
    return PullRefusal(fault, message)


def registry_of(reference: str) -> str:
    """The host in a reference, by Docker's rule: a part before a slash with a dot or a colon."""
    first, slash, _ = reference.partition("/")
    return first if slash and re.search(r"[.:]|^localhost$", first) else "docker.io"


class SilentRegistries:
    """The times at which registries that could not be reached are asked again; all processes share
    them.

    One that was asked in vain is left alone for a while, which grows: 5, 10, 20 ... 300 seconds.
    """

    def __init__(self, folder: Path, clock: Clock) -> None:
        self._folder = folder
        self._clock = clock

    def wait(self, registry: str) -> float:
        """Seconds until it is to be asked; 0: now."""
        since, times, _ = self._read(registry)
        passed = self._clock.now().timestamp() - since
        wait = pause(times)
        return wait - passed if 0 <= passed < wait else 0.0

    def reason(self, registry: str) -> str:
        """The reason why the registry could not be reached."""
        return self._read(registry)[2]

    def failed(self, registry: str, reason: str) -> None:
        _, times, _ = self._read(registry)
        now = self._clock.now().timestamp()
        entry = {"since": now, "times": times + 1, "reason": reason}
        with suppress(OSError):  # then it is asked more often
            self._folder.mkdir(parents=True, exist_ok=True)
            self._file(registry).write_text(json.dumps(entry))

    def answered(self, registry: str) -> None:
        with suppress(OSError):
            self._file(registry).unlink(missing_ok=True)

    def _read(self, registry: str) -> tuple[float, int, str]:
        try:
            entry = json.loads(self._file(registry).read_text())
            return float(entry["since"]), int(entry["times"]), str(entry["reason"])
        except (OSError, ValueError, TypeError, KeyError):
            return 0.0, 0, ""

    def _file(self, registry: str) -> Path:
        return self._folder / file_name(registry)


def pause(times: int) -> float:
    """Seconds to leave a registry alone that could not be reached so many times in a row."""
    return 0.0 if times < 1 else min(FIRST_WAIT * 2.0 ** min(times - 1, 10), LONGEST_WAIT)


def file_name(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9.-]", "_", text)
