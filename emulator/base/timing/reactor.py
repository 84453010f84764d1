"""The reactor: one thread with an asyncio event loop. State of this thread needs no lock.

Invocations, environments, mailboxes and listeners are on the reactor, so an event goes from its
caller to a container and back without a change of threads.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

from taskdock.base.timing.clock import Clock, SystemClock, Timer

T = TypeVar("T")


class Reactor:
    def __init__(self, clock: Clock | None = None) -> None:
        """`clock`: the time of `call_later`. The timers of `loop` itself are real time always."""
        self._clock = clock or SystemClock()
        self.loop = asyncio.new_event_loop()
        self._tasks: set[asyncio.Task[object]] = set()
        self._awaited: set[Future[Any]] = set()  # by other threads
        self._thread = threading.Thread(target=self._run, name="reactor", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def call(self, verb: Callable[..., object], *arguments: Any) -> bool:
        """Has `verb` called on the reactor's thread, soon. For any thread. False: the reactor has
        stopped, and nothing is called."""
        if threading.current_thread() is self._thread:
            self.loop.call_soon(verb, *arguments)
            return True
        try:
            self.loop.call_soon_threadsafe(verb, *arguments)
        except RuntimeError:  # the loop is closed
            return False
        return True

    def call_later(self, seconds: float, verb: Callable[..., object], *arguments: Any) -> Timer:
        """Has `verb` called on the reactor's thread after so many seconds of the clock. To be
        called on the reactor's thread."""
        return self._clock.call_later(self.loop, seconds, verb, *arguments)

    def spawn(self, work: Coroutine[Any, Any, object]) -> None:
        """Has `work` done on the reactor's thread. For any thread. `work` should not raise."""
        if threading.current_thread() is self._thread:
            self._spawn(work)
        else:
            self.call(self._spawn, work)

    def _spawn(self, work: Coroutine[Any, Any, object]) -> None:
        task = self.loop.create_task(work)
        self._tasks.add(task)  # the loop itself has only weak references
        task.add_done_callback(self._tasks.discard)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Returns or raises what `work` does, on the reactor's thread, while the caller waits.

        Raises `RuntimeError` where the caller would wait for ever: on the reactor's own thread, or
        when that thread does not run. Raises `concurrent.futures.CancelledError` when the reactor
        ends before the work does.
        """
        if threading.current_thread() is self._thread or not self._thread.is_alive():
            work.close()
            raise RuntimeError("the reactor cannot be waited for")
        try:
            future = asyncio.run_coroutine_threadsafe(work, self.loop)
            self._awaited.add(future)
            if self.loop.is_closed():  # then nobody would ever do the work
                future.cancel()
            try:
                return future.result()
            finally:
                self._awaited.discard(future)
        finally:
            work.close()  # harmless after its end; work that was never begun warns without it

    def stop(self) -> None:
        """Returns when the thread has ended. Stopping twice, or unstarted, is harmless."""
        if self._thread.ident is None:
            self.loop.close()
            return
        self.call(self.loop.stop)
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        try:
            self.loop.run_forever()
            self._cancel_all()
        finally:
            self.loop.close()
            for future in list(self._awaited):
                future.cancel()

    def _cancel_all(self) -> None:
        tasks = asyncio.all_tasks(self.loop)
        for task in tasks:
            task.cancel()
        self.loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
