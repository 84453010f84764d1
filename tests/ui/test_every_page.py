"""Things that hold of every page of the dashboard."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

import pytest
from playwright.sync_api import Page, expect

from taskdock.testing.dock import ServerHere
from taskdock.web.common.endpoint import Endpoint
from taskdock.web.ui.page import PAGES
from tests.support.builders import Dock
from tests.support.dashboard_paths import paths, shown, variants
from tests.support.hostile import HostileServer
from tests.ui.conftest import OpenPage, serious_faults

pytestmark = pytest.mark.docker
LONG = "an-oak-table-whose-name-is-as-long-as-names-of-functions-can-be-"[:63]
TOO_WIDE = """() => {
  const width = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth <= width) return [];
  const scrolls = (element) => element !== document.documentElement && element !== document.body
    && (getComputedStyle(element).overflowX !== "visible" || scrolls(element.parentElement));
  const wide = [...document.body.querySelectorAll("*")].filter((each) =>
    each.getBoundingClientRect().right > width + 1 && !scrolls(each.parentElement));
  return ["it is " + document.documentElement.scrollWidth + " pixels wide",
    ...wide.map((each) => each.outerHTML.slice(0, 120)).slice(0, 6)];
}"""


@pytest.mark.parametrize("link", PAGES, ids=lambda link: link.title)
def test_a_page_is_reached_by_its_key_and_axe_finds_no_serious_fault(
    dock: ServerHere, page: Page, link: object
) -> None:
    page.goto(f"{dock.url}/ui/")

    page.keyboard.press(str(link.key))  # type: ignore[attr-defined]

    expect(page.get_by_role("heading", level=1)).to_have_text(link.title)  # type: ignore[attr-defined]
    expect(page.locator("#connection")).to_have_text("live")
    assert serious_faults(page) == []


@pytest.fixture(scope="module")
def crowded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HostileServer]:
    """Much of everything, with long words, without containers."""
    dock = Dock(tmp_path_factory.mktemp("crowded") / "data")
    server = HostileServer(dock)
    dock.deploy(lambda event, runtime: runtime.print("oak" * 500), LONG)
    dock.post("/", {"functionName": LONG, "data": {"wood": "oak" * 500}})
    yield server
    dock.stop()


def test_no_page_is_wider_than_a_phone(crowded: HostileServer, new_page: OpenPage) -> None:
    page = new_page(width=390, height=844)
    wide: dict[str, list[str]] = {}
    seen = 0
    for endpoint in shown():
        if path := whole_page(page, crowded, endpoint):
            page.goto(f"{crowded.dock.url}{path}", wait_until="load")
            seen += 1
            if found := page.evaluate(TOO_WIDE):
                wide[path] = found

    assert seen > 20
    assert wide == {}


def whole_page(page: Page, server: HostileServer, endpoint: Endpoint) -> str | None:
    """The path of the first page of an endpoint; None where it shows parts of pages."""
    for path in chain.from_iterable(paths(each, server) for each in variants(endpoint)):
        answer = page.request.get(f"{server.dock.url}{path}", max_redirects=0)
        if answer.status == 200:
            return path if "<html" in answer.text()[:500] else None
    return None
