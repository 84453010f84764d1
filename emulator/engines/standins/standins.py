"""Stand-ins: images that keep the contract of AWS's base images, built without a registry.

Owns the recipes (`[standins]` in `runtimes/catalog.toml`, and the folder each one names) and their
building. A finished image carries its recipe's digest, so a changed recipe is built anew; the tag
is given last, so what was interrupted is never taken for finished.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from docker import DockerClient
from docker.errors import APIError, ImageNotFound
from docker.models.images import Image

from emulator.base import resources
from emulator.base.errors import EngineError, ImageNotAvailable
from emulator.engines import facts
from emulator.engines.source import STANDIN_PREFIX
from emulator.engines.standins import packages
from emulator.engines.standins.pulse import Pulse

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

MARK = "dev.taskdock.standin"
RECIPE = "dev.taskdock.recipe"
_PROXIES = ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")


@dataclass(frozen=True)
class Progress:
    """How far a pull or a build is; bytes for a pull, steps for a build, None when unknown."""

    what: str
    done: int | None = None
    total: int | None = None


Announce = Callable[[Progress], None]


@dataclass(frozen=True)
class Recipe:
    name: str  # "<folder>:<version>"
    debian: str | None = None
    pip: tuple[str, ...] = ()
    npm: Mapping[str, str] = field(default_factory=dict)
    base: str | None = None
    addon: str | None = None

    @property
    def folder(self) -> str:
        return self.name.partition(":")[0]

    @property
    def version(self) -> str:
        return self.name.partition(":")[2]

    @property
    def tag(self) -> str:
        return f"{STANDIN_PREFIX}{self.name}"

    @property
    def needs(self) -> Mapping[str, str]:
        """Recipes to be built before this one, by the build argument that hands them over."""
        named = {"BASE": self.base, "ADDON": self.addon}
        return {argument: name for argument, name in named.items() if name}


class Standins:
    """Finds and builds stand-ins on one engine; the folder `cache` is safe to delete."""

    def __init__(
        self, client: DockerClient, announce: Announce, *, cache: Path, recipes: Path | None = None
    ) -> None:
        self._client = client
        self._announce = announce
        self._folder = recipes or resources.folder("runtimes")
        self._cache = cache
        text = (self._folder / "catalog.toml").read_text(encoding="utf-8")
        self._recipes = {
            name: Recipe(name, **{**row, "pip": tuple(row.get("pip", ()))})
            for name, row in tomllib.loads(text)["standins"].items()
        }

    def tag(self, name: str) -> str:
        return self._recipes[name].tag

    def is_current(self, name: str, labels: Mapping[str, str]) -> bool:
        """Whether an image with these labels is what the recipe would make today."""
        return labels.get(RECIPE) == self._digest(name)

    def present(self, name: str) -> bool:
        image = self._find(name)
        return image is not None and self.is_current(name, _labels(image))

    def ensure(self, name: str) -> str:
        """The tag of an up-to-date stand-in, built if need be; one build of it at a time."""
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
            outdated = self._find(recipe.name)
            self._assemble(recipe, folder, pulse)
        finally:
            shutil.rmtree(workshop, ignore_errors=True)
        self._announce(Progress(f"{recipe.tag}: ready"))
        if outdated is not None:
            with suppress(APIError):  # something still runs on it
                self._client.images.remove(facts.text(outdated.attrs, "Id"))

    def _gather(self, recipe: Recipe, context: Path, pulse: Pulse) -> None:
        architecture = self._architecture()
        shutil.copytree(self._folder / recipe.folder, context, dirs_exist_ok=True)
        if recipe.debian:
            what = f"{recipe.tag}: installing Debian {recipe.debian}, about half a minute"
            self._tell(pulse, Progress(what))
            with self._alone("debootstrap"):
                packages.need_debootstrap()
            packages.debian(recipe.debian, _new(context / "debian"), architecture, self._cache)
        if recipe.pip:
            what = f"{recipe.tag}: fetching {', '.join(recipe.pip)} from PyPI"
            self._tell(pulse, Progress(what))
            lock = self._lock(recipe, ".txt")
            packages.pip(lock, _new(context / "pip"), architecture, recipe.version)
        if recipe.npm:
            what = f"{recipe.tag}: fetching {', '.join(recipe.npm)} from npm"
            self._tell(pulse, Progress(what))
            client = packages.npm_client(
                self._folder / "locks" / "npm-client.txt", context.parent / "npm-client"
            )
            lock = self._lock(recipe, ".json")
            packages.npm(client, recipe.npm, lock, _new(context / "npm"), architecture)
        packages.readable(context)

    def _lock(self, recipe: Recipe, ending: str) -> Path:
        """Which versions of what the recipe names are taken, with their hashes."""
        return self._folder / "locks" / f"{recipe.name.replace(':', '-')}{ending}"

    def _assemble(self, recipe: Recipe, context: Path, pulse: Pulse) -> None:
        what = f"{recipe.tag}: assembling"
        pulse.note(what)
        handed_over = {argument: self.tag(name) for argument, name in recipe.needs.items()}
        proxies = {name: os.environ[name] for name in _PROXIES if name in os.environ}
        lines = self._client.api.build(
            path=str(context),
            tag=recipe.tag,
            buildargs={"VERSION": recipe.version, **handed_over, **proxies},
            labels={MARK: "true", RECIPE: self._digest(recipe.name)},
            network_mode="host",  # the mirrors are reachable from here, perhaps not from a bridge
            rm=True,
            forcerm=True,
            decode=True,
        )
        last_words: list[str] = []
        for line in lines:
            text = str(line.get("stream", "")).strip()
            last_words = [*last_words[-8:], text] if text else last_words
            if text.startswith("Step "):
                done, total = text.split()[1].split("/")
                # A step is counted when it begins: the last one is not done at its number.
                self._tell(pulse, Progress(what, int(done) - 1, int(total)))
            if "error" in line:
                raise ImageNotAvailable("\n".join([f"building {recipe.tag} failed:", *last_words]))

    def _find(self, name: str) -> Image | None:
        try:
            return self._client.images.get(self.tag(name))
        except ImageNotFound:
            return None

    def _architecture(self) -> packages.Architecture:
        name = facts.text(self._client.version(), "Arch")
        if name not in packages.ARCHITECTURES:
            raise ImageNotAvailable(f"there are no stand-ins for an engine on {name}")
        return packages.ARCHITECTURES[name]

    def _digest(self, name: str) -> str:
        recipe = self._recipes[name]
        digest = hashlib.sha256(repr(recipe).encode())
        for path in sorted((self._folder / recipe.folder).rglob("*")):
            if path.is_file() and path.suffix != ".pyc":
                digest.update(path.name.encode() + path.read_bytes())
        for lock in (self._lock(recipe, ".txt"), self._lock(recipe, ".json")):
            if lock.is_file():
                digest.update(lock.read_bytes())
        for need in recipe.needs.values():
            digest.update(self._digest(need).encode())
        return digest.hexdigest()


@contextmanager
def exclusive(lock: Path, waiting: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Holds `lock` against other threads and other processes; calls `waiting` if another has it."""
    with _opened(lock) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waiting()
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _opened(lock: Path) -> IO[str]:
    """Another user's file (root's, after a sudo) can be locked as well: it need not be written."""
    try:
        lock.parent.mkdir(parents=True, exist_ok=True)
        try:
            return lock.open("w")
        except PermissionError:
            return lock.open()
    except OSError as error:
        raise EngineError(f"{lock} cannot be used: {error.strerror}; it can be deleted") from None


def _labels(image: Image) -> Mapping[str, str]:
    return facts.at(image.attrs, "Config", "Labels") or {}


def _new(folder: Path) -> Path:
    folder.mkdir(parents=True)
    return folder
