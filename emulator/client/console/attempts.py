"""Commands that follow a server: they outlive its restarts, and Ctrl-C is their usual end."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

from taskdock.client.console import exits
from taskdock.client.errors import ServerUnreachable


class Patience:
    """Makes calls of which a server may miss some; `say` is told when it is lost, and when it is
    there again. The first call fails as any other, so that a wrong address is noticed."""

    def __init__(self, url: str, say: Callable[[str], None]) -> None:
        self._url = url
        self._say = say
        self._reached = False
        self.lost = ""
        """Why the server cannot be reached; empty while it can."""

    @contextmanager
    def attempt(self) -> Iterator[None]:
        """A block of calls, which is left without an error where the server is away."""
        try:
            yield
        except ServerUnreachable as error:
            if not self._reached:
                raise
            if not self.lost:
                self._say(f"{error.message}; it is tried again until Ctrl-C")
            self.lost = error.message
            return
        self._reached = True
        if self.lost:
            self.lost = ""
            self._say(f"the server at {self._url} answers again")


@contextmanager
def until_interrupted() -> Iterator[None]:
    """A block that Ctrl-C ends quietly, with exit code 0: what follows without an end cannot be
    ended otherwise. SIGTERM ends it with 143, after what has to be put in order."""

    def end(number: int, _: FrameType | None) -> NoReturn:
        sys.exit(exits.OF_SIGNAL + number)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    except KeyboardInterrupt:
        sys.exit(exits.OK)
    finally:
        signal.signal(signal.SIGTERM, before)
