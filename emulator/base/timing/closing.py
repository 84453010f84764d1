"""Closing: ends the parts of a server in their order, each whatever becomes of the others."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import NamedTuple

from emulator.base.notices import Notices, PartHangs, PartNotEnded


class Part(NamedTuple):
    name: str
    end: Callable[[], object]
    limit: float = 5.0
    """Seconds that it has; then it is left to itself."""


def close_all(parts: Iterable[Part], notices: Notices) -> None:
    """Returns when each has ended, has failed to, or has used up its time."""
    for part in parts:
        failure: list[BaseException] = []
        thread = threading.Thread(
            target=_end, args=(part, failure), name=f"close-{part.name}", daemon=True
        )
        thread.start()
        thread.join(part.limit)
        if thread.is_alive():
            notices.publish(PartHangs(part=part.name, after=f"{part.limit:g} s"))
        for error in failure:
            notices.publish(PartNotEnded(part=part.name, error=repr(error)))


def _end(part: Part, failure: list[BaseException]) -> None:
    try:
        part.end()
    except BaseException as error:
        failure.append(error)
