"""The page *Now*: counters, lanes, the queue, what has ended, the log, and a moved clock."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timezone

import pytest
from playwright.sync_api import Locator, Page, expect

from taskdock.testing import running
from taskdock.testing.dock import Dock
from taskdock.testing.fakes.engine import FakeEngine
from tests.support.builders import Gate
from tests.support.live import make_images
from tests.ui.conftest import OpenPage, serious_faults

pytestmark = pytest.mark.docker

LATER = "2999-01-01T00:00:00.000Z"
HOSTILE = "<img src=x onerror=document.title='had'>"
WORKS = f"""
import os, time, urllib.error, urllib.request

Evil = type("{HOSTILE}", (Exception,), {{}})


def handler(task, context):
    data = task["data"]
    print("works on", data["what"])
    if data["what"] == "too much":
        return bytearray(500_000_000)[0]
    if data["what"] == "evil":
        print("<script>document.title = 'had'</script>")
        raise Evil("{HOSTILE}")
    while not may_end(data["what"]):
        time.sleep(0.05)
    return "done"


def may_end(what):
    try:
        urllib.request.urlopen(os.environ["API_HOST"] + "/gate/v1/" + what).close()
    except urllib.error.HTTPError:
        return False
    return True
"""
WATCH = """() => {
  window.here = true;
  window.chips = [];
  new MutationObserver((changes) => {
    for (const change of changes)
      for (const node of change.addedNodes)
        if (node.dataset?.look) window.chips.push(`${node.textContent} ${node.dataset.look}`);
  }).observe(document.body, { childList: true });
}"""


@pytest.fixture(scope="module")
def single() -> Iterator[Dock]:
    """A server with real containers that runs one task at a time."""
    make_images("python3.11")
    with running(concurrency=1) as dock:
        dock.deploy(
            {"index.py": WORKS},
            "pear-desk",
            runtime="python3.11",
            entryPoint="index.handler",
            timeLimit=60,
            memoryLimit=128,
        )
        yield dock


@pytest.fixture
def fake() -> Iterator[Dock]:
    """A server whose functions are this process's."""
    with running(engine=FakeEngine()) as dock:
        yield dock


@pytest.fixture(scope="module")
def busy() -> Iterator[Dock]:
    """A server with eight environments that work, and twenty tasks that wait."""
    with running(engine=FakeEngine()) as dock:
        gate = _fill(dock)
        yield dock
        gate.open()


def region(page: Page, name: str) -> Locator:
    return page.get_by_role("region", name=name)


def expect_count(page: Page, name: str, count: int) -> None:
    counter = page.get_by_label("Board").locator("dl > div")
    found = counter.filter(has=page.get_by_role("term").get_by_text(name, exact=True))
    expect(found.get_by_role("definition")).to_have_text(str(count))


def create(dock: Dock, **data: object) -> str:
    return str(dock.service.post("/", {"functionName": "pear-desk", "data": data})["id"])


def end(dock: Dock, what: str) -> None:
    """Lets the function go that works on it: it waits until a double answers."""
    dock.doubles.add("GET", f"/gate/v1/{what}", json={})


def test_a_task_is_seen_in_the_queue_then_in_its_lane_then_among_what_has_ended(
    single: Dock, page: Page
) -> None:
    single.reset()
    page.goto(f"{single.url}/ui/")
    expect(region(page, "Ended lately")).to_contain_text("Nothing has ended yet")
    page.evaluate(WATCH)

    first = create(single, what="first")
    second = create(single, what="second")

    queue, lanes, ended = (region(page, name) for name in ("Queue", "Environments", "Ended lately"))
    expect(queue.get_by_title(second, exact=True)).to_be_visible()
    lane = _of_task(page, lanes, first)
    expect(lane).to_contain_text("pear-desk")
    expect(lane).to_contain_text("running")
    expect(lane.get_by_role("progressbar")).to_have_accessible_name("Time used of 60 s")
    expect_count(page, "In progress", 1)
    expect_count(page, "New", 1)

    end(single, "first")

    expect(lanes.get_by_title(second, exact=True)).to_be_visible()
    expect(queue.get_by_title(second, exact=True)).to_be_hidden()
    expect(
        ended.get_by_role("listitem").filter(has=page.get_by_title(first, exact=True))
    ).to_contain_text("complete")

    end(single, "second")

    expect(ended.get_by_title(second, exact=True)).to_be_visible()
    expect_count(page, "Complete", 2)
    expect(lanes.get_by_role("listitem").first).to_contain_text(re.compile("idle|frozen"))
    expect(region(page, "Log")).to_contain_text("works on second")
    assert page.evaluate("window.here")
    flown = page.evaluate("window.chips")
    assert flown.count("pear-desk busy") == flown.count("pear-desk complete") == 2


def test_what_fails_is_told_and_nothing_of_it_is_trusted(single: Dock, page: Page) -> None:
    single.reset()
    page.goto(f"{single.url}/ui/")
    ended, log = region(page, "Ended lately"), region(page, "Log")

    evil = create(single, what="evil")
    hungry = create(single, what="too much")

    for task in (evil, hungry):
        expect(
            ended.get_by_role("listitem").filter(has=page.get_by_title(task, exact=True))
        ).to_contain_text("failed")
    expect_count(page, "Failed", 2)
    expect(ended.get_by_text(HOSTILE)).to_be_visible()
    expect(log.get_by_text("<script>document.title = 'had'</script>")).to_be_visible()
    expect(page).to_have_title("Now · taskdock")
    assert serious_faults(page) == []


