"""The names of the functions of one command: two files of one name would replace each other."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from taskdock.client.deployment.config import task_config
from taskdock.client.errors import BadTaskConfig


class FunctionNames:
    """Those that were read so far."""

    def __init__(self) -> None:
        self._files: dict[str, Path] = {}

    def add(self, name: str, file: Path) -> None:
        """Raises `BadTaskConfig` where another file describes a function of this name."""
        before = self._files.setdefault(name, file)
        if before != file:
            raise BadTaskConfig(
                f"{before} and {file} both describe the function {name}; name only one of them, or"
                " give one another name"
            )


def refuse_namesakes(files: Iterable[Path]) -> None:
    """Looks at the files before any function is sent. Raises `BadTaskConfig` as `add` does."""
    names = FunctionNames()
    for file in files:
        name = _name_in(file)
        if name is not None:
            names.add(name, file)


def _name_in(file: Path) -> str | None:
    """None: the file cannot be read or has no name, which is said in its turn."""
    try:
        name = task_config.parse(file).get("name")
    except BadTaskConfig:
        return None
    return name if isinstance(name, str) else None
