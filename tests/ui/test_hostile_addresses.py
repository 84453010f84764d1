"""Hostile text in addresses of the dashboard is shown as text."""

from __future__ import annotations

from urllib.parse import quote, urlencode

from playwright.sync_api import expect

from tests.support.dashboard_paths import VARIABLE, shown
from tests.support.hostile import MARK, TEXT, HostileServer
from tests.ui.conftest import OpenPage
from tests.ui.judge import judge

QUERIES = ("q", "rql", "filter", "where", "status", "function", "functionName", "tab", "next", "id")


def test_what_an_address_says_is_text_too(hostile: HostileServer, new_page: OpenPage) -> None:
    page = new_page()
    dialogs: list[str] = []
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    said = urlencode(dict.fromkeys(QUERIES, TEXT))

    for endpoint in shown():
        path = VARIABLE.sub(lambda _: quote(TEXT, safe=""), endpoint.path)
        answer = page.goto(f"{hostile.dock.url}{path}?{said}&present=1", wait_until="load")
        assert answer is not None
        assert answer.status in (200, 400, 401, 404), path
        judge(page, path)

    page.goto(f"{hostile.dock.url}/ui/{quote(MARK)}")
    expect(page.get_by_text(MARK)).to_be_visible()
    assert dialogs == []
