"""`taskdock demo --ui`, as a trainer has it: a story that the dashboard shows, and an end."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import docker
import pytest
from playwright.sync_api import Locator, Page, ViewportSize, expect

from taskdock.base.files.data_folder import label_of
from taskdock.client.demo import story
from taskdock.lambdas.environment.spec import LABEL
from taskdock.testing.waiting import eventually
from taskdock.web.ui.page import PAGES
from tests.harness.page import examples
from tests.support.live import REPOSITORY, CommandLine, TaskService, make_images
from tests.support.piped import Piped
from tests.ui.conftest import OpenPage
from tests.ui.contrast import weak_text

pytestmark = [pytest.mark.docker, pytest.mark.timeout(600)]

SIZES: list[ViewportSize] = [{"width": 1280, "height": 720}, {"width": 1920, "height": 1080}]
SECONDS_TO_SHOW = 120  # for all parts of the story, with their images here
LEAST_CONTRAST = 7  # of text for a room: WCAG's enhanced contrast
LEAST_TYPE = 14  # pixels of text for a room; most has more
RUNS_OF_MORE_THAN_A_PAGE = 51
NOT_PAGES_OF_A_LIST = re.compile("^(?!Pages of the list)")
Role = Literal["button", "columnheader", "heading", "link", "radio"]
ADDRESS = re.compile(r"Dashboard +(http://localhost:\d+)/ui/$")


@dataclass
class Shown:
    """A demo that runs."""

    demo: Piped
    cache: Path
    """The user's cache, where the demo's server has its files."""

    @property
    def url(self) -> str:
        """The server's, once the demo has printed it."""
        line = eventually(self._line, "the dashboard's address", within=SECONDS_TO_SHOW)
        found = ADDRESS.search(line)
        assert found is not None
        return found[1]

    def _line(self) -> str:
        assert self.demo.runs, self.demo.notes
        return next((line for line in self.demo.lines if ADDRESS.search(line)), "")


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shown]:
    """One for all tests here: the last of them ends it."""
    make_images("python3.11", "nodejs20.x")
    cache = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as variables:
        variables.setenv("XDG_CACHE_HOME", str(cache))
        demo = Piped("demo", "--ui", "--port", "0")
    yield Shown(demo, cache / "taskdock")
    demo.close()


def test_the_address_comes_first_and_the_dashboard_shows_the_whole_story(
    shown: Shown, page: Page
) -> None:
    url = shown.url
    assert not any("Deploy" in line for line in shown.demo.lines[:6])
    page.goto(f"{url}/ui/")

    main = page.get_by_role("main")
    for name in (*story.CODE_FIRST, story.IMAGE_LATER):
        expect(main.get_by_text(name).first).to_be_visible(timeout=SECONDS_TO_SHOW * 1000)
    service = TaskService(url)
    eventually(lambda: told(service), "all parts of the story", within=SECONDS_TO_SHOW)


