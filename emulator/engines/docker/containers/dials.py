"""Dials: connections to ports of one container that its launcher was asked for and has yet to make.

The launcher connects on its own side and then calls at the door with the letter of the dial, or
says that nobody listens: docs/launcher.md.
"""

from __future__ import annotations

import asyncio
import socket

from taskdock.engines.engine import Dialed

_LETTERS = tuple(map(chr, range(0x80, 0xC0)))
"""Beyond the letters of forwards; a launcher forwards no more connections than these."""
_LIMIT = 5.0  # seconds until an answer that has not come is no more waited for


class Dials:
    """On the reactor's thread."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._open: dict[str, tuple[Dialed, asyncio.TimerHandle]] = {}
        self._next = 0

    def begin(self, dialed: Dialed) -> str | None:
        """The letter of a new dial; None: too many are open."""
        for _ in _LETTERS:
            letter = _LETTERS[self._next % len(_LETTERS)]
            self._next += 1
            if letter not in self._open:
                give_up = self._loop.call_later(_LIMIT, self.answer, letter, None)
                self._open[letter] = (dialed, give_up)
                return letter
        return None

    def answer(self, letter: str, connection: socket.socket | None) -> bool:
        """Ends the dial of this letter. Whether the letter is one of a dial; a connection whose
        dial is over is closed."""
        dial = self._open.pop(letter, None)
        if dial is not None:
            dialed, give_up = dial
            give_up.cancel()
            dialed(connection)
        elif letter in _LETTERS and connection is not None:
            connection.close()
        return letter in _LETTERS

    def close(self) -> None:
        """Ends all dials without a connection."""
        for letter in list(self._open):
            self.answer(letter, None)
