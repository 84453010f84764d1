"""The order in which an image is looked for, against a stub of the docker client."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from docker.errors import ContainerError, ImageNotFound
from requests.exceptions import ReadTimeout

from emulator.engines.images import SILENCE, ImageRequest, Images
from emulator.engines.standins import Progress, Standins
from emulator.errors import EngineUnreachable, ImageNotAvailable

AWS = "public.ecr.aws/lambda/python:3.11"
STANDIN = "taskdock/standin-tiny:1"


@dataclass
class StubEngine:
    """As much of a docker client as images need; `registry` is "answers", "refuses" or "hangs"."""

    here: dict[str, dict[str, str]] = field(default_factory=dict)  # tag -> labels
    registry: str = "refuses"
    asked: int = 0
    built: int = 0
    made_for: str = "amd64"
    """What every image is for; the engine is amd64."""
    emulates: bool = False
    pulled_for: str | None = None
    broken: bool = False
    base_url: str = "http+docker://stub"
    api_version: str = "1.41"

    @property
    def api(self) -> "StubEngine":
        return self

    @property
    def images(self) -> Any:
        return StubImages(self)

    def version(self) -> dict[str, str]:
        return {"Arch": "amd64"}

    def get(self, url: str, timeout: float) -> Any:
        assert url.endswith(f"/v1.41/distribution/{AWS}/json")
        self.asked += 1
        if self.registry == "hangs":
            raise ReadTimeout
        status = 200 if self.registry == "answers" else 500
        return SimpleNamespace(status_code=status, json=lambda: {"message": "no such host"})

    @property
    def containers(self) -> Any:
        return self

    def run(self, image: str, **_: Any) -> None:
        if not self.emulates:
            raise ContainerError(None, 1, "sh", image, b"exec format error")

    def pull(
        self, repository: str, tag: str, platform: str | None, **_: Any
    ) -> Iterator[dict[str, Any]]:
        self.pulled_for = platform
        for layer, current in (("a", 10), ("b", 5), ("b", 30)):
            detail = {"current": current, "total": 40}
            yield {"id": layer, "status": "Downloading", "progressDetail": detail}
        yield {"id": "a", "status": "Download complete", "progressDetail": {}}
        self.here[f"{repository}:{tag}"] = {}

    def build(self, tag: str, labels: dict[str, str], **_: Any) -> Iterator[dict[str, str]]:
        self.built += 1
        yield {"stream": "Step 1/2 : FROM scratch"}
        if self.broken:
            yield {"error": "the mirror is gone"}
        self.here[tag] = labels


class StubImages:
    def __init__(self, engine: StubEngine) -> None:
        self._engine = engine

    def __call__(self) -> list[dict[str, Any]]:
        here = self._engine.here.items()
        return [{"RepoTags": [tag], "Size": 7, "Labels": labels} for tag, labels in here]

    def get(self, tag: str) -> Any:
        if tag not in self._engine.here:
            raise ImageNotFound(tag)
        attrs = {"Architecture": self._engine.made_for}
        return SimpleNamespace(id=tag, labels=self._engine.here[tag], attrs=attrs)

    def remove(self, id: str) -> None:
        pass


class ManualTime:
    seconds = 1_000_000.0

    def now(self) -> Any:
        return SimpleNamespace(timestamp=lambda: self.seconds)

    def monotonic(self) -> float:
        return self.seconds


@dataclass
class World:
    engine: StubEngine
    images: Images
    time: ManualTime
    heard: list[Progress]
    recipes: Path
    cache: Path

    def ensure(self, reference: str = AWS, standin: str | None = "tiny:1") -> str:
        return self.images.ensure(ImageRequest(reference, standin))


@pytest.fixture
def world(tmp_path: Path) -> World:
    recipes, cache = tmp_path / "runtimes", tmp_path / "cache"
    (recipes / "tiny").mkdir(parents=True)
    (recipes / "tiny" / "Dockerfile").write_text("FROM scratch\n")
    (recipes / "catalog.toml").write_text('[standins]\n"tiny:1" = {}\n')
    engine, time = StubEngine(), ManualTime()
    heard: list[Progress] = []
    client: Any = engine
    standins = Standins(client, heard.append, cache=cache, recipes=recipes)
    images = Images(client, heard.append, cache=cache, clock=time, standins=standins)  # type: ignore[arg-type]
    return World(engine, images, time, heard, recipes, cache)


@pytest.mark.parametrize(
    ("here", "registry", "standin", "found"),
    [
        (AWS, "refuses", "tiny:1", AWS),
        (AWS, "answers", None, AWS),
        (None, "answers", "tiny:1", AWS),
        (None, "answers", None, AWS),
        (None, "refuses", "tiny:1", STANDIN),
        (None, "hangs", "tiny:1", STANDIN),
    ],
)
def test_an_image_is_taken_here_else_pulled_else_built(
    world: World, here: str | None, registry: str, standin: str | None, found: str
) -> None:
    world.engine.here = {here: {}} if here else {}
    world.engine.registry = registry

    assert world.ensure(standin=standin) == found


def test_an_image_that_is_here_asks_no_registry(world: World) -> None:
    world.engine.here = {AWS: {}}

    world.ensure()

    assert world.engine.asked == 0


def test_no_image_and_no_stand_in_says_what_was_tried_and_what_to_do(world: World) -> None:
    with pytest.raises(ImageNotAvailable, match=r"cannot be reached.*no stand-in.*docker load"):
        world.ensure(standin=None)


def test_a_runtime_without_a_public_image_goes_straight_to_its_stand_in(world: World) -> None:
    assert world.ensure(reference="") == STANDIN
    assert world.engine.asked == 0


def test_an_unreachable_registry_is_left_alone_for_a_while(world: World) -> None:
    world.ensure()
    world.ensure()
    assert world.engine.asked == 1

    world.time.seconds += SILENCE + 1
    world.ensure()
    assert world.engine.asked == 2


def test_an_up_to_date_stand_in_is_not_built_again(world: World) -> None:
    world.ensure()
    world.ensure()

    assert world.engine.built == 1


def test_a_changed_recipe_is_built_again_when_it_is_looked_at_anew(world: World) -> None:
    world.ensure()
    (world.recipes / "tiny" / "Dockerfile").write_text("FROM scratch\nLABEL a=b\n")
    world.time.seconds += SILENCE + 1

    world.ensure()

    assert world.engine.built == 2


def test_a_stand_in_that_somebody_removed_is_built_again(world: World) -> None:
    world.ensure()
    del world.engine.here[STANDIN]

    assert world.ensure() == STANDIN
    assert world.engine.built == 2


def test_an_image_that_has_come_takes_the_place_of_its_stand_in(world: World) -> None:
    before = world.ensure()
    world.engine.here[AWS] = {}

    assert (before, world.ensure()) == (STANDIN, AWS)


def test_a_failed_build_leaves_nothing_that_looks_finished(world: World) -> None:
    world.engine.broken = True
    with pytest.raises(ImageNotAvailable, match="stand-in could not be built"):
        world.ensure()
    assert world.engine.here == {}
    assert list((world.cache / "work").iterdir()) == []

    world.engine.broken = False
    assert world.ensure() == STANDIN


def test_two_who_want_the_same_stand_in_wait_for_one_build(world: World) -> None:
    found: list[str] = []
    threads = [threading.Thread(target=lambda: found.append(world.ensure())) for _ in range(4)]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert found == [STANDIN] * 4
    assert world.engine.built == 1


def test_a_pull_reports_bytes_over_all_layers(world: World) -> None:
    world.engine.registry = "answers"

    world.ensure()

    assert world.heard[-2:] == [
        Progress(f"pulling {AWS}", 40, 80),
        Progress(f"pulling {AWS}", 70, 80),
    ]


def test_a_build_says_that_it_builds_a_stand_in_and_why(world: World) -> None:
    world.ensure()

    assert "stand-in for public.ecr.aws/lambda/python:3.11" in world.heard[0].what
    assert world.heard[-1] == Progress(f"{STANDIN}: assembling", 1, 2)


@pytest.mark.parametrize(
    ("here", "registry", "standin", "status"),
    [
        (AWS, "refuses", "tiny:1", "present"),
        (None, "answers", "tiny:1", "pullable"),
        (None, "refuses", "tiny:1", "stand-in (not built)"),
        (None, "hangs", None, "not available"),
    ],
)
def test_a_survey_says_where_an_image_would_come_from(
    world: World, here: str | None, registry: str, standin: str | None, status: str
) -> None:
    world.engine.here = {here: {}} if here else {}
    world.engine.registry = registry

    (entry,) = world.images.survey({"python3.11": ImageRequest(AWS, standin)})

    assert (entry.id, entry.status.value, entry.size) == ("python3.11", status, 7 if here else None)


def test_a_survey_knows_a_built_stand_in_and_its_size(world: World) -> None:
    world.ensure()

    (entry,) = world.images.survey({"python3.11": ImageRequest(AWS, "tiny:1")})

    assert (entry.status.value, entry.size) == ("stand-in", 7)


def test_an_engine_that_is_gone_is_named_as_such(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*_: Any) -> Any:
        raise ReadTimeout

    monkeypatch.setattr(StubImages, "get", gone)

    with pytest.raises(EngineUnreachable):
        world.ensure()


# Processors


def images_for(world: World, architecture: str) -> Images:
    client: Any = world.engine
    return Images(client, world.heard.append, cache=world.cache, architecture=architecture)


def test_an_image_for_another_processor_runs_by_emulation_with_one_warning(world: World) -> None:
    world.engine.here[AWS] = {}
    world.engine.made_for, world.engine.emulates = "arm64", True

    assert [world.ensure(), world.ensure()] == [AWS, AWS]

    (warning,) = world.heard
    assert f"{AWS} is for linux/arm64 and the engine is linux/amd64" in warning.what


def test_an_image_that_the_engine_cannot_run_is_refused_with_what_helps(world: World) -> None:
    world.engine.here[AWS] = {}
    world.engine.made_for = "arm64"

    with pytest.raises(ImageNotAvailable, match=r"linux/arm64 .* cannot run it: build"):
        world.ensure()


@pytest.mark.parametrize("present", [True, False])
def test_the_architecture_that_was_asked_for_is_pulled(world: World, present: bool) -> None:
    world.engine.here = {AWS: {}} if present else {}
    world.engine.registry, world.engine.emulates = "answers", True

    images_for(world, "arm64").ensure(ImageRequest(AWS, "tiny:1"))

    assert world.engine.pulled_for == "linux/arm64"


def test_there_is_no_stand_in_for_another_processor(world: World) -> None:
    with pytest.raises(ImageNotAvailable, match="for linux/arm64"):
        images_for(world, "arm64").ensure(ImageRequest(AWS, "tiny:1"))

    assert world.engine.built == 0


def test_the_engines_own_architecture_changes_nothing(world: World) -> None:
    world.engine.here[AWS] = {}

    assert images_for(world, "x86_64").ensure(ImageRequest(AWS)) == AWS
    assert world.heard == []
