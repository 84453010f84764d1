"""The lines of an environment: kept until somebody records them, bounded for each invocation."""

import pytest

from taskdock.lambdas.environment.recording import Recording
from taskdock.testing.clock import ManualClock

ROW = 128  # bytes that each line counts beside its own


@pytest.fixture
def clock():
    return ManualClock()


def test_what_nobody_has_recorded_yet_is_handed_over_with_its_own_time(clock):
    recording, written = Recording(clock=clock, max_log=10_000), []
    printed = clock.now()
    recording.add(b"before")
    clock.jump(60)

    lines = recording.begin(written.append)
    recording.add(b"after\r")

    assert [(line.timestamp, line.message) for line in lines] == [(printed, "before")]
    assert written == ["after"]
    assert recording.begin(written.append) == []


def test_a_log_that_is_full_ends_with_one_note_and_the_next_one_begins_empty(clock):
    recording, first, second = Recording(clock=clock, max_log=2 * (ROW + 4)), [], []
    recording.begin(first.append)

    kept = [recording.add(b"oak%d" % number) for number in range(5)]
    recording.begin(second.append)
    again = recording.add(b"elm")

    assert kept == [True, True, False, False, False]
    assert first == ["oak0", "oak1", "taskdock keeps 0 MB of a log; what follows is left out"]
    assert (again, second) == (True, ["elm"])


def test_one_line_that_is_too_long_is_replaced_by_the_note(clock):
    recording, written = Recording(clock=clock, max_log=2 << 20), []
    recording.begin(written.append)

    assert not recording.add(b"x" * (2 << 20))

    assert written == ["taskdock keeps 2 MB of a log; what follows is left out"]
