"""Takes the screenshots of docs/demo.md and README.md: `make screenshots`.

The story of `taskdock demo --ui` runs until a page shows its part of it; the page is then
taken at a fixed size, in light colours, as a room sees it. Pages are found by what
is written on them.
"""

from __future__ import annotations

import base64
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Page, expect, sync_playwright

from taskdock.client.api import Json, TaskService
from tests.support.browser import launched
from tests.support.live import COMMAND, make_images

FOLDER = Path(__file__).with_name("images")
SIZE = (1280, 720)
QUALITY = 85  # of WebP
MOST_BYTES = 150_000

_ADDRESS = re.compile(r"Task Service +(http://\S+)")
_SECONDS_OF_STORY = 75  # until each part has been there at least once
_LIMIT = 60_000  # milliseconds that anything on a page may take

Prepare = Callable[[Page, str], None]


@dataclass(frozen=True)
class Picture:
    """One file of `docs/images`."""

    name: str
    path: str
    """The page, below the server's address."""
    shows: str
    """Text that is on the page when it is taken."""
    prepare: Prepare | None = None
    """Called with the page and the server's address, before the page is taken."""


def call(url: str, method: str, path: str, body: Json | None = None) -> Json:
    return TaskService(url).call(method, path, body)


def rush(page: Page, url: str) -> None:
    """A queue that is long enough to be seen, and taken while it drains."""
    for priority in (0, 0, 0, 5, 1, 9, 0, 3):
        call(
            url,
            "POST",
            "/tasks/v1/",
            {
                "functionName": "takes-its-time",
                "data": {"item": "tea", "seconds": 6},
                "priority": priority,
                "tags": ["picture"],
            },
        )
    expect(page.get_by_role("main").get_by_text("takes-its-time").first).to_be_visible()
    page.wait_for_timeout(2500)  # for a picture, not for a fact: the board is told once a second


def latest(function: str, status: str, heading: str) -> Prepare:
    """Opens the run of the newest task of a function that ended so, from that heading on."""

    def open_run(page: Page, url: str) -> None:
        found = call(
            url,
            "GET",
            f"/tasks/v1/?eq(functionName,{function})&eq(status,{status})"
            "&sort(-creationTimestamp)&limit(1)",
        )
        page.goto(f"{url}/ui/runs/task/{found['data'][0]['id']}?present=1")
        expect(page.get_by_role("main")).to_contain_text(function)
        below = page.get_by_role("heading", name=heading)
        below.evaluate("element => element.scrollIntoView({ block: 'start' })")

    return open_run


def fault(page: Page, url: str) -> None:
    """A fault that is on, so that the page has one."""
    call(
        url,
        "POST",
        "/taskdock/faults",
        {"functionName": "hello-world-python", "fault": "error", "name": "SmtpDown", "times": 3},
    )
    page.reload()


def freeze(page: Page, url: str) -> None:
    """Time stands still, as where a trainer moves it."""
    call(url, "POST", "/taskdock/clock", {"mode": "manual"})
    page.reload()
    page.wait_for_timeout(1500)


RUNS = "/ui/runs?present=1"
TIME = "Where the time went"
FAMILY = "Attempts and created tasks"

PICTURES = (
    Picture("now", "/ui/", "takes-its-time", rush),
    Picture("functions", "/ui/functions?present=1", "Functions"),
    Picture("runs", RUNS, "Runs"),
    Picture(
        "retry", "/ui/runs?present=1", "Runs", latest("fails-then-succeeds", "complete", FAMILY)
    ),
    Picture("time-limit", "/ui/runs?present=1", "Runs", latest("too-slow", "failed", TIME)),
    Picture("memory-limit", "/ui/runs?present=1", "Runs", latest("too-hungry", "failed", TIME)),
    Picture("queue", "/ui/queue?present=1", "Queue", rush),
    Picture("events", "/ui/events?present=1", "Events"),
    Picture("harness", "/ui/harness?present=1", "Harness", fault),
    Picture("system", "/ui/system?present=1", "System"),
    Picture("clock", "/ui/?present=1", "Now", freeze),
)


@contextmanager
def story() -> Iterator[str]:
    """The address of the demo's server, whose story has gone on for a while."""
    make_images("python3.11", "nodejs20.x")
    demo = subprocess.Popen(
        [*COMMAND, "demo", "--ui", "--port", "0"], stdout=subprocess.PIPE, text=True
    )
    assert demo.stdout is not None
    try:
        lines = iter(demo.stdout)
        url = next(found[1] for line in lines if (found := _ADDRESS.search(line)))
        for left in range(_SECONDS_OF_STORY, 0, -5):
            print(f"the story begins; {left} s until the first picture", flush=True)
            time.sleep(5)
        yield url
    finally:
        demo.send_signal(signal.SIGINT)
        demo.communicate()


def taken(page: Page, picture: Picture, url: str) -> bytes:
    """The picture as a file. Raises `ValueError` where it is too large for a repository."""
    page.goto(url + picture.path)
    expect(page.locator("#connection")).to_have_text("live")
    expect(page.get_by_role("main")).to_contain_text(picture.shows)
    if picture.prepare is not None:
        picture.prepare(page, url)
    page.mouse.move(0, 0)
    # A board full of text has 200 kB as a PNG, and a third of that so.
    asked = {"format": "webp", "quality": QUALITY}
    shot = page.context.new_cdp_session(page).send("Page.captureScreenshot", asked)
    file = base64.b64decode(shot["data"])
    if len(file) > MOST_BYTES:
        raise ValueError(f"{picture.name} has {len(file)} bytes, and {MOST_BYTES} at most are kept")
    return file


def main(names: list[str]) -> None:
    """Takes the pictures of these names, or all of them."""
    wanted = [picture for picture in PICTURES if not names or picture.name in names]
    FOLDER.mkdir(exist_ok=True)
    with story() as url, sync_playwright() as playwright:
        browser = launched(playwright)
        context = browser.new_context(
            viewport={"width": SIZE[0], "height": SIZE[1]},
            color_scheme="light",
            reduced_motion="reduce",
            locale="en-GB",
            timezone_id="UTC",
        )
        context.set_default_timeout(_LIMIT)
        for picture in wanted:
            file = FOLDER / f"{picture.name}.webp"
            page = context.new_page()
            file.write_bytes(taken(page, picture, url))
            page.close()  # its stream has one of the browser's six connections to a host
            print(f"{file.name}  {file.stat().st_size // 1000} kB", flush=True)
        browser.close()


if __name__ == "__main__":
    main(sys.argv[1:])
