"""Annotations of GitHub Actions: lines of a job's output that its page shows at a file's line."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from taskdock.testing.plugin.source_paths import SourcePlace


def is_on(environment: Mapping[str, str]) -> bool:
    return environment.get("GITHUB_ACTIONS") == "true"


def annotation(place: SourcePlace, message: str, environment: Mapping[str, str], root: Path) -> str:
    """The workflow command `::error`. Its file is named from the folder of the checkout, and from
    `root` where no checkout has the file.

    https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands; what is
    escaped, and how: toolkit/packages/core/src/command.ts of github.com/actions.
    """
    checkout = Path(environment.get("GITHUB_WORKSPACE") or root)
    begin = checkout if place.file.is_relative_to(checkout) else root
    file = os.path.relpath(place.file, begin)
    return f"::error file={_value(file)},line={place.line}::{_text(message)}"


def _text(message: str) -> str:
    return message.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _value(value: str) -> str:
    return _text(value).replace(":", "%3A").replace(",", "%2C")
