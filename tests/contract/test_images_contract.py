"""What every source of images promises: the fake one and Docker's, by the same tests.

Docker's pulls nothing here: a registry is out of reach of a test. tests/contract/test_pulls.py has
one of its own.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import docker
import pytest
from docker.errors import ImageNotFound

from taskdock.base import ids
from taskdock.base.errors import EngineError, EngineUnreachable, ImageNotAvailable
from taskdock.base.settings import ImageChoice
from taskdock.engines.docker.images.images import Images
from taskdock.engines.images import ImageRequest, ImageSource, ImageStatus
from taskdock.testing.fakes.images import FakeImages

RECIPE = "python:3.11"
STANDIN = f"taskdock/standin-{RECIPE}"
NOWHERE = "localhost/taskdock-test/no-such-image:1"

Forget = Callable[[str], object]


@dataclass
class Stock:
    images: ImageSource
    here: str
    """A reference of an image that is on the engine."""
    silent: ImageSource
    """The images of an engine that does not answer."""
    forget: Forget
    """Removes an image that a test has made."""


@pytest.fixture
def fake_stock() -> Stock:
    images, silent = FakeImages("oak:1"), FakeImages("oak:1")
    images.recipes.add(RECIPE)
    silent.silence = "the engine does not answer"
    return Stock(images, "oak:1", silent, images.here.discard)


@pytest.fixture
def docker_stock(docker_client: docker.DockerClient, tmp_path: Path) -> Iterator[Stock]:
    images = Images(docker_client, lambda _: None, choice=ImageChoice.STANDIN)
    here = images.find(ImageRequest("", RECIPE)).reference
    nobody = docker.DockerClient(base_url="tcp://127.0.0.1:1", version="1.41")
    silent = Images(nobody, lambda _: None, cache=tmp_path / "cache")
    yield Stock(images, here, silent, docker_client.images.remove)
    nobody.close()


@pytest.fixture(params=["fake", pytest.param("docker", marks=pytest.mark.docker)])
def stock(request: pytest.FixtureRequest) -> Stock:
    found: Stock = request.getfixturevalue(f"{request.param}_stock")
    return found


@pytest.fixture
def tag(stock: Stock) -> Iterator[str]:
    """Of an image that a test may build."""
    tag = f"taskdock-test/{ids.word()}:latest"
    yield tag
    with contextlib.suppress(ImageNotFound):
        stock.forget(tag)


def test_an_image_that_is_here_is_found_as_itself(stock: Stock) -> None:
    found = stock.images.find(ImageRequest(stock.here))

    assert (found.reference, found.stands_in_for, found.reason) == (stock.here, "", "")


def test_a_stand_in_says_what_it_stands_in_for_and_why(stock: Stock) -> None:
    found = stock.images.find(ImageRequest("", RECIPE))

    assert found.reference == STANDIN
    assert "this runtime" in found.stands_in_for
    assert found.reason


def test_an_image_that_is_nowhere_is_refused_by_its_name(stock: Stock) -> None:
    with pytest.raises(ImageNotAvailable, match=NOWHERE):
        stock.images.find(ImageRequest(NOWHERE))


def test_what_is_no_reference_is_refused_before_the_engine_is_asked(stock: Stock) -> None:
    with pytest.raises(ImageNotAvailable):
        stock.silent.find(ImageRequest("../containers/json"))


def test_a_survey_says_of_each_what_finding_it_would_give(stock: Stock) -> None:
    stock.images.find(ImageRequest("", RECIPE))
    requests = {
        "here": ImageRequest(stock.here),
        "stand-in": ImageRequest("", RECIPE),
        "nowhere": ImageRequest(NOWHERE),
    }

    found = stock.images.survey(requests)

    assert [(one.id, one.image, one.status) for one in found] == [
        ("here", stock.here, ImageStatus.PRESENT),
        ("stand-in", "", ImageStatus.STANDIN),
        ("nowhere", NOWHERE, ImageStatus.NOT_AVAILABLE),
    ]


def test_a_folder_that_was_built_is_an_image_like_any_other(
    stock: Stock, tag: str, tmp_path: Path
) -> None:
    (tmp_path / "Dockerfile").write_text("ARG BASE\nFROM $BASE\nLABEL wood=oak\n")

    assert stock.images.build(tmp_path, tag=tag, base=stock.here) == tag

    assert stock.images.find(ImageRequest(tag)).reference == tag


def test_a_folder_that_cannot_be_built_is_no_image(stock: Stock, tag: str, tmp_path: Path) -> None:
    (tmp_path / "nothing").touch()

    with pytest.raises(EngineError):
        stock.images.build(tmp_path, tag=tag, base=stock.here)

    with pytest.raises(ImageNotAvailable):
        stock.images.find(ImageRequest(tag))


def test_an_engine_that_does_not_answer_is_said_to_be_unreachable(
    stock: Stock, tmp_path: Path
) -> None:
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")

    for ask in (
        lambda: stock.silent.find(ImageRequest(stock.here)),
        lambda: stock.silent.survey({"here": ImageRequest(stock.here)}),
        lambda: stock.silent.build(tmp_path, tag=NOWHERE, base=stock.here),
    ):
        with pytest.raises(EngineUnreachable):
            ask()
