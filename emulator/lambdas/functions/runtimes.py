"""The runtimes AWS Lambda has or had, as `runtimes/catalog.toml` lists them.

Owns the way from a runtime id to its image, its stand-in's name and the way it is entered; whether
that image is here, can be pulled or must be built is for the engine side to find out.
"""

from __future__ import annotations

import difflib
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache

from taskdock.base import resources
from taskdock.base.errors import UnknownRuntime

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


@dataclass(frozen=True)
class Runtime:
    id: str
    image: str  # the AWS base image; empty where AWS never published one
    family: str
    os: str
    deprecated: date | None = None  # the day AWS stops (or stopped) supporting it, where known
    standin: str | None = None  # names a recipe in the same catalog
    entry: str = "handler"  # "bootstrap": the function brings its own process

    def retired(self, today: date) -> bool:
        return self.deprecated is not None and self.deprecated <= today

    @property
    def version(self) -> str:
        """The runtime's version, as AWS's logs have it: python:3.11, nodejs:22, provided:al2023."""
        return self.image.rpartition("/")[2] or self.id

    @property
    def brings_bootstrap(self) -> bool:
        return self.entry == "bootstrap"


@cache
def known() -> Mapping[str, Runtime]:
    """Every runtime by its id, in the order of the file: by family, newest first."""
    text = (resources.folder("runtimes") / "catalog.toml").read_text(encoding="utf-8")
    document = tomllib.loads(text)
    return {
        id: Runtime(
            **{**row, "id": id, "image": _full_reference(document["registry"], row["image"])}
        )
        for id, row in document["runtimes"].items()
    }


def find(id: str) -> Runtime:
    runtime = known().get(id)
    if runtime is None:
        close = difflib.get_close_matches(id[:80], known(), n=1)
        advice = f"did you mean {close[0]}?" if close else "see: taskdock runtimes"
        raise UnknownRuntime(f"{id[:80]!r} is not a runtime that AWS Lambda has or had; {advice}")
    return runtime


def _full_reference(registry: str, image: str) -> str:
    return f"{registry}/{image}" if image else ""
