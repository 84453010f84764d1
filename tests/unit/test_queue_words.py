"""The words of the pages Queue and Events: intervals, start times, fields of forms, obstacles."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from taskdock.base.errors import BadField, BadQuery
from taskdock.base.notices import Notices
from taskdock.base.timing.clock import to_iso
from taskdock.tasks.events.delivery_log import DeliveryLog
from taskdock.tasks.events.notices import DeliveryFailed, EventDelivered
from taskdock.tasks.model.notices import (
    ServerReset,
)
from taskdock.tasks.schedules.schedule import LONGEST, Schedule, next_runs
from taskdock.testing.clock import NOON, ManualClock
from taskdock.web.ui.shown import given, times_in_words
from taskdock.web.ui.shown.addresses import without_query
from taskdock.web.ui.shown.keys import after, key_of
from taskdock.web.ui.shown.obstacles import STANDS_STILL, obstacles

ID = "0123456789abcdef01234567"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (1, "every second"),
        (0.1, "every 100 milliseconds"),
        (90, "every 1 minute 30 seconds"),
        (3600, "every hour"),
        (86400, "every day"),
        (14 * 86400, "every 2 weeks"),
        (90061, "every 90,061 seconds"),
    ],
)
def test_an_interval_is_said_as_people_do(seconds: float, words: str) -> None:
    assert times_in_words.interval(seconds) == words


@pytest.mark.parametrize(
    ("text", "start"),
    [
        ("", None),
        (" now ", None),
        ("1h30m", to_iso(NOON + timedelta(hours=1.5))),
        ("2026-12-24T18:00:00Z", "2026-12-24T18:00:00Z"),
    ],
)
def test_a_start_is_a_time_from_now_or_a_moment(text: str, start: str | None) -> None:
    assert times_in_words.start(text, NOON) == start


@pytest.mark.parametrize("text", ["tomorrow", "-3s", "99999999w", "1e400"])
def test_what_is_no_start_is_refused(text: str) -> None:
    with pytest.raises(BadField, match="start"):
        times_in_words.start(text, NOON)


def test_fields_are_read_as_json_numbers_and_words() -> None:
    assert given.event('{"legs": 4}') == {"legs": 4}
    assert given.event(" ") is None
    assert (given.whole("priority", " -5 "), given.whole("priority", "")) == (-5, None)
    assert (given.words("a, b,,"), given.words(" ,")) == (["a", "b"], None)
    for text in ("[1]", "{", "NaN"):
        with pytest.raises(BadField, match="event"):
            given.event(text)
    for text in ("1.5", "--1", "x", "9" * 30):
        with pytest.raises(BadField, match="priority"):
            given.whole("priority", text)


def test_a_key_leads_on_from_where_a_page_ended() -> None:
    assert after(key_of(NOON, ID)) == (NOON, ID)
    assert after("") is None
    for text in ("x", f"1-{ID}0", f"1-{ID}\n", f"{'9' * 15}-{ID}"):
        with pytest.raises(BadQuery):
            after(text)


def test_a_room_sees_no_query_of_a_webhook() -> None:
    assert without_query("http://oak/told?token=secret") == "http://oak/told?…"
    assert without_query("http://oak/told") == "http://oak/told"


def queue(**changes: Any) -> Any:
    return {
        "due": [],
        "waiting": [],
        "retries": [],
        "places": {"all": 2, "taken": 0},
        **changes,
    }


def hindrances(**changes: Any) -> Any:
    return {"troubles": [], "waiting": [], "memory": {"budget": 512, "held": 512}, **changes}


def test_nothing_is_in_the_way_of_an_empty_queue() -> None:
    assert obstacles(queue(), hindrances(), {}, stands_still=True) == []
    full = queue(places={"all": 2, "taken": 2})
    assert obstacles(full, hindrances(), {"oak": True}, stands_still=False) == []


def test_every_obstacle_is_said() -> None:
    waits = {"functionName": "elm", "calls": 1, "reason": "room: all that holds it works"}
    trouble = {"name": "engine", "reason": "Docker does not answer"}

    said = obstacles(
        queue(due=[{}], waiting=[{}], places={"all": 2, "taken": 2}),
        hindrances(troubles=[trouble], waiting=[waits]),
        {"oak": False, "ash": None, "elm": True},
        stands_still=True,
    )

    assert said == [
        "engine: Docker does not answer",
        "1 call of elm waits for room: all that holds it works; 512 of 512 MB are held.",
        "The function oak is disabled: its tasks fail when they are claimed.",
        "There is no function ash: its tasks fail when they are claimed.",
        "2 tasks may run side by side, and as many do: the next one begins when one of them ends.",
        STANDS_STILL,
    ]


def test_the_next_runs_end_with_time() -> None:
    last = datetime(9999, 12, 31, tzinfo=timezone.utc)
    schedule = Schedule(
        id=ID,
        function_name="oak",
        interval=timedelta(seconds=LONGEST),
        start_timestamp=last,
        next_timestamp=last,
        creation_timestamp=NOON,
        update_timestamp=NOON,
    )

    assert next_runs(schedule, 5) == [last]


def test_the_newest_attempts_are_kept_until_a_reset() -> None:
    notices = Notices()
    log = DeliveryLog(notices=notices, clock=ManualClock(), most=2)
    for number in (1, 2):
        notices.publish(DeliveryFailed(event=ID, url="http://oak", attempt=number, error="no"))
    notices.publish(EventDelivered(event=ID, url="http://oak", attempt=3, status=200))

    kept = log.latest()

    assert [(each.number, each.attempt, each.status) for each in kept] == [
        (3, 3, 200),
        (2, 2, None),
    ]
    assert log.latest(1) == kept[:1]
    notices.publish(ServerReset(tasks=0, ended=0))
    assert log.latest() == []
