"""Things that hold of every page of the dashboard."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from taskdock.testing.dock import ServerHere
from taskdock.web.ui.page import PAGES
from tests.ui.conftest import serious_faults

pytestmark = pytest.mark.docker


@pytest.mark.parametrize("link", PAGES, ids=lambda link: link.title)
def test_a_page_is_reached_by_its_key_and_axe_finds_no_serious_fault(
    dock: ServerHere, page: Page, link: object
) -> None:
    page.goto(f"{dock.url}/ui/")

    page.keyboard.press(str(link.key))  # type: ignore[attr-defined]

    expect(page.get_by_role("heading", level=1)).to_have_text(link.title)  # type: ignore[attr-defined]
    expect(page.locator("#connection")).to_have_text("live")
    assert serious_faults(page) == []
