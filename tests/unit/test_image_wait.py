"""While a call waits for its function's image, the caller is told so."""

from __future__ import annotations

import queue

from taskdock.client.api import Json, TaskService
from taskdock.client.deployment import images


class Making(TaskService):
    """A server whose image is in some state."""

    def __init__(self, state: str) -> None:
        super().__init__()
        self.state = state

    def function(self, name: str) -> Json:
        return {"name": name, "runtime": "python3.13"}

    def status(self) -> Json:
        return {"images": [{"wanted": "python3.13", "state": self.state}]}


def test_an_image_that_is_being_made_is_said_again_and_again() -> None:
    said: queue.SimpleQueue[str] = queue.SimpleQueue()

    with images.told(Making("awaited"), "fn", said.put, first=0, between=0):
        sentences = {said.get(timeout=10) for _ in range(2)}

    assert sentences == {"waiting: the image of python3.13 is being pulled or built"}


def test_an_image_that_is_there_or_missing_is_not_waited_for() -> None:
    assert images.waiting(Making("ready"), "fn") is None
    assert images.waiting(Making("missing"), "fn") is None
