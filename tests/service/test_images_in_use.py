"""What functions run in is told: in the server's status, and at the head of each log."""

from __future__ import annotations

import json
from collections.abc import Callable
from threading import Event

import pytest

from taskdock.base.errors import ImageNotAvailable
from taskdock.engines.images import Found
from taskdock.lambdas.functions.function import Function
from taskdock.lambdas.functions.images_in_use import ImagesInUse
from taskdock.testing.clock import NOON
from tests.support.builders import Dock, Json, StartDock

AWS = "public.ecr.aws/lambda/python:3.11"
STANDIN = "taskdock/standin-python:3.11"
REASON = "public.ecr.aws cannot be reached (no such host)"

Running = Callable[[Found], Dock]


@pytest.fixture
def running_in(start_dock: StartDock) -> Running:
    """A server whose functions all run in this image."""

    def start(found: Found) -> Dock:
        dock = start_dock(image_of=lambda function: found)
        dock.engine.images.add(found.reference)
        return dock

    return start


def images(dock: Dock) -> list[Json]:
    found: list[Json] = dock.call("GET", "/status", base="").json()["images"]
    return found


def init_start(dock: Dock) -> str:
    lines = dock.all_logs(dock.execute().json()["id"])
    return lines[0].rstrip("\n")


def test_a_stand_in_is_told_with_what_it_stands_for_and_why(running_in: Running) -> None:
    dock = running_in(Found(STANDIN, stands_in_for=AWS, reason=REASON))
    dock.deploy(lambda *_: None)

    line = init_start(dock)

    assert line.startswith("INIT_START Runtime Version: python:3.11\tRuntime Version ARN: arn:aws:")
    assert line.endswith(f"\tStand-in: {STANDIN}")
    assert images(dock) == [
        {
            "wanted": "python3.11",
            "state": "ready",
            "image": STANDIN,
            "standInFor": AWS,
            "reason": REASON,
        }
    ]


def test_a_stand_in_is_told_in_a_log_of_json_too(running_in: Running) -> None:
    dock = running_in(Found(STANDIN, stands_in_for=AWS, reason=REASON))
    json_format = {"AWS_LAMBDA_LOG_FORMAT": {"value": "JSON"}}
    dock.deploy(lambda *_: None, environmentVariables=json_format)

    assert json.loads(init_start(dock))["record"]["standIn"] == STANDIN


def test_of_awss_own_image_the_log_says_what_aws_says_and_no_more(running_in: Running) -> None:
    dock = running_in(Found(AWS))
    dock.deploy(lambda *_: None)

    line = init_start(dock)

    assert line.rpartition(":")[0].endswith(
        "Runtime Version ARN: arn:aws:lambda:us-east-1::runtime"
    )
    assert images(dock) == [{"wanted": "python3.11", "state": "ready", "image": AWS}]


def test_an_image_that_is_still_awaited_or_missing_is_told_so(
    start_dock: StartDock,
) -> None:
    pulled, asked = Event(), Event()

    def image_of(function: Function) -> Found:
        asked.set()
        assert pulled.wait(30)
        raise ImageNotAvailable("there is none")

    dock = start_dock(image_of=image_of)
    assert images(dock) == []

    dock.deploy(lambda *_: None)
    assert asked.wait(30)
    awaited = images(dock)
    pulled.set()

    assert awaited == [{"wanted": "python3.11", "state": "awaited"}]
    missing = [{"wanted": "python3.11", "state": "missing", "reason": "there is none"}]
    dock.eventually(lambda: images(dock) == missing)


def test_what_was_found_stays_in_sight_while_it_is_looked_for_again(
    start_dock: StartDock,
) -> None:
    held, looked, asked = Event(), Event(), []

    def image_of(function: Function) -> Found:
        asked.append(function.name)
        if len(set(asked)) > 1:
            looked.set()
            assert held.wait(30)
        return Found(AWS)

    dock = start_dock(image_of=image_of)
    dock.deploy(lambda *_: None)
    dock.eventually(lambda: images(dock) and images(dock)[0]["state"] == "ready")

    dock.deploy(lambda *_: None, "oak-chair")
    assert looked.wait(30)
    during = images(dock)
    held.set()

    assert during == [{"wanted": "python3.11", "state": "ready", "image": AWS}]


def test_of_many_images_those_that_were_wanted_first_are_forgotten() -> None:
    images = ImagesInUse(lambda function: Found(function.image or ""))
    wanted = [f"walnut:{number}" for number in range(500)]

    for image in wanted:
        images(image_function(image))

    assert [use.requested for use in images.report()] == wanted[-200:]


def image_function(image: str) -> Function:
    return Function(
        name="walnut-table",
        update_timestamp=NOON,
        image=image,
    )
