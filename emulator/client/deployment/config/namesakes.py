"""Namesakes: several files of one deployment that describe functions of the same name."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from taskdock.client.deployment.config import task_config
from taskdock.client.errors import BadTaskConfig


def refuse(files: Sequence[Path]) -> None:
    """Raises `BadTaskConfig` where the last of them would replace the others at the server."""
    seen: dict[str, Path] = {}
    for file in files:
        name = _name_in(file)
        if name is None:
            continue
        if name in seen:
            raise BadTaskConfig(
                f"{seen[name]} and {file} both have the name {name}: give one another name"
            )
        seen[name] = file


def _name_in(file: Path) -> str | None:
    """None: the file cannot be read or has no name, which is said in its turn."""
    try:
        name = task_config.parse(file).get("name")
    except BadTaskConfig:
        return None
    return name if isinstance(name, str) else None
