"""The hub of the dashboard's stream: when pages are told of what, and what becomes of slow ones."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from taskdock.base.notices import Notices
from taskdock.base.timing.limits import Limits
from taskdock.tasks.model.notices import ScheduleDeleted, TaskCreated
from taskdock.web.ui.stream.hub import (
    FACT_COST,
    LONGEST,
    MOST_FACTS,
    SHARE,
    TICK,
    Hub,
)
from taskdock.web.ui.stream.open_page import MOST_UNREAD, OpenPage


class Loop:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.now = 0.0
        self._calls: list[tuple[float, Callable[[], None]]] = []

    def time(self) -> float:
        return self.now

    def call_later(self, seconds: float, call: Callable[[], None]) -> None:
        self._calls.append((self.now + seconds, call))

    @property
    def rests(self) -> bool:
        return not self._calls

    def pass_(self, seconds: float) -> None:
        end = self.now + seconds + 1e-6
        while self._calls and min(self._calls, key=lambda each: each[0])[0] <= end:
            due = min(self._calls, key=lambda each: each[0])
            self._calls.remove(due)
            self.now = max(self.now, due[0])
            due[1]()
        self.now = end


class Page:
    """An open page that reads when it is asked to."""

    def __init__(self, hub: Hub, *, wants_facts: bool = False) -> None:
        reader = hub.open(wants_facts=wants_facts)
        assert reader is not None
        self.reader: OpenPage = reader
        self.ended = False
        self.events: list[tuple[str, Any, int | None]] = []

    def read(self) -> list[tuple[str, Any, int | None]]:
        """Events that have come since, by name, content and id."""
        found = []
        while not self.reader._unread.empty():
            event = self.reader._unread.get_nowait()
            if event is None:
                self.ended = True
                break
            lines = dict(line.split(": ", 1) for line in event.decode().strip().splitlines())
            id = int(lines["id"]) if "id" in lines else None
            found.append((lines["event"], json.loads(lines["data"]), id))
        return found

    def changes(self) -> list[set[str]]:
        return [set(content) for name, content, _ in self.read() if name == "changed"]


@pytest.fixture
def loop() -> Loop:
    return Loop()


@pytest.fixture
def notices() -> Notices:
    return Notices()


@pytest.fixture
def hub(loop: Loop, notices: Notices) -> Iterator[Hub]:
    reactor: Any = SimpleNamespace(loop=loop)
    hub = Hub(reactor=reactor, notices=notices, limits=Limits())
    yield hub
    hub.close()


def created(number: int = 0) -> TaskCreated:
    return TaskCreated(task=f"task-{number}", function="walnut-table")


def test_a_page_is_greeted_with_the_number_that_its_parts_are_fetched_for(hub: Hub) -> None:
    ((name, content, id),) = Page(hub).read()

    assert name == "hello"
    assert content["version"]
    assert id == hub.told


def test_a_change_is_told_at_once_where_none_was_told_lately(
    hub: Hub, loop: Loop, notices: Notices
) -> None:
    page = Page(hub)
    loop.pass_(10)
    page.read()

    notices.publish(created())
    loop.pass_(TICK)

    (told,) = page.changes()
    assert "tasks" in told


def test_changes_are_told_once_a_second_at_most_and_together(
    hub: Hub, loop: Loop, notices: Notices
) -> None:
    page = Page(hub)
    for number in range(100):
        notices.publish(created(number))
        notices.publish(ScheduleDeleted(schedule="dawn"))
        loop.pass_(0.1)

    told = page.changes()

    assert 9 <= len([each for each in told if "tasks" in each]) <= 11
    assert len(told) <= 12
    assert {"tasks", "schedules", "second"} in told


def test_a_second_that_passes_is_told_to_pages_of_an_idle_server(hub: Hub, loop: Loop) -> None:
    page = Page(hub)

    loop.pass_(10.5)

    assert 9 <= page.changes().count({"second"}) <= 11


def test_what_changes_while_a_telling_is_under_way_comes_in_the_next(
    hub: Hub, loop: Loop, notices: Notices
) -> None:
    pages = [Page(hub) for _ in range(50)]
    notices.publish(created())
    loop.pass_(TICK)
    notices.publish(ScheduleDeleted(schedule="dawn"))
    loop.pass_(2)

    for page in pages:
        first, second, *_ = page.changes()
        assert "schedules" not in first
        assert "schedules" in second


def test_all_pages_get_the_same_event_and_not_all_in_one_turn(
    hub: Hub, loop: Loop, notices: Notices
) -> None:
    pages = [Page(hub) for _ in range(100)]
    notices.publish(created())
    loop.pass_(TICK)
    at_first = [page for page in pages if page.reader._unread.qsize() == 2]
    loop.pass_(5 * TICK)

    events = []
    for page in pages:
        page.reader._unread.get_nowait()
        events.append(page.reader._unread.get_nowait())
    assert len(at_first) == 20
    assert len({id(event) for event in events}) == 1


def test_pages_that_cost_more_than_their_share_are_told_more_rarely(
    hub: Hub, loop: Loop, notices: Notices
) -> None:
    page = Page(hub)
    for _ in range(300):
        notices.publish(created())
        before = hub.told
        loop.pass_(TICK)
        if hub.told != before:
            hub.spend(3 * SHARE)

    assert 9 <= len(page.changes()) <= 11 or page.ended
    assert 8 <= hub.told <= 12


def test_however_much_pages_cost_they_are_told_now_and_then(
    hub: Hub, loop: Loop, notices: Notices
) -> None:
    page = Page(hub)
    loop.pass_(1)
    page.read()
    hub.spend(1000.0)
    notices.publish(created())

    loop.pass_(LONGEST + 1)

    assert any("tasks" in told for told in page.changes())


def test_facts_come_sooner_than_a_second_and_are_bounded(
    hub: Hub, loop: Loop, notices: Notices
) -> None:
    page, other = Page(hub, wants_facts=True), Page(hub)
    for number in range(2 * MOST_FACTS):
        notices.publish(created(number))
    loop.pass_(TICK)

    facts = [content for name, content, _ in page.read() if name == "facts"]
    assert [len(each) for each in facts] == [MOST_FACTS]
    assert facts[0][0] == {"kind": "task_created", "task": "task-0", "function": "walnut-table"}
    assert "facts" not in [name for name, _, _ in other.read()]


def test_facts_are_not_kept_for_pages_that_do_not_want_them(hub: Hub, notices: Notices) -> None:
    Page(hub)

    notices.publish(created())

    assert hub._facts == []


def test_many_pages_that_want_facts_get_them_more_rarely(
    hub: Hub, loop: Loop, notices: Notices
) -> None:
    pages = [Page(hub, wants_facts=True) for _ in range(100)]
    came = 0
    for _ in range(50):
        notices.publish(created())
        loop.pass_(TICK)
        came += sum(name == "facts" for name, _, _ in pages[0].read())
        for page in pages[1:]:
            page.read()

    assert came == pytest.approx(5 / (100 * FACT_COST), abs=2)


def test_a_page_that_does_not_read_is_dropped_and_the_others_are_told(
    hub: Hub, loop: Loop, notices: Notices
) -> None:
    slow, quick = Page(hub), Page(hub)
    told = []
    for _ in range(MOST_UNREAD + 5):
        notices.publish(created())
        loop.pass_(1)
        told += quick.changes()

    assert slow.reader not in hub._readers
    slow.read()
    assert slow.ended
    assert len(told) >= MOST_UNREAD


def test_no_more_pages_are_taken_than_may_be_open(hub: Hub) -> None:
    pages = [Page(hub) for _ in range(Limits().pages)]

    assert hub.open(wants_facts=False) is None
    asyncio.run(pages[0].reader.aclose())
    assert hub.open(wants_facts=False) is not None


def test_nothing_ticks_and_nothing_is_kept_while_no_page_is_open(
    hub: Hub, loop: Loop, notices: Notices
) -> None:
    page = Page(hub, wants_facts=True)
    notices.publish(created())
    asyncio.run(page.reader.aclose())
    loop.pass_(1)

    notices.publish(created())

    assert loop.rests
    assert hub._changed == set()
    assert hub._facts == []
    assert hub._wanting == 0


def test_a_page_that_is_opened_after_a_pause_is_greeted_with_a_number_of_its_own(
    hub: Hub, loop: Loop
) -> None:
    """What has changed in the pause nobody has heard, so parts of before it do not serve."""
    first = Page(hub)
    ((_, _, before),) = first.read()
    asyncio.run(first.reader.aclose())

    ((_, _, after),) = Page(hub).read()

    assert after > before


def test_a_page_has_to_ask_anew_now_and_then(hub: Hub, loop: Loop) -> None:
    first = Page(hub)
    for _ in range(299):
        loop.pass_(1)
        first.read()
    later = Page(hub)
    loop.pass_(2)
    first.read()
    later.read()

    assert first.ended
    assert not later.ended


def test_all_pages_end_when_the_server_stops_and_none_is_taken_after_that(hub: Hub) -> None:
    page = Page(hub)

    hub.close()
    page.read()

    assert page.ended
    assert hub.open(wants_facts=False) is None


def test_notices_of_many_threads_are_all_told(hub: Hub, loop: Loop, notices: Notices) -> None:
    page = Page(hub, wants_facts=True)
    told: list[set[str]] = []

    def publish(number: int) -> None:
        for _ in range(200):
            notices.publish(created())
        if number == 7:
            notices.publish(ScheduleDeleted(schedule="dawn"))

    threads = [threading.Thread(target=publish, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        loop.pass_(TICK)
        told += page.changes()
    loop.pass_(2)
    told += page.changes()

    assert set().union(*told) >= {"tasks", "schedules"}
