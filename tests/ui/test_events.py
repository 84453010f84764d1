"""Events in a browser: a webhook that fails twice, on a server whose clock stands still."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pytest
from playwright.sync_api import Page, expect

from taskdock.testing.dock import Dock
from tests.support.hook import Hook, answer
from tests.ui.conftest import serious_faults

pytestmark = pytest.mark.docker

HOSTILE = "<script>document.title='taken'</script>"
SPLITS = f"""
def handler(task, context):
    raise ValueError({HOSTILE!r})
"""


@pytest.fixture
def hook() -> Iterator[Hook]:
    with Hook() as hook:
        yield hook


def test_events_and_the_attempts_to_deliver_them_are_seen(
    still_dock: Dock, page: Page, hook: Hook
) -> None:
    dock = still_dock
    dock.reset()
    hook.behaviours = [partial(answer, status=500), partial(answer, status=404)]
    dock.deploy({"index.py": SPLITS}, "splits", runtime="python3.11", entryPoint="index.handler")
    events = page.get_by_role("region", name="Service events")
    subscriptions = page.get_by_role("region", name="Subscriptions")
    deliveries = page.get_by_role("region", name="Deliveries to webhooks")
    page.goto(f"{dock.url}/ui/events")
    expect(events).to_contain_text("No task has failed")
    expect(subscriptions).to_contain_text("taskdock events subscribe")
    expect(deliveries).to_contain_text("No webhook was called")
    dispatchers = page.get_by_role("region", name="Dispatchers")
    expect(dispatchers).to_contain_text("No double answers")
    expect(page.locator("#connection")).to_have_text("live")

    # A webhook is subscribed by the keyboard; a wrong one is refused in words.
    page.get_by_text("Create a subscription").focus()
    page.keyboard.press("Enter")
    address = page.get_by_role("textbox", name="Webhook")
    address.focus()
    page.keyboard.type("ftp://oak")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("http://HOST")
    address.fill(hook.url)
    page.keyboard.press("Enter")
    expect(subscriptions).to_contain_text(hook.url)

    # A task fails, and the webhook fails twice: all of it comes by itself.
    dock.tasks.create("splits")
    row = events.get_by_role("row", name="splits")
    expect(row).to_contain_text(HOSTILE)
    pending = deliveries.get_by_role("group", name="To be made").get_by_role("row")
    attempts = deliveries.get_by_role("group", name="Attempts").get_by_role("row")
    expect(attempts.nth(1)).to_contain_text("HTTP 500")
    expect(pending.nth(1)).to_contain_text("in 1 s")
    assert serious_faults(page) == []
    dock.clock.advance(1)
    expect(attempts.nth(1)).to_contain_text("HTTP 404")
    expect(pending.nth(1)).to_contain_text("in 5 s")
    dock.clock.advance(5)
    expect(attempts.nth(1)).to_contain_text("attempt 3")
    expect(attempts.nth(1)).to_contain_text("delivered HTTP 204")
    expect(deliveries).to_contain_text("No delivery waits")
    assert len(hook.calls) == 3

    page.on("dialog", lambda dialog: dialog.accept())
    subscriptions.get_by_role("button", name="Delete subscription").click()
    expect(subscriptions).to_contain_text("Nobody is told")
    assert page.title() == "Events · taskdock"


def test_older_events_are_on_the_next_page_and_a_double_is_named(
    still_dock: Dock, page: Page
) -> None:
    dock = still_dock
    dock.reset()
    dock.doubles.add("GET", "/dispatchers/v1/", json={})
    for number in range(27):
        dock.tasks.create(f"oak-{number:02}")
    events = page.get_by_role("region", name="Service events")
    dock.eventually(lambda: len(dock.service.tasks()) or None)
    dock.clock.advance(1)

    page.goto(f"{dock.url}/ui/events?type=task_failed")

    expect(events.get_by_role("row")).to_have_count(26)
    newest = events.get_by_role("row").all_inner_texts()[1:]
    page.get_by_role("link", name="Older events").click()
    expect(events.get_by_role("row")).to_have_count(3)
    assert not set(newest) & set(events.get_by_role("row").all_inner_texts()[1:])
    expect(page.get_by_role("region", name="Dispatchers")).to_contain_text("used 0 times")
    page.get_by_role("link", name="Newest events").click()
    expect(events.get_by_role("row")).to_have_count(26)
