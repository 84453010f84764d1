"""The limits of a package, and the sentences about what passes them."""

from __future__ import annotations

from dataclasses import dataclass

MEGABYTE = 1024 * 1024


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
