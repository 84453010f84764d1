"""The limit of open files, in a process of its own."""

from __future__ import annotations

import resource
import subprocess
import sys

import pytest

from taskdock.base.errors import StartupError
from taskdock.base.machine import descriptors

RAISE = """
import resource
from taskdock.base.machine import descriptors
resource.setrlimit(resource.RLIMIT_NOFILE, ({soft}, {hard}))
told = descriptors.raise_limit()
print(resource.getrlimit(resource.RLIMIT_NOFILE)[0], told)
"""


def raised(*, soft: int, hard: int) -> str:
    command = [sys.executable, "-c", RAISE.format(soft=soft, hard=hard)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def test_the_limit_is_raised_as_far_as_it_may_be() -> None:
    assert raised(soft=64, hard=2048) == "2048 None"


def test_a_limit_that_stays_low_is_told_with_what_it_is_enough_for() -> None:
    assert raised(soft=64, hard=256) == (
        "256 this process may have 256 files open, which is enough for about 32 containers;"
        " for more, start it after: ulimit -n 4096 (as root if that is refused)"
    )


def test_a_limit_that_cannot_be_raised_is_left_alone() -> None:
    assert raised(soft=2048, hard=2048) == "2048 None"


@pytest.mark.parametrize(
    ("limit", "room"), [(128, "about 11 containers"), (1023, "about 160"), (1024, None)]
)
def test_what_is_said_of_a_limit(limit: int, room: str | None) -> None:
    told = descriptors.warning(limit)

    assert told is None if room is None else room in str(told)


def test_too_low_a_limit_is_refused_with_what_to_do() -> None:
    with pytest.raises(StartupError, match=r"no more than 127 .* needs 128; .*ulimit -n 4096"):
        descriptors.warning(127)


def test_no_limit_needs_no_word() -> None:
    assert descriptors.warning(resource.RLIM_INFINITY) is None
