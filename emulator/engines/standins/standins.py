"""Stand-ins: images that keep the contract of AWS's base images, built without a registry.

Gathers what a recipe names in a folder, and has the engine's `Builder` make an image of it. A
finished image carries its recipe's digest, so a changed recipe is built anew; the tag is given
last, so an interrupted build is never taken for a finished one.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from taskdock.base import resources
from taskdock.base.errors import ImageNotAvailable
from taskdock.engines.images import Announce, Progress
from taskdock.engines.standins import debian, packages
from taskdock.engines.standins.locks import exclusive
from taskdock.engines.standins.programs import ARCHITECTURES, Architecture, readable
from taskdock.engines.standins.pulse import Pulse
from taskdock.engines.standins.recipes import Recipe, Recipes

MARK = "dev.taskdock.standin"
RECIPE = "dev.taskdock.recipe"
_PROXIES = ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")


class Builder(Protocol):
    """An engine's part of the making of stand-ins. Raises what the engine's client raises."""

    def architecture(self) -> str:
        """The engine's, in Debian's words: amd64, arm64."""

    def find(self, tag: str) -> tuple[str, Mapping[str, str]] | None:
        """The id and the labels of the image with this tag; None: there is none."""

    def build(
        self, folder: Path, *, tag: str, arguments: Mapping[str, str], labels: Mapping[str, str]
    ) -> Iterator[Progress]:
        """Builds the folder's Dockerfile, and says how far that is. Raises `ImageNotAvailable`."""

    def remove(self, id: str) -> None:
        """Removes an image, unless something runs on it."""


class Standins:
    """Finds and builds stand-ins on one engine; the folder `cache` is safe to delete."""

    def __init__(
        self, builder: Builder, announce: Announce, *, cache: Path, recipes: Path | None = None
    ) -> None:
        """`recipes`: the folder with `catalog.toml`; None: taskdock's own."""
        self._builder = builder
        self._announce = announce
        self._recipes = Recipes(recipes or resources.folder("runtimes"))
        self._cache = cache

    def tag(self, name: str) -> str:
        return self._recipes[name].tag

    def is_current(self, name: str, labels: Mapping[str, str]) -> bool:
        """Whether an image with these labels is what the recipe would make today."""
        return labels.get(RECIPE) == self._recipes.digest(name)

    def present(self, name: str) -> bool:
        found = self._builder.find(self.tag(name))
        return found is not None and self.is_current(name, found[1])

    def ensure(self, name: str) -> str:
        """The tag of an up-to-date stand-in, built if need be; one build of it at a time. Raises
        `ImageNotAvailable`."""
        recipe = self._recipes[name]
        if not self.present(name):
            for need in recipe.needs.values():
                self.ensure(need)
            file = recipe.tag.replace("/", "_")
            with (
                Pulse(lambda text: self._announce(Progress(text))) as pulse,
                self._alone(file, lambda: self._wait(recipe, pulse)),
            ):
                try:
                    self._build(recipe, self._cache / "work" / file, pulse)
                except OSError as error:  # a disk that is full, files of another user
                    raise ImageNotAvailable(f"building {recipe.tag} failed: {error}") from error
        return recipe.tag

    def _alone(
        self, what: str, waiting: Callable[[], None] = lambda: None
    ) -> AbstractContextManager[None]:
        return exclusive(self._cache / "locks" / what, waiting)

    def _wait(self, recipe: Recipe, pulse: Pulse) -> None:
        self._tell(pulse, Progress(f"{recipe.tag}: waiting for another build of it"))

    def _tell(self, pulse: Pulse, progress: Progress) -> None:
        self._announce(progress)
        pulse.note(progress.what)

    def _build(self, recipe: Recipe, workshop: Path, pulse: Pulse) -> None:
        if self.present(recipe.name):
            return
        shutil.rmtree(workshop, ignore_errors=True)  # left by a build that was killed
        workshop.mkdir(parents=True, exist_ok=True)
        try:
            # A new name each time: a program of the killed build may still run, and write.
            folder = Path(tempfile.mkdtemp(dir=workshop))
            self._gather(recipe, folder, pulse)
            outdated = self._builder.find(recipe.tag)
            self._assemble(recipe, folder, pulse)
        finally:
            shutil.rmtree(workshop, ignore_errors=True)
        self._announce(Progress(f"{recipe.tag}: ready"))
        if outdated is not None:
            self._builder.remove(outdated[0])

    def _gather(self, recipe: Recipe, context: Path, pulse: Pulse) -> None:
        architecture, recipes = self._architecture(), self._recipes
        shutil.copytree(recipes.folder / recipe.folder, context, dirs_exist_ok=True)
        if recipe.debian:
            what = f"{recipe.tag}: installing Debian {recipe.debian}, about half a minute"
            self._tell(pulse, Progress(what))
            with self._alone("debootstrap"):
                debian.need_debootstrap()
            debian.debian(recipe.debian, _new(context / "debian"), architecture, self._cache)
        if recipe.pip:
            what = f"{recipe.tag}: fetching {', '.join(recipe.pip)} from PyPI"
            self._tell(pulse, Progress(what))
            lock = recipes.lock(recipe, ".txt")
            packages.pip(lock, _new(context / "pip"), architecture, recipe.version)
        if recipe.npm:
            what = f"{recipe.tag}: fetching {', '.join(recipe.npm)} from npm"
            self._tell(pulse, Progress(what))
            client = packages.npm_client(
                recipes.folder / "locks" / "npm-client.txt", context.parent / "npm-client"
            )
            lock = recipes.lock(recipe, ".json")
            packages.npm(client, recipe.npm, lock, _new(context / "npm"), architecture)
        readable(context)

    def _assemble(self, recipe: Recipe, context: Path, pulse: Pulse) -> None:
        pulse.note(f"{recipe.tag}: assembling")
        handed_over = {argument: self.tag(name) for argument, name in recipe.needs.items()}
        proxies = {name: os.environ[name] for name in _PROXIES if name in os.environ}
        steps = self._builder.build(
            context,
            tag=recipe.tag,
            arguments={"VERSION": recipe.version, **handed_over, **proxies},
            labels={MARK: "true", RECIPE: self._recipes.digest(recipe.name)},
        )
        for progress in steps:
            self._tell(pulse, progress)

    def _architecture(self) -> Architecture:
        name = self._builder.architecture()
        if name not in ARCHITECTURES:
            raise ImageNotAvailable(f"there are no stand-ins for an engine on {name}")
        return ARCHITECTURES[name]


def _new(folder: Path) -> Path:
    folder.mkdir(parents=True)
    return folder
