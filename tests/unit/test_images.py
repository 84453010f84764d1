"""The order in which an image is looked for, against a stub of the docker client."""

import errno
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from docker.errors import ImageNotFound
from requests.exceptions import ReadTimeout

from taskdock.base.errors import EngineError, EngineUnreachable, ImageNotAvailable
from taskdock.base.settings import ImageChoice
from taskdock.engines.docker.images.builds import StandinBuilder
from taskdock.engines.docker.images.images import Images
from taskdock.engines.docker.images.registry import (
    FIRST_WAIT,
    LONGEST_WAIT,
    PullFault,
    PullRefusal,
)
from taskdock.engines.images import Found, ImageRequest, Progress
from taskdock.engines.standins.standins import Standins
from taskdock.testing.waiting import eventually

AWS = "public.ecr.aws/lambda/python:3.11"
STANDIN = "taskdock/standin-tiny:1"


FAULTS = {
    "refuses": PullRefusal(
        PullFault.UNREACHABLE, "public.ecr.aws cannot be reached (no such host)"
    ),
    "crawls": PullRefusal(PullFault.SLOW, "public.ecr.aws does not answer in time (60 s)"),
    "lacks": PullRefusal(PullFault.DENIED, "public.ecr.aws does not give it (manifest unknown)"),
}


@dataclass
class StubEngine:
    """As much of a docker client as images need, and of what pulls; `registry` is "answers", or
    what is wrong with it."""

    here: dict[str, dict[str, str]] = field(default_factory=dict)  # tag -> labels
    registry: str = "refuses"
    asked: int = 0
    built: int = 0
    made_for: str = "amd64"
    """What every image is for; the engine is amd64."""
    pulled: str = ""
    """What a pulled image is for; empty: the same."""
    keeps: bool = True
    """What it has pulled."""
    emulates: bool | None = False
    """None: that shows when a program is started."""
    pulled_for: str | None = None
    broken: bool = False
    terse: tuple[str, ...] = ()
    """Of what it says next to nothing: "images", "version"."""
    line: threading.Event = field(default_factory=threading.Event)
    """Pulls go on while it is set."""
    base_url: str = "http+docker://stub"
    api_version: str = "1.41"

    @property
    def api(self) -> "StubEngine":
        return self

    @property
    def images(self) -> Any:
        return StubImages(self)

    def version(self) -> dict[str, str]:
        return {} if "version" in self.terse else {"Arch": "amd64"}

    def get(self, url: str, timeout: float) -> Any:
        assert url.endswith(f"/v1.41/distribution/{AWS}/json")
        self.asked += 1
        if self.registry == "crawls":
            raise ReadTimeout
        status = 200 if self.registry == "answers" else 500
        return SimpleNamespace(status_code=status, json=lambda: {"message": "no such host"})

    def runs(self, architecture: str) -> bool | None:
        return self.emulates

    def pull(self, reference: str, platform: str | None) -> PullRefusal | None:
        self.asked += 1
        self.pulled_for = platform
        assert self.line.wait(30)
        if self.registry != "answers":
            return FAULTS[self.registry]
        self.made_for = self.pulled or self.made_for
        if self.keeps:
            self.here[reference] = {}
        return None

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
        if "images" in self._engine.terse:
            return [{}, *({"RepoTags": [tag]} for tag, _ in here)]
        return [{"RepoTags": [tag], "Size": 7, "Labels": labels} for tag, labels in here]

    def get(self, tag: str) -> Any:
        if tag not in self._engine.here:
            raise ImageNotFound(tag)
        labels = self._engine.here[tag]
        attrs = {"Id": tag, "Architecture": self._engine.made_for, "Config": {"Labels": labels}}
        return SimpleNamespace(attrs={} if "images" in self._engine.terse else attrs)

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
        return self.images.find(ImageRequest(reference, standin)).reference

    def choosing(self, choice: ImageChoice) -> Images:
        return self.another(choice=choice)

    def another(self, **options: Any) -> Images:
        """As another process has it: with the same cache."""
        stub: Any = self.engine
        return Images(
            stub,
            self.heard.append,
            cache=self.cache,
            clock=self.time,  # type: ignore[arg-type]
            standins=Standins(
                StandinBuilder(stub), self.heard.append, cache=self.cache, recipes=self.recipes
            ),
            puller=stub,
            processors=stub,
            **options,
        )


@pytest.fixture
def world(tmp_path: Path) -> World:
    recipes, cache = tmp_path / "runtimes", tmp_path / "cache"
    (recipes / "tiny").mkdir(parents=True)
    (recipes / "tiny" / "Dockerfile").write_text("FROM scratch\n")
    (recipes / "catalog.toml").write_text('[standins]\n"tiny:1" = {}\n')
    world = World(StubEngine(), None, ManualTime(), [], recipes, cache)  # type: ignore[arg-type]
    world.images = world.another()
    world.engine.line.set()
    return world


