"""The wait for an image: tells, while a call of a function lasts, that its image is still made."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from taskdock.base.errors import TaskdockError
from taskdock.client.api import TaskService
from taskdock.client.deployment import images

_FIRST = 3.0  # seconds
_BETWEEN = 60.0  # seconds

Say = Callable[[str], object]


@contextmanager
def told(
    service: TaskService, name: str, say: Say, *, first: float = _FIRST, between: float = _BETWEEN
) -> Iterator[None]:
    """`say` gets a sentence, on a thread of its own, after `first` seconds and then each `between`
    seconds, for as long as the function's image is being pulled or built."""
    over = threading.Event()

    def run() -> None:
        pause = first
        while not over.wait(pause):
            sentence = waiting(service, name)
            if sentence is None:
                return
            if not over.is_set():
                say(sentence)
            pause = between

    threading.Thread(target=run, name="image-wait", daemon=True).start()
    try:
        yield
    finally:
        over.set()


def waiting(service: TaskService, name: str) -> str | None:
    """None: the image is ready or missing, or nobody knows."""
    try:
        image = images.of(service, service.function(name))
    except TaskdockError:  # the call itself says what is wrong
        return None
    if image is None or image["state"] != "awaited":
        return None
    return f"waiting: the image of {image['wanted']} is being pulled or built"
