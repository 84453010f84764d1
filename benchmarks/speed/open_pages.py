"""Open pages of the dashboard, read in a process of their own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType

from benchmarks.speed.far import FarSide


@dataclass(frozen=True)
class Seen:
    """What all pages did, from when they were open to their end."""

    told: int  # events
    fetched: int  # parts
    unchanged: int  # of them: 304
    size: int  # bytes of the others
    failed: dict[str, int]  # by status or fault
    late: float  # seconds: the longest that a page waited for an event
    busy: float  # seconds of processor time that the readers themselves took
    seconds: float


class OpenPages(FarSide):
    """`with OpenPages(port, paths, count) as pages:` so many pages are open, at each path in turn.
    `pages.seen` at the end. Raises `OSError` if they do not open."""

    seen: Seen

    def __init__(self, port: int, paths: Sequence[str], count: int) -> None:
        super().__init__("pages.py")
        self._order = {"port": port, "paths": list(paths), "count": count}

    def begin(self) -> None:
        said = self.ask(self._order)
        if said != "open":
            raise OSError(f"the pages did not open: {said}")

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            if kind is None:
                self.seen = Seen(**self.ask("end"))
        finally:
            super().__exit__(kind, error, traceback)
