"""Pulling from a real registry, over good and bad lines, by a real engine."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from typing import Any

import docker
import pytest
from docker.errors import APIError

from taskdock.base import ids
from taskdock.base.errors import ImageNotAvailable
from taskdock.base.settings import ImageChoice
from taskdock.engines.docker.client import connect
from taskdock.engines.docker.images.images import Images
from taskdock.engines.docker.images.pull import ATTEMPTS, Puller
from taskdock.engines.images import Found, ImageRequest, Progress
from tests.engines.rows import record
from tests.support.parts import missing
from tests.support.registry import Fault, Line, Registry, engine_behind_proxy, free_port

pytestmark = pytest.mark.docker

LAYER = 3_000_000  # bytes
HALF = LAYER // 2
STALL = 2.0  # seconds


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    with Registry(tmp_path_factory.mktemp("registry")) as registry:
        yield registry


@pytest.fixture
def as_root() -> None:
    """For an engine of one's own."""
    if os.geteuid() != 0:
        missing("root, for an engine of one's own")


class Site:
    """One image in the registry, an engine that does not have it, and a line between them."""

    def __init__(self, registry: Registry, client: docker.DockerClient, cache: Path) -> None:
        self.registry = registry
        self.client = client
        self.heard: list[Progress] = []
        self.name = f"lambda/{ids.word()}"
        self._cache = cache
        self._lines = ExitStack()
        self._references: list[str] = []

    def line(self, **fault: Any) -> Line:
        return self._lines.enter_context(Line(self.registry.port, Fault(**fault)))

    def reference(self, host: str, rest: str = ":1") -> str:
        reference = f"{host}/{self.name}{rest}"
        self._references.append(reference)
        return reference

    def images(self, stall: float = STALL, **options: Any) -> Images:
        puller = Puller(self.client, self.heard.append, stall=stall, heartbeat=0.25)
        return Images(self.client, self.heard.append, cache=self._cache, puller=puller, **options)

    def pull(self, reference: str, **options: Any) -> str:
        return self.images(**options).find(ImageRequest(reference)).reference

    def id(self, reference: str) -> str:
        return str(self.client.images.get(reference).id)

    @property
    def told(self) -> str:
        return "\n".join(progress.what for progress in self.heard)

    def percentages(self) -> list[int]:
        downloads = [one for one in self.heard if one.total and one.what.startswith("pulling")]
        return [100 * (one.done or 0) // (one.total or 1) for one in downloads]

    def close(self) -> None:
        self._lines.close()
        for reference in self._references:
            with suppress(APIError):
                self.client.images.remove(reference, force=True)


@pytest.fixture
def site(registry: Registry, docker_client: docker.DockerClient, tmp_path: Path) -> Iterator[Site]:
    site = Site(registry, docker_client, tmp_path / "cache")
    yield site
    site.close()


def test_an_image_is_pulled_and_its_progress_told(site: Site) -> None:
    site.registry.push(site.name, size=LAYER, layers=2)
    reference = site.reference(site.registry.host)

    assert site.pull(reference) == reference

    assert site.id(reference)
    assert site.percentages() == sorted(site.percentages())
    assert site.percentages()[-1] == 100
    assert f"unpacking {reference}" in site.told


def test_a_registry_that_takes_its_time_for_each_answer_is_waited_for(site: Site) -> None:
    site.registry.push(site.name)
    line = site.line(delay=0.6)
    reference = site.reference(line.host)

    assert site.pull(reference, stall=30.0) == reference

    assert len(line.asked) > 4
    assert f"pulling {reference}: waiting for {line.host}: 1 s" in site.told
    record("slow registry", "any", "works; told: waiting for")


def test_a_pull_that_goes_on_is_not_ended_however_long_it_takes(site: Site) -> None:
    site.registry.push(site.name, size=LAYER)
    line = site.line(pace=0.1)  # so the layer takes longer than what may pass without a byte

    assert site.pull(site.reference(line.host), stall=1.0)

    assert len(set(site.percentages())) > 5
    assert "again" not in site.told


def test_what_breaks_off_goes_on_where_it_was(site: Site) -> None:
    site.registry.push(site.name, size=LAYER)
    line = site.line(cut_after=HALF)

    assert site.pull(site.reference(line.host), stall=30.0)

    assert "it broke off. Retrying in" in site.told
    assert site.percentages() == sorted(site.percentages())
    assert line.fault.times == 0
    assert line.passed < LAYER, "the second time, only the rest came"


def test_a_pull_that_stalls_is_ended_and_tried_again(site: Site) -> None:
    site.registry.push(site.name, size=LAYER)
    line = site.line(stalls_after=HALF)
    reference = site.reference(line.host)

    assert site.pull(reference) == reference

    assert f"pulling {reference} again: {line.host} does not answer in time" in site.told
    assert f"nothing came for {STALL:g} s" in site.told


def test_a_pull_that_stalls_every_time_is_given_up_with_the_reason(site: Site) -> None:
    site.registry.push(site.name, size=LAYER)
    line = site.line(stalls_after=HALF, times=sys.maxsize)

    with pytest.raises(ImageNotAvailable, match=r"does not answer in time \(nothing came for 1 s"):
        site.pull(site.reference(line.host), stall=1.0)

    # An attempt that came further than those before it, which the engine decides, counts anew.
    assert site.told.count("again: ") >= ATTEMPTS - 1
    record("silent registry", "any", "told: does not answer in time (nothing came for ...)")


def test_a_registry_that_was_too_slow_is_asked_again_at_once(site: Site) -> None:
    site.registry.push(site.name)
    line = site.line(delay=30.0)
    reference = site.reference(line.host)
    with pytest.raises(ImageNotAvailable, match="does not answer in time"):
        site.pull(reference, stall=0.5)
    line.fault.delay = 0.0

    assert site.pull(reference) == reference


def test_a_registry_that_refuses_is_left_alone_until_somebody_insists(
    site: Site, registry: Registry
) -> None:
    site.registry.push(site.name)
    port = free_port()
    reference = site.reference(f"127.0.0.1:{port}")
    request = ImageRequest(reference)
    images = site.images()
    with pytest.raises(ImageNotAvailable, match=r"cannot be reached .*connection refused"):
        images.find(request)
    with pytest.raises(
        ImageNotAvailable, match=r"connection refused.*, a moment ago; it is asked again in \d s"
    ):
        images.find(request)

    line = Line(registry.port, port=port)

    with line:
        assert images.find(request, anew=True) == Found(reference)


def test_a_registry_whose_name_nobody_knows_cannot_be_reached(site: Site) -> None:
    with pytest.raises(ImageNotAvailable, match=r"registry.invalid cannot be reached"):
        site.pull("registry.invalid/lambda/python:3.11")


def test_an_image_that_a_registry_does_not_have_is_no_fault_of_the_registry(site: Site) -> None:
    site.registry.push(site.name)
    missing = site.reference(site.registry.host, ":no-such-tag")

    with pytest.raises(ImageNotAvailable, match=r"does not give it .*manifest unknown"):
        site.pull(missing)

    assert site.pull(site.reference(site.registry.host))


@pytest.mark.parametrize("listed", [False, True])
def test_an_image_for_another_processor_is_refused_with_what_helps(
    site: Site, listed: bool
) -> None:
    other = "arm64" if site.client.version()["Arch"] == "amd64" else "amd64"
    site.registry.push(site.name, architecture=other, listed=listed)

    said = "no matching manifest" if listed else f"is for linux/{other} .* cannot run it"
    with pytest.raises(ImageNotAvailable, match=said):
        site.pull(site.reference(site.registry.host))


def test_an_image_that_is_not_for_the_processor_that_was_asked_for_is_not_taken(
    site: Site,
) -> None:
    own = str(site.client.version()["Arch"])
    site.registry.push(site.name, architecture=own)
    asked = "arm64" if own == "amd64" else "x86_64"

    with pytest.raises(ImageNotAvailable, match=r"only for another processor|no matching manifest"):
        site.pull(site.reference(site.registry.host), architecture=asked)


def test_a_tag_that_moved_counts_once_it_is_pulled_by_hand(site: Site) -> None:
    site.registry.push(site.name)
    reference = site.reference(site.registry.host)
    images = site.images()
    images.find(ImageRequest(reference))
    first = site.id(reference)
    site.registry.push(site.name)

    images.find(ImageRequest(reference))
    kept = site.id(reference)
    site.client.images.pull(reference)
    images.find(ImageRequest(reference))

    assert kept == first
    assert site.id(reference) != first
    site.client.images.remove(first, force=True)


@pytest.mark.parametrize("tag", ["", ":1"])
def test_a_pinned_digest_is_pulled_and_stays_what_it_was(site: Site, tag: str) -> None:
    digest = site.registry.push(site.name)
    site.registry.push(site.name)  # the tag has moved on
    reference = site.reference(site.registry.host, f"{tag}@{digest}")

    assert site.pull(reference) == reference

    assert digest in str(site.client.images.get(reference).attrs["RepoDigests"])
    assert site.pull(reference) == reference


def test_the_engines_own_proxy_is_used_and_named_when_it_fails(
    registry: Registry, tmp_path: Path, as_root: None
) -> None:
    host = "registry.test:5000"  # which no name server knows: only the proxy leads there
    with (
        engine_behind_proxy(registry.port, "--insecure-registry", host) as (address, proxy),
        closing(connect(address)) as client,
    ):
        site = Site(registry, client, tmp_path / "cache")
        registry.push(site.name)
        reference = site.reference(host)

        assert site.pull(reference) == reference

        client.images.remove(reference, force=True)
        proxy.close()
        with pytest.raises(ImageNotAvailable, match=f"cannot be reached .*{proxy.host}"):
            site.pull(reference)
    assert any(f"http://{host}/v2/" in request for request in proxy.asked)


def test_a_stand_in_is_ruled_out_where_only_registries_count(site: Site) -> None:
    reference = f"127.0.0.1:{free_port()}/lambda/python:3.11"
    images = site.images(choice=ImageChoice.REGISTRY)

    with pytest.raises(ImageNotAvailable, match=r"a stand-in was ruled out .images: registry."):
        images.find(ImageRequest(reference, "python:3.11"))
