"""`taskdock deploy` of a function whose image cannot be had: known before anything is sent."""

from __future__ import annotations

import docker
import pytest

from tests.support.live import CommandLine, TaskService, make_images

pytestmark = [pytest.mark.docker, pytest.mark.timeout(300)]

NOWHERE = "nowhere.invalid/oak:1"  # RFC 2606: no such host, on any machine
SAID = f"warning: nowhere: the image {NOWHERE} is not here, and its registry cannot be reached"


@pytest.mark.parametrize("option", ["--check", "--strict"])
def test_an_image_that_is_nowhere_is_known_before_it_is_sent(
    taskdock: CommandLine, service: TaskService, option: str
) -> None:
    done = taskdock("deploy", "--image", NOWHERE, "--name", "nowhere", option)

    assert done.returncode == 1
    assert SAID in done.stderr
    assert "nowhere" not in [one["name"] for one in service.get("/functions/")["data"]]


def test_check_finds_nothing_where_the_image_is_here(
    taskdock: CommandLine, engine: docker.DockerClient
) -> None:
    make_images("python3.11")  # others come and go with other tests
    tags = [tag for found in engine.api.images() for tag in found["RepoTags"] or ()]
    image = next(tag for tag in tags if tag.startswith("taskdock/standin-python:"))

    done = taskdock("deploy", "--image", image, "--name", "here", "--check")

    assert (done.returncode, done.stdout) == (0, "checked  here  (nothing found)\n"), done.stderr
