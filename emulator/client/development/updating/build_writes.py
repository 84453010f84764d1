"""The files that a build writes, told from those that somebody saves while it runs. Pure.

A build may write into the folder that is watched, and its own files must not have it run again. A
file that somebody saves meanwhile must. So a file counts as the build's own when it lies in the
folder that is packed, which the build is there to fill, or when it has changed during a build that
was run because of that very file: nobody saves it again and again just then.
"""

from __future__ import annotations

import os
from collections.abc import Collection
from dataclasses import dataclass, field


@dataclass
class BuildWrites:
    """Of one function."""

    _own: set[str] = field(default_factory=set)

    def is_own(self, path: str, packed: str | None) -> bool:
        """`packed`: the folder that is packed, where that holds nothing but what is built."""
        return path in self._own or (packed is not None and _is_in(path, packed))

    def saved_meanwhile(
        self, changed: Collection[str], causes: Collection[str], packed: str | None
    ) -> set[str]:
        """The paths that somebody has saved during a build. `changed`: all that have changed
        meanwhile; `causes`: the paths because of which the build was run."""
        self._own |= {path for path in changed if path in causes}
        return {path for path in changed if not self.is_own(path, packed)}


def _is_in(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder + os.sep)
