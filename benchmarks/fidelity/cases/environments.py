"""Cases of several environments at once, and of one environment between two calls."""

from __future__ import annotations

import time
from contextlib import suppress

from benchmarks.call import Answer, Called, Unanswered
from benchmarks.fidelity.case import Case, Row, python


def _environments(answers: list[Answer]) -> list[str]:
    """The environment of each call that got a result."""
    found = []
    for answer in answers:
        with suppress(Unanswered):
            found.append(answer.value)
    return found


def _at_once(count: int, name: str) -> Case:
    return Case(
        name,
        f"{count} calls at the same time, then one more",
        python(
            """
            import time, uuid

            here = str(uuid.uuid4())

            def handler(event, context):
                time.sleep(event["seconds"])
                return here
            """,
            timeout=20,
        ),
        lambda called: [*called.together(count, {"seconds": 3}), called.call({"seconds": 0})],
        (
            Row(
                "answered", str(count), "D", lambda seen: str(len(_environments(seen.answers[:-1])))
            ),
            Row(
                "environments",
                str(count),
                "D",
                lambda seen: str(len(set(_environments(seen.answers[:-1])))),
            ),
            Row(
                "the one more",
                "in one of them",
                "D",
                lambda seen: (
                    "in one of them"
                    if seen.answers[-1].value in _environments(seen.answers[:-1])
                    else "in a new one"
                ),
            ),
        ),
    )


TWO_AT_ONCE = _at_once(2, "two-at-once")
EIGHT_AT_ONCE = _at_once(8, "eight-at-once")


def _play_background(called: Called) -> list[Answer]:
    first = called.call({})
    time.sleep(2)
    return [first, called.call({})]


def _between(longest_gap: float) -> str:
    if longest_gap == 0:
        return "is gone"
    return "stands still" if longest_gap > 1 else "runs on"


BACKGROUND = Case(
    "background",
    "A thread that is left behind, 2 s between two calls",
    python(
        """
        import threading, time

        ticks = []

        def tick():
            while True:
                ticks.append(time.monotonic())
                time.sleep(0.02)

        def handler(event, context):
            if not ticks:
                threading.Thread(target=tick, daemon=True).start()
                time.sleep(0.1)
                return 0
            time.sleep(0.1)
            return max(later - earlier for earlier, later in zip(ticks, ticks[1:]))
        """
    ),
    _play_background,
    (Row("between the calls", "stands still", "D", lambda seen: _between(seen.answers[1].value)),),
)
