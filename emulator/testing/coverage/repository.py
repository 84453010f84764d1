"""Leads a file of a container back to the file that was deployed."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from taskdock.lambdas.environment.spec import TASK_ROOT
from taskdock.testing.coverage.records import Record


@dataclass
class Repository:
    functions: Mapping[str, Path | Sequence[Path]]
    """By function: the folder whose content is deployed as /var/task. One name may have had
    several: of their files, the one that ran counts."""
    unlike: dict[Path, str] = field(default_factory=dict)
    """Files that are not what ran, and the function that ran another one."""
    unknown: set[str] = field(default_factory=set)
    """Functions that ran, and are not among `functions`."""

    def file(self, record: Record) -> Path | None:
        """None: the container ran something else than a file that is there."""
        known = self.functions.get(record.function, ())
        folders = [known] if isinstance(known, Path) else list(known)
        if not folders:
            self.unknown.add(record.function)
        inside = PurePosixPath(record.path)
        if not inside.is_relative_to(TASK_ROOT) or ".." in inside.parts:
            return None
        files = [folder.resolve() / inside.relative_to(TASK_ROOT) for folder in folders]
        unlike = []
        for file in files:
            try:
                if file.is_file():  # else it was made by a build, or at run time
                    if _digest(file, record.digest[0]) == record.digest[1]:
                        return file
                    unlike.append(file)
            except (OSError, ValueError):
                continue
        self.unlike.update(dict.fromkeys(unlike, record.function))
        return None


def _digest(file: Path, kind: str) -> str:
    content = file.read_bytes()
    return str(zlib.crc32(content)) if kind == "crc32" else hashlib.sha256(content).hexdigest()
