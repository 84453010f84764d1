"""Threads beside a command's own, which alone hears its signals."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")


def start(target: Callable[[], object], *, name: str) -> threading.Thread:
    """Starts a daemon thread to which the kernel gives no signal: one of those would not wake the
    main thread, whose handlers have to run. Programs are started in `hearing`, there."""
    thread = threading.Thread(target=target, name=name, daemon=True)
    usual = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    try:
        thread.start()  # it inherits the mask
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, usual)
    return thread


@contextmanager
def hearing() -> Iterator[None]:
    """A block in which signals may come to this thread, and so to the programs that it starts: they
    inherit which ones are blocked, and neither Ctrl-C nor SIGTERM would end them."""
    usual = signal.pthread_sigmask(signal.SIG_UNBLOCK, signal.valid_signals())
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, usual)


def begin(call: Callable[[], T], *, name: str) -> Callable[[], T]:
    """Begins the call on a thread of its own. The function that this returns waits for the end and
    returns the call's result or raises what it raised."""
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(call())
        except BaseException as problem:  # SystemExit too: it is for who waits
            future.set_exception(problem)

    start(run, name=name)
    return future.result
