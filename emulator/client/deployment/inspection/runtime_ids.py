"""Runtime ids, as `runtimes/catalog.toml` lists them, and what is wrong with an id."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Mapping
from functools import cache
from typing import Any

from taskdock.base import resources
from taskdock.client.deployment.inspection.finding import PackageFinding

NODE, PYTHON, PROVIDED = "nodejs", "python", "provided"


@cache
def known() -> Mapping[str, Mapping[str, Any]]:
    """The rows of the catalog by runtime id, newest first within a family."""
    # Late: commands that inspect nothing do not need a parser of TOML.
    if sys.version_info >= (3, 11):
        import tomllib  # noqa: PLC0415
    else:
        import tomli as tomllib  # noqa: PLC0415

    text = (resources.folder("runtimes") / "catalog.toml").read_text(encoding="utf-8")
    rows: Mapping[str, Mapping[str, Any]] = tomllib.loads(text)["runtimes"]
    return rows


def family(id: str) -> str | None:
    """`nodejs`, `python`, `provided`, ... None: there is no such runtime."""
    row = known().get(id)
    return None if row is None else str(row["family"])


def version(id: str) -> tuple[int, int] | None:
    """(3, 11) of python3.11, (20, 0) of nodejs20.x; None for one that has no number."""
    digits = id.lstrip("abcdefghijklmnopqrstuvwxyz").removesuffix(".x").split(".")
    try:
        numbers = [int(one) for one in digits]
    except ValueError:
        return None
    return (numbers[0], numbers[1] if len(numbers) > 1 else 0)


def judge(id: str) -> PackageFinding | None:
    """The finding for an id that no image can be had for."""
    row = known().get(id)
    if row is None:
        close = difflib.get_close_matches(id.lower().replace(" ", ""), list(known()), n=1)
        guess = f"did you mean {close[0]}?" if close else "every one: taskdock runtimes"
        return PackageFinding(kind="runtime", message=f"there is no runtime {id}", remedy=guess)
    if row["image"]:
        return None
    newest = next(name for name, one in known().items() if _replaces(one, row))
    return PackageFinding(
        kind="runtime",
        message=f"{id} cannot run: AWS retired it and never published an image of it",
        remedy=f'"runtime": "{newest}"',
    )


def _replaces(candidate: Mapping[str, Any], retired: Mapping[str, Any]) -> bool:
    return bool(candidate["family"] == retired["family"] and "standin" in candidate) or (
        candidate["family"] == retired["family"] and "deprecated" in candidate
    )
