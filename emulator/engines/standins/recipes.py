"""Recipes of stand-ins: `[standins]` in `runtimes/catalog.toml`, and the folder each one names."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from taskdock.engines.images import STANDIN_PREFIX

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


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


class Recipes:
    """The recipes of one folder, such as `runtimes/`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        text = (folder / "catalog.toml").read_text(encoding="utf-8")
        self._named = {
            name: Recipe(name, **{**row, "pip": tuple(row.get("pip", ()))})
            for name, row in tomllib.loads(text)["standins"].items()
        }

    def __getitem__(self, name: str) -> Recipe:
        return self._named[name]

    def lock(self, recipe: Recipe, ending: str) -> Path:
        """The file with the versions of the recipe's packages, and their hashes."""
        return self.folder / "locks" / f"{recipe.name.replace(':', '-')}{ending}"

    def digest(self, name: str) -> str:
        """Tells the content of everything that an image of this recipe is made from, as far as it
        is here."""
        recipe = self._named[name]
        digest = hashlib.sha256(repr(recipe).encode())
        for path in sorted((self.folder / recipe.folder).rglob("*")):
            if path.is_file() and path.suffix != ".pyc":
                digest.update(path.name.encode() + path.read_bytes())
        for lock in (self.lock(recipe, ".txt"), self.lock(recipe, ".json")):
            if lock.is_file():
                digest.update(lock.read_bytes())
        for need in recipe.needs.values():
            digest.update(self.digest(need).encode())
        return digest.hexdigest()
