"""The names of the functions of one command: two files of one name would replace each other."""

from __future__ import annotations

from pathlib import Path

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
