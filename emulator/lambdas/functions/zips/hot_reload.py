"""Hot reload: functions whose code is a folder of this machine get it anew when it changes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from taskdock.base.errors import TaskdockError
from taskdock.base.health import Health
from taskdock.base.notices import Notices
from taskdock.base.timing.clock import SystemClock
from taskdock.base.timing.loop import Loop
from taskdock.lambdas.functions.zips.hot_folders import HotFolders, Stamps, stamps
from taskdock.lambdas.functions.zips.zip_limits import ZipLimits

_ROUND = 0.25  # seconds between two looks
_NOTHING = 1.0  # seconds between two looks, where no function has such a folder
_SHARE = 10.0  # a look takes a tenth of the time at most

Sources = Callable[[], dict[str, str]]
"""The folders of functions, by the functions' names."""
Switch = Callable[[str, str, bytes], object]
"""Called with a function's name, its folder and the folder's content as a zip."""


def trouble(name: str) -> str:
    return f"hot-reload {name}"


class HotReload(Loop):
    """Looks at the folders again and again: a folder may be on a file system without events."""

    name = "hot-reload"

    def __init__(
        self,
        *,
        folders: HotFolders,
        sources: Sources,
        switch: Switch,
        health: Health,
        notices: Notices,
    ) -> None:
        super().__init__(SystemClock(), notices)  # files know no other
        self._folders = folders
        self._sources = sources
        self._switch = switch
        self._health = health
        self._served: dict[tuple[str, str], Stamps] = {}
        self._seen: dict[tuple[str, str], Stamps] = {}

    def run_once(self) -> float:
        """A folder that has changed is taken once it is the same in two looks."""
        sources = set(self._sources().items())
        self._served = {key: found for key, found in self._served.items() if key in sources}
        began = self._clock.monotonic()
        for name, source in sorted(sources):
            try:
                self._look(name, source)
            except (TaskdockError, OSError) as error:
                self._health.report(trouble(name), f"{name} keeps its code: {error}", degraded=True)
            else:
                self._health.clear(trouble(name))
        took = self._clock.monotonic() - began
        return max(_ROUND, took * _SHARE) if sources else _NOTHING

    def _look(self, name: str, source: str) -> None:
        key = (name, source)
        now = stamps(Path(source), ZipLimits().entries)
        before = self._seen.get(key)
        self._seen[key] = now
        if before == now and self._served.get(key) != now:
            self._switch(name, source, self._folders.read(self._folders.find(source)))
            self._served[key] = now
