"""The limits of a package, and sizes in words."""

from __future__ import annotations

from dataclasses import dataclass

KILOBYTE = 1024
MEGABYTE = 1024 * KILOBYTE


@dataclass(frozen=True, kw_only=True)
class PackageLimits:
    """Limits of a package: `zipped` and `unpacked` in bytes, `files` as a number of files."""

    zipped: int = 10 * MEGABYTE
    """The largest zip file that the Task Service takes."""
    unpacked: int = 250 * MEGABYTE
    """The most code that AWS Lambda takes.
    https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"""
    files: int = 100_000
    """The most files and links. Any package within the other limits has fewer; the limit ends the
    search early in a folder such as /."""


def in_megabytes(size: int) -> str:
    return f"{size // MEGABYTE} MB"


def in_words(size: int) -> str:
    """With one decimal, unless it is 0."""
    if size < KILOBYTE:
        return f"{size} B"
    unit, name = (KILOBYTE, "kB") if size < MEGABYTE else (MEGABYTE, "MB")
    return f"{size / unit:.1f}".removesuffix(".0") + f" {name}"
