"""The time bar of a run."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from itertools import pairwise

from taskdock.web.ui.shown.bar import LENGTH, bar

NOON = datetime(2026, 1, 2, 12, tzinfo=timezone.utc)
COLD = {"waited": 900.0, "init": 400.0, "duration": 250.0, "settled": 50.0}


def test_the_time_of_a_run_is_divided_into_pieces_that_fill_the_bar() -> None:
    pieces = bar(COLD, due=NOON, began=NOON + timedelta(seconds=2))

    assert [(piece.key, piece.milliseconds) for piece in pieces] == [
        ("queued", 2000.0),
        ("waiting", 500.0),
        ("init", 400.0),
        ("handler", 250.0),
        ("log", 50.0),
    ]
    assert abs(pieces[-1].start + pieces[-1].length - LENGTH) < 1
    for before, after in pairwise(pieces):
        assert abs(before.start + before.length - after.start) < 0.2


def test_a_piece_that_took_no_time_is_left_out_and_a_short_one_is_seen() -> None:
    pieces = bar({"duration": 0.01, "waited": 60_000.0}, due=None, began=NOON)

    assert [piece.key for piece in pieces] == ["waiting", "handler"]
    assert pieces[1].length >= 4


def test_a_run_of_which_nothing_is_known_has_no_pieces() -> None:
    assert bar({}, due=NOON, began=NOON) == []
    assert bar({}, due=NOON + timedelta(seconds=1), began=NOON) == []
