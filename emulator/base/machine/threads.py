"""Threads beside a command's own, which alone hears its signals."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    import subprocess

T = TypeVar("T")
_SECONDS_BETWEEN = 0.5


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
    returns the call's result or raises what it raised.

    A handler of a signal does not run in a wait that begins just after the signal has come. So who
    waits here looks up now and then.
    """
    ended = threading.Event()
    results: list[T] = []
    problems: list[BaseException] = []

    def run() -> None:
        try:
            results.append(call())
        except BaseException as problem:  # SystemExit too: it is for who waits
            problems.append(problem)
        ended.set()

    def result() -> T:
        while not ended.wait(_SECONDS_BETWEEN):
            pass
        for problem in problems:
            raise problem
        return results[0]

    start(run, name=name)
    return result


def end_of(program: subprocess.Popen[Any]) -> int:
    """Waits for the program as for a call that was begun. Returns its return code."""
    return begin(program.wait, name="program")()
