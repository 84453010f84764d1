"""What a function runs in, as the server's status has it: AWS's image, a stand-in, or none."""

from __future__ import annotations

from time import sleep

from emulator.base.timing.clock import Clock
from emulator.client.api import Json, TaskService

_SECONDS_TO_WAIT = 3.0  # for an image that is here; a pull or a build takes longer
_PAUSE = 0.05


def of(service: TaskService, function: Json) -> Json | None:
    """The status' entry for the image of a function; None: nobody has asked for it yet."""
    found: Json = service.status()
    wanted = function.get("image") or function.get("runtime")
    return next((one for one in found.get("images", []) if one["wanted"] == wanted), None)


def settled(
    service: TaskService, function: Json, clock: Clock, limit: float = _SECONDS_TO_WAIT
) -> Json | None:
    """The same, once it is known what becomes of the image, or `limit` seconds have passed."""
    if "images" not in service.status():  # an older server
        return None
    deadline = clock.monotonic() + limit
    while True:
        found = of(service, function)
        if (found is not None and found["state"] != "awaited") or clock.monotonic() > deadline:
            return found
        sleep(_PAUSE)


def described(image: Json) -> str:
    """In a few words, for a line."""
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
    """What who deploys has to know: None when the function runs in what was asked for."""
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
    return f"warning: {name} runs in {described(image)}"