def test_a_direct_execution_and_a_start_are_seen_and_a_calm_page_shows_no_flight(
    fake: Dock, new_page: OpenPage
) -> None:
    gate, page = Gate(), new_page(reduced_motion="reduce")
    fake.deploy(lambda _, runtime: gate.pass_(runtime), "oak-chair")
    page.goto(f"{fake.url}/ui/")
    expect(region(page, "Environments")).to_contain_text("taskdock tasks create oak-chair")
    page.evaluate(WATCH)

    task = fake.service.post("/", {"functionName": "oak-chair"})["id"]
    fake.service.post("/", {"functionName": "oak-chair", "startTimestamp": LATER})

    lane = region(page, "Environments").get_by_role("listitem").filter(has_text="oak-chair")
    expect(lane.get_by_title(str(task), exact=True)).to_be_visible()
    expect(lane).to_contain_text("cold start")
    expect(region(page, "Queue")).to_contain_text("it waits for its start time")
    gate.open()
    expect(region(page, "Ended lately")).to_contain_text("oak-chair")
    assert page.evaluate("window.chips") == []


def test_a_moved_clock_has_buttons(page: Page) -> None:
    with running(engine=FakeEngine(), clock="manual") as dock:
        dock.deploy(lambda *_: None, "oak-chair")
        due = dock.clock.now.replace(microsecond=0).timestamp() + 1790
        dock.service.post("/", {"functionName": "oak-chair", "startTimestamp": _iso(due)})
        page.goto(f"{dock.url}/ui/")
        clock = region(page, "Clock")
        expect(clock).to_contain_text("next: task oak-chair in 29 min")
        expect(region(page, "Queue")).to_contain_text("in 29 min")

        clock.get_by_role("button", name="Advance 1 min").press("Enter")

        expect(clock).to_contain_text("in 28 min")
        expect(page.get_by_role("banner")).to_contain_text("The clock stands still at")
        expect(region(page, "Ended lately")).to_contain_text("Nothing has ended yet")

        clock.get_by_role("button", name="Run until idle").click()

        expect(region(page, "Ended lately")).to_contain_text("complete")
        expect(clock).to_contain_text("nothing waits")
        assert dock.clock.now.timestamp() == due

        clock.get_by_role("button", name="Let the clock tick").click()

        expect(clock).to_contain_text("the clock ticks")
        expect(clock.get_by_role("button", name="Advance 1 d")).to_be_hidden()
        assert serious_faults(page) == []


def test_a_room_sees_all_without_scrolling_and_no_ids(busy: Dock, new_page: OpenPage) -> None:
    page = new_page()

    page.goto(f"{busy.url}/ui/?present=1")

    for width, height in ((1280, 720), (1920, 1080)):
        page.set_viewport_size({"width": width, "height": height})
        for name in ("Queue", "Environments", "Ended lately", "Log"):
            expect(region(page, name)).to_be_in_viewport(ratio=1)
        for lane in region(page, "Environments").get_by_role("listitem").all():
            expect(lane).to_be_in_viewport(ratio=0.9)
        assert not _scrolls(page, "Height")
        assert not _scrolls(page, "Width")
    expect(region(page, "Log")).to_contain_text("works")
    expect(region(page, "Log")).not_to_contain_text(re.compile("RequestId|REPORT"))
    expect(page.get_by_role("button", name=re.compile("Copy the id"))).to_have_count(0)
    assert serious_faults(page) == []


def test_a_phone_shows_it_in_one_column(busy: Dock, new_page: OpenPage) -> None:
    page = new_page(width=390, height=844, color_scheme="dark")

    page.goto(f"{busy.url}/ui/")

    expect(region(page, "Queue")).to_contain_text("and 8 more")
    assert not _scrolls(page, "Width")
    assert serious_faults(page) == []


def _fill(dock: Dock) -> Gate:
    gate = Gate()

    def handler(event: dict[str, object], runtime: object) -> None:
        runtime.print("works")  # type: ignore[attr-defined]
        if event.get("data"):
            gate.pass_(runtime)

    for name in ("oak-chair", "walnut-table"):
        dock.deploy(handler, name)
        dock.tasks.create(name).wait()
    for number in range(8):
        name = ("oak-chair", "walnut-table")[number % 2]
        dock.service.post("/", {"functionName": name, "data": {"wait": True}})
    for _ in range(20):
        dock.service.post("/", {"functionName": "oak-chair", "startTimestamp": LATER})
    dock.eventually(lambda: gate.waiting == 8)
    return gate


def _of_task(page: Page, place: Locator, task: str) -> Locator:
    return place.get_by_role("listitem").filter(has=page.get_by_title(task, exact=True))


def _scrolls(page: Page, side: str) -> bool:
    found: bool = page.evaluate(
        f"document.documentElement.scroll{side} > document.documentElement.client{side}"
    )
    return found


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.000Z")
