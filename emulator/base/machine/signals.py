"""Signals that wait until what they would cut in two is whole."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType, TracebackType

_Handler = Callable[[int, FrameType | None], object]


class Held:
    """`with Held() as held:` no handler of a signal runs until `held.release()`, or the end of the
    block. A handler may raise, as the one of Ctrl-C does, between the start of a process and the
    line that knows what to end; so a block starts something, enters the `try` that ends it, and
    releases the signals there.

    Signals that no Python function handles are not held. On other threads than the main one, where
    no handler runs, nothing is done.
    """

    def __init__(self) -> None:
        self._handlers: dict[int, _Handler] = {}
        self._came: list[int] = []

    def __enter__(self) -> Held:
        if threading.current_thread() is threading.main_thread():
            for number in signal.valid_signals():
                handler = signal.getsignal(number)
                if callable(handler):
                    self._handlers[number] = handler
                    signal.signal(number, lambda number, _: self._came.append(number))
        return self

    def release(self) -> None:
        """Has the handlers run, for each signal that has come meanwhile and for those that will.
        Raises what the first raises that does; further ones are not called then."""
        handlers, self._handlers = self._handlers, {}
        for number, handler in handlers.items():
            signal.signal(number, handler)
        came, self._came = self._came, []
        for number in came:
            handlers[number](number, None)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.release()