def test_the_pages_have_what_the_script_of_a_trainer_names(shown: Shown, page: Page) -> None:
    walk = Walk(page)
    page.goto(f"{shown.url}/ui/?present=1")

    walk.press("2", "Functions")
    page.get_by_role("link", name="hello-world-docker").click()
    walk.choose("link", "Try it")
    walk.choose("radio", "a direct execution")
    walk.choose("button", "Run hello-world-docker")
    walk.sees("heading", "Answer")
    walk.sees("link", "Open the run")
    walk.press("4", "Queue")
    for heading in ("Due now", "Waiting for a time", "Retries to come"):
        walk.sees("heading", heading)
    walk.open_run("fails-then-succeeds", "complete", "NotReadyYet")
    walk.sees("heading", "Attempts and created tasks")
    walk.open_run("too-slow", "failed", "Sandbox.Timedout")
    walk.sees("heading", "Where the time went")
    walk.open_run("too-hungry", "failed", "Runtime.OutOfMemory")
    walk.sees("heading", "Log")
    walk.open_run("recurring-chain", "complete")
    made = page.get_by_role("region", name="Attempts and created tasks").get_by_role("link")
    made.get_by_text("recurring-chain").first.click()
    walk.press("4", "Queue")
    walk.choose("link", "Schedules")
    walk.sees("columnheader", "Next runs")
    row = page.get_by_role("row", name="hello-world-python")
    expect(row.get_by_role("listitem")).to_have_count(5)
    walk.open_run("order-api", "complete")
    expect(page.get_by_role("heading", level=1)).to_have_text("API request of order-api")
    walk.press("6", "Harness")
    walk.choose("link", "Doubles")
    expect(walk.main).to_contain_text("/mail")
    walk.choose("link", "Faults")
    page.get_by_text("Add a fault").click()
    walk.met.add("Add a fault")
    expect(page.get_by_role("button", name="Add fault")).to_be_visible()
    walk.press("1", "Now")
    walk.choose("button", "Stop the clock")
    walk.sees("button", "Advance 1 h")
    walk.press("4", "Queue")
    live = page.locator("#connection").bounding_box()
    first = page.locator("nav a[data-key]").first.bounding_box()
    assert live
    assert first
    assert abs(live["y"] - first["y"]) < first["height"], "the moved clock wraps the header"
    walk.press("1", "Now")
    walk.choose("button", "Let the clock tick")
    walk.sees("button", "Stop the clock")

    script = (REPOSITORY / "docs" / "demo.md").read_text()
    named = {" ".join(each.split()) for each in re.findall(r"(?<![*])\*([^*]+)\*(?![*])", script)}
    assert named <= walk.met


def test_the_guide_names_the_pages_as_they_are(shown: Shown, new_page: OpenPage) -> None:
    page = new_page(java_script_enabled=False)  # all words are there without, and sooner
    guide = (REPOSITORY / "docs" / "dashboard.md").read_text()
    rows = re.findall(r"^\| (\d) \| \*\*(.+?)\*\* \|(.*)", guide, re.MULTILINE)
    there = [(str(each.key), each.title) for each in PAGES]
    assert [(key, title) for key, title, _ in rows] == there
    service = TaskService(shown.url)
    for _ in range(RUNS_OF_MORE_THAN_A_PAGE):
        service.post("/functions/hello-world-python/execute", {"data": {"name": "Ada"}})

    for link, (_, _, text) in zip(PAGES, rows, strict=True):
        words = words_below(page, f"{shown.url}{link.path}")
        assert [each for each in re.findall(r"\*([^*]+)\*", text) if each not in words] == []


def test_what_a_trainer_types_meanwhile_works(shown: Shown, tmp_path: Path) -> None:
    taskdock = CommandLine(tmp_path, shown.url)
    lines = [
        shlex.split(line)
        for example in examples(REPOSITORY / "docs" / "demo.md")
        for line in example.text.splitlines()
        if not line.startswith("make ")
    ]

    for name, *words in lines:
        assert name == "taskdock"
        taskdock.succeed(*words)


def test_the_back_row_can_read_every_page(shown: Shown, page: Page) -> None:
    wrong: list[str] = []
    for link in PAGES:
        page.goto(f"{shown.url}{link.path}?present=1")
        expect(page.locator("#connection")).to_have_text("live")
        for size in SIZES:
            page.set_viewport_size(size)
            found = [*weak_text(page, LEAST_CONTRAST), *small_text(page, LEAST_TYPE)]
            wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
            found += [f"it is {wide} pixels too wide"] if wide > 0 else []
            wrong += [f"{link.title} at {size['width']}: {each}" for each in found]

    assert wrong == []


def test_ctrl_c_ends_it_and_leaves_nothing(shown: Shown) -> None:
    assert shown.url
    (folder,) = shown.cache.glob("exec-*")
    engine = docker.from_env()
    ours = {"label": f"{LABEL}.server={label_of(folder)}"}
    eventually(lambda: engine.containers.list(filters=ours), "containers")

    code = shown.demo.interrupt()

    assert code == 0, shown.demo.notes
    assert shown.demo.lines[-1].strip() == "stopped"
    assert not any("Traceback" in note for note in shown.demo.notes)
    assert engine.containers.list(all=True, filters=ours) == []
    assert not folder.exists()


