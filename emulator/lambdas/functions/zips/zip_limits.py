"""The bounds of what a zip may make on the disk: bytes, files and folders, depth, names. Pure."""

from __future__ import annotations

from dataclasses import dataclass

MAX_UNZIPPED = 250 * 1024 * 1024
"""Bytes, AWS Lambda's limit:
https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"""


@dataclass(frozen=True, kw_only=True)
class ZipLimits:
    """All of them count what a zip makes, folders that only longer paths name included."""

    unzipped: int = MAX_UNZIPPED
    entries: int = 100_000
    """AWS has no limit. The largest trees that were seen, a Python environment with all that a
    project is developed with and a `node_modules` of the same kind, have 50,000 files and
    folders."""
    folders: int = 25_000
    """Each takes a block of the disk, and a name of few bytes can be in a hundred of them. The
    largest trees that were seen have 6,000."""
    depth: int = 300
    """Names in a path; 15 were seen, and tests of AWS's limits go to 200."""
    path: int = 1024
    """Bytes of a path; with the data folder's own, the kernel takes 4,095."""
    paths: int = 16 * 1024 * 1024
    """Bytes of all paths together; 4 MB were seen."""
    name: int = 255
    """Bytes of a name, the limit of each file system in use."""
    target: int = 4095
    """Bytes of a link's target, Linux's limit."""
    notes: int = 16 * 1024 * 1024
    """Bytes of all extra fields and comments in the index of a zip. Info-ZIP writes 24 for each
    entry, Windows 36."""
