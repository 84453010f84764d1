"""The board of *Now*: environments as lanes, the queue, what has ended, and the log. Pure.

A task is in one place of the board alone: in the queue, in a lane, or among those that have ended.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

STAGES = ("init", "running", "idle", "frozen")
"""The stages of an environment's life, in the order in which it usually goes through them."""
WORDS: Mapping[str, str] = {
    "starting": "init",
    "ready": "idle",
    "busy": "running",
    "settling": "finishing",
    "frozen": "frozen",
    "down": "down",
    "retiring": "retiring",
    "gone": "gone",
}
KINDS: Mapping[str, str] = {
    "task": "task",
    "execution": "direct execution",
    "api": "API request",
    "invocation": "invocation",
    "event": "asynchronous invocation",
}
_STAGE_OF = {"starting": "init", "busy": "running", "settling": "running", "ready": "idle"}
_RESTS = ("down", "retiring", "ready", "frozen", "gone")
_URGENT = ("busy", "settling", "starting", "down", "retiring", "ready", "frozen", "gone")
_PLATFORM = re.compile(r"(START|END|REPORT|INIT_START|EXTENSION|XRAY)\b")
_PLATFORM_JSON = re.compile(r'\{"time": ?"[^"]*", ?"type": ?"platform\.')
_UUID = re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b")
_STAMP = re.compile(rf"^(?:\[\w+\]\t)?\d{{4}}-\d\d-\d\dT[\d:.]+Z\t(?:{_UUID.pattern}\t)?")
_PLAIN = ("START ", "END ")  # lines that say nothing which the board does not show


@dataclass(frozen=True, kw_only=True)
class LaneCall:
    id: str
    kind: str
    """In words."""
    is_task: bool
    since: str | None
    """When its time limit began; None: the environment starts for it."""
    cold: bool


@dataclass(frozen=True, kw_only=True)
class Lane:
    id: str
    function: str
    runtime: str
    state: str
    word: str
    stage: str
    """One of `STAGES`, or "" where the environment is at none of them."""
    since: str
    memory: int
    used: int | None
    calls: int
    limit: float | None
    call: LaneCall | None
    last: Mapping[str, Any] | None


@dataclass(frozen=True, kw_only=True)
class ShownLine:
    at: str
    function: str
    text: str
    is_platforms: bool
    """Whether it is the platform's own, not the function's."""


@dataclass(frozen=True, kw_only=True)
class Board:
    counts: Mapping[str, Any] | None
    """None: the database cannot be read."""
    lanes: Sequence[Lane]
    more_lanes: str
    """The lanes that there is no place for, in words."""
    prewarmed: Sequence[Mapping[str, Any]]
    waiting: Sequence[Mapping[str, Any]]
    queue: Sequence[Mapping[str, Any]]
    ended: Sequence[Mapping[str, Any]]
    log: Sequence[ShownLine]
    memory: Mapping[str, int]

    @property
    def runs(self) -> bool:
        """Whether something runs, so that what is shown changes without a notice."""
        return any(lane.call is not None for lane in self.lanes)

    @property
    def more_in_queue(self) -> int:
        return max(0, self.counts["new"] - len(self.queue)) if self.counts else 0


def lanes_of(
    environments: Sequence[Mapping[str, Any]], ended: Collection[str], most: int
) -> tuple[list[Lane], str]:
    """The lanes of environments as `/status` has them, and what is left out. Those that do
    something come first, else all keep their order."""
    shown = sorted(environments, key=lambda each: each["state"] in _RESTS)
    if len(shown) > most:
        shown.sort(key=lambda each: _URGENT.index(each["state"]))
    left = Counter(WORDS[each["state"]] for each in shown[most:])
    words = ", ".join(f"{count} {word}" for word, count in left.most_common())
    more = f"{len(shown) - most} more: {words}" if left else ""
    return [_lane(each, ended) for each in shown[:most]], more


def queue_of(
    places: Sequence[Mapping[str, Any]], elsewhere: Collection[str]
) -> list[Mapping[str, Any]]:
    """Places of tasks that are not shown in a lane or among what has ended."""
    return [each for each in places if each["id"] not in elsewhere]


def lines_of(
    lines: Sequence[Mapping[str, Any]], most: int, *, present: bool
) -> Sequence[ShownLine]:
    """The last lines as a page shows them. A room sees no ids, and only what functions print."""
    found = []
    for line in lines:
        text = line["message"]
        is_platforms = bool(_PLATFORM.match(text) or _PLATFORM_JSON.match(text))
        if is_platforms and (present or text.startswith(_PLAIN)):
            continue
        text = _STAMP.sub("", text)
        if present:
            text = _UUID.sub("…", text)
        found.append(
            ShownLine(
                at=line["timestamp"],
                function=line.get("functionName", ""),
                text=" ".join(text.split()),
                is_platforms=is_platforms,
            )
        )
    return found[-most:]


def tasks_in(lanes: Sequence[Lane]) -> set[str]:
    return {lane.call.id for lane in lanes if lane.call is not None and lane.call.is_task}


def _lane(environment: Mapping[str, Any], ended: Collection[str]) -> Lane:
    state, running = environment["state"], environment.get("running")
    if running is not None and running.get("taskId") in ended:
        running = None  # its ending was written since
    return Lane(
        id=environment["id"],
        function=environment["functionName"],
        runtime=environment.get("runtime", ""),
        state=state,
        word=WORDS[state],
        stage=_STAGE_OF.get(state, state if state in STAGES else ""),
        since=environment["stateSince"],
        memory=environment["memory"],
        used=environment.get("memoryUsed"),
        calls=environment.get("calls", 0),
        limit=environment.get("timeLimit"),
        call=None if running is None else _call(running),
        last=environment.get("last"),
    )


def _call(running: Mapping[str, Any]) -> LaneCall:
    task = running.get("taskId")
    return LaneCall(
        id=task or running["requestId"],
        kind=KINDS.get(running["kind"], running["kind"]),
        is_task=task is not None,
        since=running.get("startTimestamp"),
        cold=running["cold"],
    )
