"""The edition of the static files: their addresses change with it, so that a browser keeps them.

That is quicker, and a page has its scripts where a request is lost: a container's network makes
Chromium on Linux end every request that is under way (ERR_NETWORK_CHANGED), and nothing fetches a
script again.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path

from taskdock.web.ui.page import ROOT

FOLDER = Path(__file__).parents[1] / "static"
FILES = tuple(sorted(each.name for each in FOLDER.iterdir()))


def address(file: str) -> str:
    """The path of one of the files as it is now."""
    return f"{ROOT}static/{edition()}/{file}"


def edition(folder: Path = FOLDER) -> str:
    """A word that changes with the content of any file, also while somebody works on it."""
    stats = [(folder / name).stat() for name in FILES]
    return _digest(folder, tuple((stat.st_mtime_ns, stat.st_size) for stat in stats))


@lru_cache(maxsize=1)
def _digest(folder: Path, _: tuple[tuple[int, int], ...]) -> str:
    content = b"".join(name.encode() + (folder / name).read_bytes() for name in FILES)
    return hashlib.sha256(content).hexdigest()[:12]
