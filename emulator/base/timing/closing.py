"""Closing: ends the parts of a server in their order, whether or not the others end well."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import NamedTuple

from taskdock.base.notices import Notices, PartHangs, PartNotEnded


class Part(NamedTuple):
    name: str
    end: Callable[[], object]
    limit: float = 5.0
    """Seconds for `end`; after them the part is left to itself."""


def close_all(parts: Iterable[Part], notices: Notices) -> None:
    """Ends each part on a thread of its own, one after the other. Returns when the last has ended,
    has raised or has used up its time; each failure is published."""
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
