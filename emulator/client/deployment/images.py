"""The image that a function runs in, read from the server's status: AWS's, a stand-in, or none."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import sleep

from taskdock.base.errors import TaskdockError
from taskdock.base.machine import threads
from taskdock.base.timing.clock import Clock
from taskdock.client.api import Json, TaskService

_SECONDS_TO_WAIT = 3.0  # enough for an image that the engine has; a pull or a build takes longer
_PAUSE = 0.05
_FIRST_SENTENCE = 3.0  # seconds
_BETWEEN_SENTENCES = 60.0  # seconds

Say = Callable[[str], object]


def of(service: TaskService, function: Json) -> Json | None:
    """The entry of the function's image in the server's status. None: the server has not looked
    for that image yet."""
    status: Json = service.status()
    name = function.get("image") or function.get("runtime")
    return next((one for one in status.get("images", []) if one["wanted"] == name), None)


def settled(
    service: TaskService, function: Json, clock: Clock, limit: float = _SECONDS_TO_WAIT
) -> Json | None:
    """Waits until the image is known to be ready or missing, at most `limit` seconds; then as `of`.

    None also for an older server, whose status has no images.
    """
    if "images" not in service.status():
        return None
    deadline = clock.monotonic() + limit
    while True:
        found = of(service, function)
        if (found is not None and found["state"] != "awaited") or clock.monotonic() > deadline:
            return found
        sleep(_PAUSE)


def described(image: Json) -> str:
    """The image in a few words, for one line of output."""
    if image["state"] == "awaited":
        return "not known yet: it is being pulled or built"
    if image["state"] == "missing":
        return f"none: {image.get('reason')}"
    if "standInFor" in image:
        return (
            f"{image['image']}, a stand-in for {image['standInFor']}, because {image.get('reason')}"
        )
    return str(image["image"])


def warning(function: Json, image: Json | None) -> str | None:
    """The warning to print after a deployment. None: the function runs in the image it names."""
    name = function["name"]
    if image is None or (image["state"] == "ready" and "standInFor" not in image):
        return None
    if image["state"] == "awaited":
        return (
            f"{name}: its image is being pulled or built; what it runs in: taskdock functions show"
            f" {name}"
        )
    if image["state"] == "missing":
        return f"warning: {name} has no image to run in. {image.get('reason')}"
    return (
        f"warning: {image['wanted']} runs in {image['image']}, in place of AWS's image; why:"
        f" taskdock functions show {name}"
    )


@contextmanager
def told(
    service: TaskService,
    name: str,
    say: Say,
    *,
    first: float = _FIRST_SENTENCE,
    between: float = _BETWEEN_SENTENCES,
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

    threads.start(run, name="image-wait")
    try:
        yield
    finally:
        over.set()


def waiting(service: TaskService, name: str) -> str | None:
    """None: the image is ready or missing, or nobody knows."""
    try:
        image = of(service, service.function(name))
    except TaskdockError:  # the call itself says what is wrong
        return None
    if image is None or image["state"] != "awaited":
        return None
    return f"waiting: the image of {image['wanted']} is being pulled or built"
