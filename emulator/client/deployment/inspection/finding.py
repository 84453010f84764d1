"""A finding: one thing in a function that surely keeps it from running as its author means."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class PackageFinding:
    """`kind` is one word for programs: `runtime`, `image`, `handler`, `typescript`, `module`,
    `syntax`, `dependency`, `platform`, `time_limit` or `memory_limit`."""

    kind: str
    message: str
    file: str | None = None
    """The file's path in the package, with slashes."""
    line: int | None = None
    """From 1 on. None: the finding is of no line, or of no file."""
    remedy: str | None = None
    """The line to type, or the change to make."""

    @property
    def place(self) -> str | None:
        """FILE or FILE:LINE, as editors and terminals understand it."""
        return self.file if self.line is None else f"{self.file}:{self.line}"


MOST_NAMED = 3
"""Packages that one finding names, or that have a finding each."""


def not_installed(names: Sequence[str], *, file: str, install: str) -> PackageFinding:
    """Packages that a file asks for and the package has not. `install`: the line to type."""
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    verb = "is" if len(names) == 1 else "are"
    return PackageFinding(
        kind="dependency",
        message=f"{', '.join(names[:MOST_NAMED])}{more} {verb} not in the package",
        file=file,
        remedy=install,
    )
