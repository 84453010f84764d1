"""The view of a session: it is told of all that happens, and shows it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from taskdock.client.development.updating.developed_function import Update


class View(Protocol):
    """Called on the session's thread alone."""

    def started(self, functions: Sequence[tuple[Path, Update]]) -> None:
        """All functions were dealt with for the first time."""

    def updated(self, update: Update) -> None:
        """A function was dealt with later."""

    def line(self, name: str, text: str) -> None:
        """The build of a function has printed a line."""

    def note(self, text: str) -> None:
        """A sentence about the session itself."""

    def unreachable(self, reason: str) -> None:
        """The server has gone."""

    def reachable(self) -> None:
        """The server is back, and all functions are deployed anew."""
