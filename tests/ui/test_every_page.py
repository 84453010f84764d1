"""Things that hold of every page of the dashboard."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from taskdock.testing.dock import ServerHere
from taskdock.web.ui.page import PAGES
from tests.support.builders import Dock
from tests.support.hostile import HostileServer
from tests.ui.conftest import OpenPage, serious_faults
from tests.ui.everything import VARIABLE, paths, shown

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


@pytest.mark.parametrize("query", ["", "?present=1"])
def test_no_page_is_wider_than_a_phone(
    crowded: HostileServer, new_page: OpenPage, query: str
) -> None:
    page = new_page(width=390, height=844)
    wide: dict[str, list[str]] = {}
    seen = set()
    for endpoint in shown():
        for path in paths(endpoint, crowded):
            url = f"{crowded.dock.url}{path}{query}"
            answer = page.request.get(url)
            assert answer.status < 500, path
            if answer.status != 200 or "<html" not in answer.text():
                continue
            page.goto(url, wait_until="load")
            seen.add(endpoint.path)
            if found := page.evaluate(TOO_WIDE):
                wide[path] = found

    assert {link.path for link in PAGES} <= seen
    assert any(VARIABLE.search(path) for path in seen)
    assert wide == {}
