"""A call that was begun on a thread of its own: its end, and signals."""

from __future__ import annotations

import signal
import threading
from functools import partial

import pytest

from taskdock.base.errors import ImageNotAvailable
from taskdock.base.machine import threads
from taskdock.engines.standins import programs


def test_the_result_is_waited_for() -> None:
    gate = threading.Event()

    def call() -> int:
        gate.wait(60)
        return 7

    result = threads.begin(call, name="seven")
    gate.set()

    assert result() == 7
    assert result() == 7  # as often as one asks


@pytest.mark.parametrize("problem", [ValueError("no"), SystemExit(3)])
def test_what_it_raised_is_raised_to_who_waits(problem: BaseException) -> None:
    def call() -> None:
        raise problem

    result = threads.begin(call, name="raises")

    with pytest.raises(type(problem)) as raised:
        result()
    assert raised.value is problem


def test_no_signal_is_given_to_it() -> None:
    masks = threads.begin(lambda: signal.pthread_sigmask(signal.SIG_BLOCK, ()), name="mask")

    assert {signal.SIGINT, signal.SIGTERM} <= masks()
    assert not signal.pthread_sigmask(signal.SIG_BLOCK, ()) & {signal.SIGINT, signal.SIGTERM}


def test_a_program_that_it_starts_ends_by_a_signal() -> None:
    end = threads.begin(partial(programs.run, "sh", "-c", "kill -TERM $$"), name="program")

    with pytest.raises(ImageNotAvailable, match=r"failed \(-15\)"):
        end()
