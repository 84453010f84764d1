"""Dependencies: what an installer has put into a package's folder, told from the function's own."""

from __future__ import annotations

import csv
import os
from collections.abc import Collection

from taskdock.client.deployment.packing.rules import INSTALLED

_DESCRIBED = ".dist-info"
_MOST_BYTES = 16 * 1024 * 1024


def installed(folder: str, names: Collection[str]) -> frozenset[str]:
    """Of the names in a folder, those that an installer made: node_modules, and what
    `pip install --target` has put there.

    pip notes each file in NAME.dist-info/RECORD:
    https://packaging.python.org/en/latest/specifications/recording-installed-packages/
    """
    found = {name for name in names if name in INSTALLED}
    for name in names:
        if name.endswith(_DESCRIBED):
            found |= {name, *_recorded(os.path.join(folder, name, "RECORD"))}
    return frozenset(found.intersection(names))


def _recorded(file: str) -> set[str]:
    """The first name of each path; none where there is no such file."""
    try:
        with open(file, encoding="utf-8", errors="surrogateescape", newline="") as opened:
            rows = csv.reader(opened.read(_MOST_BYTES).splitlines())
            return {row[0].partition("/")[0] for row in rows if row}
    except (OSError, csv.Error):
        return set()