@pytest.mark.parametrize(
    ("here", "registry", "standin", "found"),
    [
        (AWS, "refuses", "tiny:1", AWS),
        (AWS, "answers", None, AWS),
        (None, "answers", "tiny:1", AWS),
        (None, "answers", None, AWS),
        (None, "refuses", "tiny:1", STANDIN),
        (None, "crawls", "tiny:1", STANDIN),
        (None, "lacks", "tiny:1", STANDIN),
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


def test_an_unreachable_registry_is_left_alone_for_a_while_by_all_processes(world: World) -> None:
    request = ImageRequest(AWS, "tiny:1")
    world.ensure()

    world.time.seconds += FIRST_WAIT - 1
    told_meanwhile = world.another().find(request).reason
    asked_meanwhile = world.engine.asked
    world.time.seconds += 1
    world.another().find(request)

    assert told_meanwhile.startswith(
        "public.ecr.aws cannot be reached (no such host), a moment ago"
    )
    assert (asked_meanwhile, world.engine.asked) == (1, 2)


def test_a_registry_that_is_slow_is_asked_again_by_whoever_comes_next(world: World) -> None:
    world.engine.registry = "crawls"
    world.ensure()

    world.another().find(ImageRequest(AWS, "tiny:1"))

    assert world.engine.asked == 2


def test_a_registry_that_answers_again_is_not_left_alone_as_long_the_next_time(
    world: World,
) -> None:
    request = ImageRequest(AWS, "tiny:1")
    for _ in range(5):
        world.another().find(request, anew=True)
    world.engine.registry = "answers"
    world.another().find(request, anew=True)
    world.engine.here, world.engine.registry, world.engine.asked = {}, "refuses", 0

    world.another().find(request)
    world.time.seconds += FIRST_WAIT
    world.another().find(request)

    assert world.engine.asked == 2


def test_who_insists_has_a_registry_asked_at_once(world: World) -> None:
    world.ensure()
    world.engine.registry = "answers"

    assert world.images.find(ImageRequest(AWS, "tiny:1"), anew=True) == Found(AWS)


def test_the_registry_is_asked_again_while_the_stand_in_is_used(world: World) -> None:
    world.ensure()
    world.engine.registry = "answers"
    world.engine.line.clear()
    world.time.seconds += FIRST_WAIT

    assert [world.ensure(), world.ensure()] == [STANDIN] * 2, "a start does not wait for a registry"

    eventually(lambda: world.engine.asked == 2)
    world.engine.line.set()
    eventually(lambda: AWS in world.engine.here)
    assert world.ensure() == AWS
    eventually(lambda: f"{AWS} is here and takes its stand-in's place" in told(world))


def told(world: World) -> list[str]:
    return [progress.what for progress in world.heard]


def test_a_stand_in_is_told_once_with_the_reason(world: World) -> None:
    found = world.images.find(ImageRequest(AWS, "tiny:1"))
    world.ensure()

    reason = "public.ecr.aws cannot be reached (no such host)"
    assert found == Found(STANDIN, stands_in_for=AWS, reason=reason)
    assert told(world).count(f"{STANDIN} stands in for {AWS}, because {reason}") == 1


# What is chosen


def test_who_wants_the_registrys_image_gets_no_stand_in(world: World) -> None:
    with pytest.raises(ImageNotAvailable, match=r"ruled out \(images: registry\)"):
        world.choosing(ImageChoice.REGISTRY).find(ImageRequest(AWS, "tiny:1"))

    assert world.engine.built == 0


def test_who_wants_the_stand_in_gets_it_though_the_image_is_here(world: World) -> None:
    world.engine.here, world.engine.registry = {AWS: {}}, "answers"
    images = world.choosing(ImageChoice.STANDIN)

    found = [images.find(ImageRequest(AWS, "tiny:1")).reference for _ in range(2)]

    assert (found, world.engine.asked) == ([STANDIN] * 2, 0)


def test_who_wants_stand_ins_gets_another_image_only_if_it_is_here(world: World) -> None:
    world.engine.registry = "answers"
    images = world.choosing(ImageChoice.STANDIN)
    with pytest.raises(ImageNotAvailable, match="nothing is pulled"):
        images.find(ImageRequest(AWS))

    world.engine.here = {AWS: {}}

    assert images.find(ImageRequest(AWS)).reference == AWS
    assert world.engine.asked == 0


@pytest.mark.parametrize(
    ("choice", "registry", "status", "asked"),
    [
        (ImageChoice.REGISTRY, "refuses", "not available", 1),
        (ImageChoice.REGISTRY, "answers", "pullable", 1),
        (ImageChoice.STANDIN, "answers", "stand-in (not built)", 0),
    ],
)
def test_a_survey_heeds_the_choice(
    world: World, choice: ImageChoice, registry: str, status: str, asked: int
) -> None:
    world.engine.registry = registry

    (entry,) = world.choosing(choice).survey({"python3.11": ImageRequest(AWS, "tiny:1")})

    assert (entry.status.value, world.engine.asked) == (status, asked)


# Answers that leave things out


@pytest.mark.parametrize("terse", [("images",), ("version",), ("images", "version")])
def test_an_image_of_which_the_engine_says_next_to_nothing_is_taken(
    world: World, terse: tuple[str, ...]
) -> None:
    world.engine.here, world.engine.terse = {AWS: {}}, terse

    found = [world.ensure(), world.ensure()]
    (entry,) = world.images.survey({"python3.11": ImageRequest(AWS, "tiny:1")})

    assert found == [AWS, AWS]
    assert entry.status.value == "present"
    assert entry.size == (None if "images" in terse else 7)


def test_a_stand_in_without_labels_is_built_anew(world: World) -> None:
    world.ensure()
    built, world.engine.here[STANDIN] = world.engine.built, {}

    (entry,) = world.images.survey({"python3.11": ImageRequest(AWS, "tiny:1")})
    world.another().find(ImageRequest(AWS, "tiny:1"))

    assert entry.status.value == "stand-in (not built)"
    assert world.engine.built == built + 1


# Folders that cannot be used


def test_a_lock_that_root_made_serves_as_well(world: World) -> None:
    locks = world.cache / "locks"
    locks.mkdir(parents=True)
    lock = locks / "public.ecr.aws_lambda_python_3.11"
    lock.touch(mode=0o444)

    assert world.ensure() == STANDIN


def test_a_cache_that_cannot_be_used_is_named(world: World) -> None:
    world.cache.mkdir()
    (world.cache / "locks").write_text("a file where a folder should be")

    with pytest.raises(EngineError, match=f"{world.cache}/locks/.* cannot be used"):
        world.ensure()


def test_a_build_that_runs_out_of_disk_is_an_image_that_is_not_there(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("shutil.copytree", full)

    with pytest.raises(ImageNotAvailable, match="No space left on device"):
        world.ensure()


def test_an_up_to_date_stand_in_is_not_built_again(world: World) -> None:
    world.ensure()
    world.ensure()

    assert world.engine.built == 1


def test_a_changed_recipe_is_built_again_when_it_is_looked_at_anew(world: World) -> None:
    world.ensure()
    (world.recipes / "tiny" / "Dockerfile").write_text("FROM scratch\nLABEL a=b\n")
    world.time.seconds += LONGEST_WAIT

    world.ensure()

    eventually(lambda: world.engine.built == 2)


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
    assert list((world.cache / "work").rglob("*")) == []

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


def test_a_build_says_that_it_builds_a_stand_in_and_why(world: World) -> None:
    world.ensure()

    assert "stand-in for public.ecr.aws/lambda/python:3.11" in world.heard[0].what
    assert Progress(f"{STANDIN}: assembling", 0, 2) in world.heard
    assert Progress(f"{STANDIN}: ready") in world.heard


@pytest.mark.parametrize(
    ("here", "registry", "standin", "status"),
    [
        (AWS, "refuses", "tiny:1", "present"),
        (None, "answers", "tiny:1", "pullable"),
        (None, "refuses", "tiny:1", "stand-in (not built)"),
        (None, "crawls", None, "pullable"),
        (None, "refuses", None, "not available"),
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
    return world.another(architecture=architecture)


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


def test_an_image_of_which_nobody_knows_whether_it_can_run_is_taken_and_that_is_said(
    world: World,
) -> None:
    world.engine.here[AWS] = {}
    world.engine.made_for, world.engine.emulates = "riscv64", None

    assert world.ensure() == AWS

    (warning,) = world.heard
    assert "whether it can run shows when a function of it is called" in warning.what


@pytest.mark.parametrize("present", [True, False])
def test_the_architecture_that_was_asked_for_is_pulled(world: World, present: bool) -> None:
    world.engine.here = {AWS: {}} if present else {}
    world.engine.registry, world.engine.emulates = "answers", True
    world.engine.pulled = "arm64"

    images_for(world, "arm64").find(ImageRequest(AWS, "tiny:1"))

    assert world.engine.pulled_for == "linux/arm64"


def test_what_was_pulled_for_another_processor_than_was_asked_for_is_not_taken(
    world: World,
) -> None:
    world.engine.registry = "answers"

    with pytest.raises(ImageNotAvailable, match="only for another processor than linux/arm64"):
        images_for(world, "arm64").find(ImageRequest(AWS))


def test_a_pull_that_ends_without_the_image_is_none(world: World) -> None:
    world.engine.registry, world.engine.keeps = "answers", False

    with pytest.raises(ImageNotAvailable, match="ended without it"):
        world.ensure(standin=None)


def test_there_is_no_stand_in_for_another_processor(world: World) -> None:
    with pytest.raises(ImageNotAvailable, match="for linux/arm64"):
        images_for(world, "arm64").find(ImageRequest(AWS, "tiny:1"))

    assert world.engine.built == 0


def test_the_engines_own_architecture_changes_nothing(world: World) -> None:
    world.engine.here[AWS] = {}

    assert images_for(world, "x86_64").find(ImageRequest(AWS)).reference == AWS
    assert world.heard == []