@dataclass
class Walk:
    """A trainer's way over the pages, by what is written on them."""

    page: Page
    met: set[str] = field(default_factory=set)
    """The names that were there."""

    @property
    def main(self) -> Locator:
        return self.page.get_by_role("main")

    def press(self, key: str, title: str) -> None:
        expect(self.page.locator("#connection")).to_have_text("live")  # its scripts have begun
        self.page.keyboard.press(key)
        expect(self.page.get_by_role("heading", level=1)).to_have_text(title)

    def sees(self, role: Role, name: str) -> Locator:
        found = self.main.get_by_role(role, name=name, exact=role != "heading").first
        expect(found).to_be_visible()
        self.met.add(name)
        return found

    def choose(self, role: Role, name: str) -> None:
        self.sees(role, name).click()

    def open_run(self, function: str, status: str, says: str = "") -> None:
        """Opens the newest of a function that ended so; its page has to say that."""
        self.press("3", "Runs")
        self.main.get_by_role("link", name=function, exact=True).first.click()
        row = self.main.get_by_role("row").filter(has_text=status).first
        row.get_by_text("Open", exact=True).click()
        self.met.add("Open")
        expect(self.page.get_by_role("heading", level=1)).to_contain_text(function)
        expect(self.main).to_contain_text(says)


def words_below(page: Page, url: str) -> str:
    """All words of a page, of the first thing in its list, and of all their tabs."""
    main, words = page.get_by_role("main"), ""
    one = (
        main.get_by_role("row")
        .filter(has_text="complete")
        .get_by_role("link")
        .and_(
            main.get_by_text("hello-world-python", exact=True).or_(
                main.get_by_text("Open", exact=True)
            )
        )
    )
    tabs = main.get_by_role("navigation", name=NOT_PAGES_OF_A_LIST).get_by_role("link")
    page.goto(url)
    if not (ways := hrefs(tabs)):
        ways = [url]
        if url.endswith(("/functions", "/runs")):
            expect(one.last).to_be_visible()
        if found := hrefs(one.last):
            page.goto(found[0])
            ways += found + hrefs(tabs)
    for way in ways:
        page.goto(way, wait_until="domcontentloaded")
        words += " ".join((main.text_content() or "").split())
    return words


def hrefs(links: Locator) -> list[str]:
    """The whole addresses of links."""
    found: list[str] = links.evaluate_all("links => links.map(link => link.href)")
    return found


def small_text(page: Page, least: int) -> list[str]:
    """The elements whose text has fewer pixels than that."""
    found: list[str] = page.evaluate(
        """(least) => [...document.body.querySelectorAll("*")].filter((element) =>
          [...element.childNodes].some((each) => each.nodeType === 3 && each.data.trim())
          && !element.matches(".skip, option") && element.checkVisibility()
          && !element.closest("[aria-hidden=true]")
          && parseFloat(getComputedStyle(element).fontSize) < least
        ).map((element) => getComputedStyle(element).fontSize + ": "
          + element.outerHTML.slice(0, 160))""",
        least,
    )
    return found


def told(service: TaskService) -> bool:
    """Whether each part of the story has come to the end that it is there to show."""
    ends = (
        ("recurring-chain", "complete", ""),
        ("fails-then-succeeds", "retried", "NotReadyYet"),
        ("fails-then-succeeds", "complete", ""),
        ("too-slow", "failed", "Sandbox.Timedout"),
        ("too-hungry", "failed", "Runtime.OutOfMemory"),
        ("hello-world-docker", "complete", ""),
        ("takes-its-time", "complete", ""),
        ("hello-world-python", "new", ""),
    )
    return bool(service.get("/apiRequests")["data"]) and all(
        service.get(f"/?{ended(*end)}&limit(1)")["data"] for end in ends
    )


def ended(function: str, status: str, error: str) -> str:
    """RQL for the tasks of a function that came to this."""
    of_error = f"&eq(error.name,{error})" if error else ""
    return f"eq(functionName,{function})&eq(status,{status}){of_error}"
