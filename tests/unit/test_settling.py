"""When a runtime is done: after a flush, or after several where it has printed a lot."""

import pytest

from taskdock.lambdas.environment.settling import Settling

PIPE = 1000  # bytes
QUIET = 0.2  # seconds


class Runtime:
    """A runtime's output as the engine sees it. Time is what was asked of the loop."""

    def __init__(self):
        self.flushes = 0
        self.later = []
        self.done = 0
        self.settling = Settling(loop=self, flush=self.flush, pipe=PIPE, quiet=QUIET)

    def flush(self):
        self.flushes += 1

    def time(self):
        return 0.0

    def call_later(self, seconds, verb, *arguments):
        self.later.append((seconds, lambda: verb(*arguments)))

    def wait(self):
        """The time that was asked for has passed; how long it was."""
        seconds, verb = self.later.pop()
        verb()
        return seconds

    def finish(self):
        self.done += 1


@pytest.fixture
def runtime():
    return Runtime()


def test_a_runtime_that_printed_little_is_done_when_its_output_has_arrived(runtime):
    runtime.settling.printed(PIPE - 1)

    runtime.settling.after_output(runtime.finish)
    before = runtime.done
    runtime.settling.flushed()

    assert (before, runtime.done, runtime.flushes, runtime.later) == (0, 1, 1, [])


def test_after_more_than_a_pipe_takes_it_is_asked_again_until_nothing_more_has_come(runtime):
    settling = runtime.settling
    settling.printed(PIPE)
    settling.after_output(runtime.finish)
    settling.flushed()

    waits = [runtime.wait()]
    settling.printed(1)
    settling.flushed()
    waits.append(runtime.wait())
    before = runtime.done
    settling.flushed()

    assert waits == [QUIET, QUIET]
    assert (before, runtime.done, runtime.flushes) == (0, 1, 3)


def test_what_an_invocation_has_printed_does_not_hold_up_the_next(runtime):
    settling = runtime.settling
    settling.printed(PIPE)
    settling.after_output(runtime.finish)
    settling.flushed()
    runtime.wait()
    settling.flushed()

    settling.after_output(runtime.finish)
    settling.flushed()

    assert (runtime.done, runtime.later) == (2, [])


def test_flushes_are_answered_in_their_order(runtime):
    heard = []
    runtime.settling.after_flush(lambda: heard.append("first"))
    runtime.settling.after_flush(lambda: heard.append("second"))

    runtime.settling.flushed()
    one = list(heard)
    runtime.settling.flushed()
    runtime.settling.flushed()

    assert (one, heard) == (["first"], ["first", "second"])


def test_a_flush_that_was_never_answered_takes_no_answer_of_the_next_runtime(runtime):
    heard = []
    runtime.settling.after_flush(lambda: heard.append("of the first"))

    runtime.settling.restart()
    runtime.settling.after_flush(lambda: heard.append("of the second"))
    runtime.settling.flushed()

    assert heard == ["of the second"]
