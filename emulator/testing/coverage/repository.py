"""Leads a file of a container back to the file that was deployed."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from taskdock.lambdas.environment.spec import TASK_ROOT
from taskdock.testing.coverage.records import Record


@dataclass
class Repository:
    functions: Mapping[str, Path]
    """By function: the folder whose content is deployed as /var/task."""
    unlike: dict[Path, str] = field(default_factory=dict)
    """Files that are not what ran, and the function that ran another one."""
    unknown: set[str] = field(default_factory=set)
    """Functions that ran, and are not among `functions`."""

    def file(self, record: Record) -> Path | None:
        """None: the container ran something else than a file that is there."""
        folder = self.functions.get(record.function)
        if folder is None:
            self.unknown.add(record.function)
            return None
        inside = PurePosixPath(record.path)
        if not inside.is_relative_to(TASK_ROOT) or ".." in inside.parts:
            return None
        file = folder.resolve() / inside.relative_to(TASK_ROOT)
        try:
            if not file.is_file():  # made by a build, or at run time
                return None
            if _digest(file, record.digest[0]) != record.digest[1]:
                self.unlike[file] = record.function
                return None
        except (OSError, ValueError):
            return None
        return file


def _digest(file: Path, kind: str) -> str:
    content = file.read_bytes()
    return str(zlib.crc32(content)) if kind == "crc32" else hashlib.sha256(content).hexdigest()
