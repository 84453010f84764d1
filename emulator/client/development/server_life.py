"""The life of the server as a session sees it: gone, back, or started again in between."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial

from taskdock.base.errors import TaskdockError
from taskdock.base.machine import threads
from taskdock.client.development.view import View
from taskdock.client.errors import ServerUnreachable

_PAUSE = 1.0  # seconds between two questions

Post = Callable[[Callable[[], object]], object]
"""Has something done on the session's thread."""
Ask = Callable[[], str]
"""The server's life, another text after each start of it; raises `ServerUnreachable`."""


class ServerLife:
    """Asks the server on a thread of its own; all else is on the session's."""

    def __init__(
        self, ask: Ask, view: View, post: Callable[[Callable[[], object]], object]
    ) -> None:
        """`post` has something done on the session's thread."""
        self._ask = ask
        self._view = view
        self._post = post
        self._life = ""
        self._closing = threading.Event()
        self.is_gone = False

    def start(self, came: Callable[[], object]) -> None:
        """`came` is called when a server is there that may lack the functions. Raises what asking
        does."""
        self._life = self._ask()
        threads.start(partial(self._look, came), name="server-life")

    def close(self) -> None:
        self._closing.set()

    def gone(self, reason: str) -> None:
        """A call has not reached the server."""
        if not self.is_gone:
            self.is_gone = True
            self._view.unreachable(reason)

    def _look(self, came: Callable[[], object]) -> None:
        while not self._closing.wait(_PAUSE):
            try:
                life = self._ask()
            except ServerUnreachable as error:
                self._post(partial(self.gone, error.message))
            except TaskdockError:
                continue  # it answers, and would rather not say
            else:
                self._post(partial(self._there, life, came))

    def _there(self, life: str, came: Callable[[], object]) -> None:
        if not self.is_gone and life == self._life:
            return
        self.gone("the server was started again")
        self.is_gone, self._life = False, life
        self._view.reachable()
        came()
