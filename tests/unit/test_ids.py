"""Ids: made in order, of their time, and never twice, by no process."""

from __future__ import annotations

import re
import subprocess
import sys
from datetime import datetime, timezone

from taskdock.base import ids
from tests.support.live import REPOSITORY

NOON = datetime(2026, 1, 2, 12, 0, tzinfo=timezone.utc)


FORKING = """
import os
from datetime import datetime, timezone
from taskdock.base import ids
ids.word()  # some of what was drawn is left
child = os.fork()
now = datetime.now(timezone.utc)
made = [ids.word() for _ in range(20)] + [ids.object_id(now) for _ in range(20)]
if child:
    os.waitpid(child, 0)
print(*made)
"""


def test_an_id_begins_with_the_seconds_of_its_time() -> None:
    assert int(ids.object_id(NOON)[:8], 16) == NOON.timestamp()
    assert ids.is_object_id(ids.object_id(NOON))


def test_ids_of_one_second_sort_as_they_were_made() -> None:
    made = [ids.object_id(NOON) for _ in range(1000)]

    assert made == sorted(set(made))


def test_words_have_the_length_that_is_asked_for_and_differ() -> None:
    made = {ids.word(40) for _ in range(1000)}

    assert len(made) == 1000
    assert all(re.fullmatch("[0-9a-f]{40}", word) for word in made)


def test_a_process_and_its_copy_make_nothing_alike() -> None:
    done = subprocess.run(
        [sys.executable, "-c", FORKING], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )

    made = done.stdout.split()
    assert len(made) == len(set(made)) == 80
