"""The story that the demo tells on the dashboard: which call is made at which second. Pure.

An opening is told once, a refrain again and again: every few seconds something happens, and the
queue always has tasks that wait for their time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

CHAIN = "recurring-chain"
CODE_FIRST = (
    "hello-world-python",
    "hello-world-javascript",
    "takes-its-time",
    CHAIN,
    "fails-then-succeeds",
    "too-slow",
    "too-hungry",
    "order-api",
)
"""The functions whose code is deployed at once."""
IMAGE_LATER = "hello-world-docker"
"""The function whose image has to be built first, which may take minutes."""
TELLER = "hello-world-javascript"
"""The function that is told of tasks that failed."""
MOST_QUEUED = 40  # tasks; beyond, the story waits for the queue, as while images are being built

_NAMES = ("Ada", "Grace", "Alan", "Edsger", "Barbara", "Donald", "Katherine", "Linus")
_GOODS = ("tea", "coffee", "bread", "honey", "cheese", "plums")
_REFRAIN_SECONDS = 60.0
_OPENING_SECONDS = 10.0


class CallKind(Enum):
    TASK = "task"
    EXECUTION = "direct execution"
    API_REQUEST = "API request"
    INVOCATION = "invocation"


@dataclass(frozen=True)
class Beat:
    """One call, `at` so many seconds since the story began."""

    at: float
    function: str
    why: str = ""
    """The words in the terminal, where the beat is the first of its kind."""
    data: dict[str, Any] = field(default_factory=dict)
    kind: CallKind = CallKind.TASK
    priority: int = 0
    start_in: float = 0
    """Seconds until the task may start."""
    request: tuple[str, str] = ("GET", "/")
    """Method and path of an API request, below the function."""


WHEN_BUILT = Beat(0, IMAGE_LATER, "a function that is a container image", {"name": "Ada"})


def beats() -> Iterator[Beat]:
    """All beats in order, without an end."""
    yield from _opening()
    turn = 0
    while True:
        yield from _refrain(turn, _OPENING_SECONDS + turn * _REFRAIN_SECONDS)
        turn += 1


def schedule() -> dict[str, Any]:
    """The schedule that the story has beside its beats."""
    return {
        "functionName": "hello-world-python",
        "interval": 45,
        "data": {"name": "the schedule"},
    }


def _opening() -> Iterator[Beat]:
    yield Beat(0, "hello-world-python", "a cold start in Python", {"name": "Ada"})
    yield Beat(0.5, "hello-world-javascript", "a cold start in JavaScript", {"name": "Grace"})
    for number, (name, wait) in enumerate(zip(_NAMES, (40, 75, 110, 150, 210, 300), strict=False)):
        yield Beat(
            0.5,
            "hello-world-python",
            "" if number else "tasks that wait for their time",
            {"name": name},
            start_in=wait,
        )
    yield Beat(1, "fails-then-succeeds", "two failures, two retries, then a success")
    yield Beat(1.5, CHAIN, "each task makes the next one", {"remaining": 500, "interval": 20})
    yield Beat(3, "too-slow", "its time limit is 3 s")
    yield Beat(5, "too-hungry", "its memory limit is 128 MB")
    yield Beat(
        7,
        "order-api",
        "an API request",
        kind=CallKind.API_REQUEST,
        request=("GET", "/hello?name=Ada"),
    )
    yield Beat(8, "hello-world-python", "the same function, warm", {"name": "Ada"})


def _refrain(turn: int, begin: float) -> Iterator[Beat]:
    name, item = _NAMES[turn % len(_NAMES)], _GOODS[turn % len(_GOODS)]
    for number, priority in enumerate((0, 0, 5, 1, 9, 0)):
        yield Beat(
            begin,
            "takes-its-time",
            "" if number else "a rush: six tasks for three places, with priorities",
            {"item": _GOODS[number], "seconds": 3},
            priority=priority,
        )
    yield Beat(
        begin + 10,
        "order-api",
        kind=CallKind.API_REQUEST,
        request=("GET", f"/hello?name={name}"),
    )
    yield Beat(
        begin + 14, "hello-world-javascript", "a task for later", {"name": name}, start_in=70
    )
    yield Beat(begin + 18, "fails-then-succeeds", data={"failures": 1 + turn % 2})
    yield Beat(
        begin + 22, "hello-world-python", "a direct execution", {"name": name}, CallKind.EXECUTION
    )
    yield Beat(begin + 26, "too-slow")
    yield Beat(begin + 30, IMAGE_LATER, data={"name": name})
    yield Beat(
        begin + 34,
        "order-api",
        "an API request that makes a task and sends a mail",
        {"item": item},
        CallKind.API_REQUEST,
        request=("POST", "/orders"),
    )
    for number in range(4):
        yield Beat(begin + 40, "takes-its-time", data={"item": _GOODS[-number], "seconds": 2})
    yield Beat(begin + 46, "too-hungry")
    yield Beat(
        begin + 50,
        "hello-world-javascript",
        "an invocation by AWS's API",
        {"name": name},
        CallKind.INVOCATION,
    )
    yield Beat(begin + 54, "hello-world-python", data={"name": name}, priority=5, start_in=60)
