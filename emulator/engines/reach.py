"""Whether containers reach this machine: what one of them is to try, and what it met.

Pure. `probe.py` has a container try it, `remedies.py` says what it means.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum

from emulator.engines.ways import ENGINES_OWN, Way

LIMIT = 3  # seconds that one call has; a firewall that drops says nothing


@dataclass(frozen=True, kw_only=True)
class Call:
    """One of this server's listeners, and a request to which it answers 200."""

    port: int
    path: str
    host: str  # the header


class Met(str, Enum):
    """What a container met when it called."""

    ANSWER = "an answer"
    REFUSED = "connection refused"
    NO_ROUTE = "no route to it"
    TIMED_OUT = "no answer in time"
    NO_NETWORK = "no network"
    SOMEBODY_ELSE = "an answer of something else"
    OTHER = "something unexpected"


@dataclass(frozen=True, kw_only=True)
class Attempt:
    way: Way
    port: int
    met: Met
    words: str = ""  # the program's own


@dataclass(frozen=True, kw_only=True)
class Reached:
    """What a container has found. Neither `fault` nor `untried`: it reached this machine."""

    attempts: tuple[Attempt, ...] = ()
    seconds: float = 0.0  # for all of it, the container's start included
    fault: str = ""
    """What it met where, and the likely reason: one sentence or two, without a full stop."""
    remedies: tuple[str, ...] = ()
    """Commands or steps that mend it, one a line; the likeliest first."""
    untried: str = ""
    """Why nothing could be tried."""


# For each call: number of the way, port, and the first line that came back, or the program's words.
# (The wget of Debian 12's busybox-static crashes; its nc does not.)
SCRIPT = rf"""
while [ $# -gt 0 ]; do
  address=$2
  if [ "$address" = {ENGINES_OWN} ]; then
    while read -r ip name rest; do [ "$name" = way.taskdock ] && address=$ip; done < /etc/hosts
  fi
  words=$(printf 'GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n' "$4" "$5" \
    | /bin/busybox nc -w {LIMIT} "$address" "$3" 2>&1 | /bin/busybox head -n 1)
  echo "taskdock $1 $3 $words"
  shift 5
done
"""
NAME = "way.taskdock"
"""The host name whose entry tells what `ENGINES_OWN` is."""


def arguments(ways: Sequence[Way], calls: Sequence[Call]) -> list[str]:
    """The script's: five for each call by each way."""
    return [
        word
        for index, way in enumerate(ways)
        for call in calls
        for word in (str(index), way.reach, str(call.port), call.path, call.host)
    ]


def read(output: str, ways: Sequence[Way]) -> tuple[Attempt, ...]:
    """What the script has printed. Lines that are not its own are passed over."""
    attempts = []
    for line in output.splitlines():
        words = line.split(maxsplit=3)
        if len(words) < 3 or words[0] != "taskdock" or not all(w.isdigit() for w in words[1:3]):
            continue
        index, port = map(int, words[1:3])
        said = words[3].strip() if len(words) > 3 else ""
        if index < len(ways):
            attempts.append(Attempt(way=ways[index], port=port, met=_met(said), words=said))
    return tuple(attempts)


def best(ways: Iterable[Way], attempts: Sequence[Attempt]) -> Way | None:
    """The first way by which every call was answered."""
    for way in ways:
        tried = [attempt for attempt in attempts if attempt.way == way]
        if tried and all(attempt.met is Met.ANSWER for attempt in tried):
            return way
    return None


def _met(words: str) -> Met:
    if words.startswith("HTTP/1.1 200 "):
        return Met.ANSWER
    for part, met in _WORDS:
        if part in words:
            return met
    return Met.OTHER if words else Met.SOMEBODY_ELSE


_WORDS = (
    ("HTTP/", Met.SOMEBODY_ELSE),
    ("refused", Met.REFUSED),
    ("No route to host", Met.NO_ROUTE),
    ("Host is unreachable", Met.NO_ROUTE),
    ("timed out", Met.TIMED_OUT),
    ("Network is unreachable", Met.NO_NETWORK),
)
