"""Queue and schedules in a browser, on a server whose clock stands still: all times are exact."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from taskdock.testing.dock import Dock
from tests.ui.conftest import OpenPage, serious_faults

pytestmark = pytest.mark.docker

HOSTILE = "<img src=x onerror=\"document.title='taken'\">"
SPLINTERS = f"""
class Splinter(Exception):
    pass

def handler(task, context):
    raise Splinter({HOSTILE!r})
"""


@pytest.fixture
def still(still_dock: Dock) -> Dock:
    """That server with nothing in it, whose worker claims nothing until it is let go."""
    still_dock.reset()
    return still_dock


@pytest.fixture
def held(still: Dock) -> Iterator[Dock]:
    worker = still.emulator.tasks.worker
    assert worker.hold(20)
    yield still
    if worker._holds:
        worker.go_on()


def rows(page: Page, heading: str) -> list[str]:
    """The text of each row in the part of the page with this heading."""
    part = page.get_by_role("region", name=heading)
    return part.get_by_role("row").all_inner_texts()[1:]


def test_an_action_whose_answer_is_lost_is_not_silent(held: Dock, page: Page) -> None:
    page.goto(f"{held.url}/ui/queue")
    expect(page.locator("#connection")).to_have_text("live")
    page.route(re.compile("/ui/queue/tasks"), lambda route: route.abort())
    page.get_by_text("Create a task").click()
    page.get_by_label("Function").first.fill("oak-chair")

    page.get_by_role("button", name="Create task").click()

    said = page.get_by_role("alert").filter(has_text="connection was lost")
    expect(said).to_be_visible()
    said.get_by_role("button", name="Close").click()
    expect(said).to_have_count(0)


def test_the_queue_is_seen_in_its_order_and_tasks_are_created_and_canceled(
    held: Dock, page: Page
) -> None:
    due = page.get_by_role("region", name="Due now")
    waiting = page.get_by_role("region", name="Waiting for a time")
    page.goto(f"{held.url}/ui/queue")
    expect(due).to_contain_text("taskdock tasks create")
    expect(page.locator("#connection")).to_have_text("live")

    # By the keyboard alone.
    page.get_by_text("Create a task").focus()
    page.keyboard.press("Enter")
    for text in ("oak-chair", "", "-1", f"wood, {HOSTILE}", '{"legs": 4}'):
        page.keyboard.press("Tab")
        page.keyboard.type(text)
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")

    expect(page.get_by_text("Created a task of oak-chair")).to_be_visible()
    expect(due.get_by_role("row", name="oak-chair")).to_contain_text("due the longest")
    expect(due).to_contain_text(HOSTILE)
    (made,) = held.service.tasks()
    assert (made["data"], made["tags"]) == ({"legs": 4}, ["wood", HOSTILE])

    # What others create is seen without reload, in the order of claims.
    held.tasks.create("walnut-table", priority=5)
    held.tasks.create(HOSTILE, start_in="90s")
    first = due.get_by_role("row").nth(1)
    expect(first).to_contain_text("walnut-table")
    expect(first).to_contain_text("priority 5 comes before priority -1")
    expect(due.get_by_role("row").nth(2)).to_contain_text("priority -1 comes after priority 5")
    expect(waiting).to_contain_text("in 1 min 30 s")
    why = page.get_by_role("list", name="Why tasks wait")
    expect(why).to_contain_text(f"There is no function {HOSTILE}")
    expect(why).to_contain_text("The clock stands still")
    assert serious_faults(page) == []

    waiting.get_by_role("button", name="Cancel task").click()
    expect(page.get_by_text("Canceled the task")).to_be_visible()
    expect(waiting).to_contain_text("No task waits")
    page.get_by_label("Event", exact=True).fill("[1]")
    page.get_by_role("button", name="Create task").click()
    expect(page.get_by_role("alert").filter(has_text="it has to be a JSON object")).to_be_visible()
    assert page.title() == "Queue · taskdock"


def test_retries_to_come_are_told_with_the_attempt_the_error_and_the_time(
    still: Dock, page: Page
) -> None:
    still.deploy(
        {"index.py": SPLINTERS},
        "splinters",
        runtime="python3.11",
        entryPoint="index.handler",
        retryPolicy={"enabled": True},
    )
    retries = page.get_by_role("region", name="Retries to come")
    page.goto(f"{still.url}/ui/queue")
    expect(retries).to_contain_text("No failed task waits")

    failed = still.tasks.create("splinters")

    row = retries.get_by_role("row", name="splinters")
    expect(row).to_contain_text("attempt 2")
    expect(row).to_contain_text(f"Splinter {HOSTILE}")
    expect(row).to_contain_text("in 2 s")
    link = row.get_by_role("link", name="Show attempt 1")
    expect(link).to_have_attribute("href", f"/ui/runs/task/{failed.id}")

    still.clock.advance(1)
    expect(row).to_contain_text("in 1 s")
    still.clock.advance(1)
    expect(row).to_contain_text("attempt 3")
    expect(row).to_contain_text("in 5 s")


def test_a_schedule_is_created_run_by_hand_and_deleted(held: Dock, page: Page) -> None:
    schedules = page.get_by_role("region", name="Schedules")
    page.goto(f"{held.url}/ui/queue")
    page.get_by_role("link", name="Schedules").click()
    expect(schedules).to_contain_text("taskdock schedules create")

    page.get_by_text("Create a schedule").click()
    page.get_by_label("Function").fill(HOSTILE)
    page.get_by_label("Every").fill("1h30m")
    page.get_by_label("Start").fill("10m")
    page.get_by_role("button", name="Create schedule").click()

    row = schedules.get_by_role("row", name="every 1 hour 30 minutes")
    expect(row).to_contain_text(HOSTILE)
    expect(row.get_by_role("listitem")).to_have_text(
        ["in 10 min", "in 1 h 40 min", "in 3 h 10 min", "in 4 h 40 min", "in 6 h 10 min"]
    )
    expect(row).to_contain_text("none yet")
    row.get_by_role("button", name="Run now").click()
    expect(page.get_by_role("link", name="Show it")).to_be_visible()
    (task,) = held.service.tasks()
    assert task["functionName"] == HOSTILE
    expect(row.get_by_role("listitem").first).to_have_text("in 10 min")
    assert serious_faults(page) == []

    page.on("dialog", lambda dialog: dialog.accept())
    row.get_by_role("button", name="Delete schedule").click()
    expect(schedules).to_contain_text("There is no schedule")


def test_a_phone_and_a_room_can_read_the_queue(held: Dock, new_page: OpenPage) -> None:
    task = held.tasks.create("walnut-table", tags=["wood"])
    page = new_page(width=390, height=844)

    for path in ("queue", "queue/schedules", "events"):
        page.goto(f"{held.url}/ui/{path}?present=1")
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        assert serious_faults(page) == []
        assert task.id[-6:] not in page.get_by_role("main").inner_text()
