"""Hostile text in every place that takes text is shown as text by every page and every part."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, urlencode

import pytest
from playwright.sync_api import Dialog, Page, expect

from tests.support.builders import Dock
from tests.support.hostile import MARK, PRODUCT, TEXT, HostileServer
from tests.ui.conftest import OpenPage
from tests.ui.everything import VARIABLE, paths, shown, variants

QUERIES = ("q", "rql", "filter", "where", "status", "function", "functionName", "tab", "next", "id")

# What an attribute says counts and not what is in it: a query may carry a whole text, escaped.
_INJECTED = """() => {
  const places = ['href', 'src', 'action', 'formaction', 'data', 'poster', 'xlink:href',
                  'hx-get', 'hx-post', 'hx-put', 'hx-patch', 'hx-delete'];
  const leadsAway = ({name, value}) =>
    places.includes(name) && new URL(value, location.href).origin !== location.origin;
  const isWrong = each =>
    each.matches('script:not([src^="/ui/static/"]), iframe, object, embed, base, b,'
      + 'meta[http-equiv], link:not([href^="/ui/static/"]), img[src="x"], [srcdoc],'
      + '[autofocus]:not(#email)')
    || [...each.attributes].some(one => one.name.startsWith('on') || leadsAway(one));
  return [...document.querySelectorAll('*')].filter(isWrong).map(
    found => found.outerHTML.slice(0, 200));
}"""


OF_A_KIND = 2  # pages that a browser opens, of those that only their id tells apart


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HostileServer]:
    dock = Dock(tmp_path_factory.mktemp("hostile") / "data")
    yield HostileServer(dock)
    dock.stop()


def judge(page: Page, path: str) -> None:
    assert page.evaluate(_INJECTED) == [], path
    assert PRODUCT not in page.content(), path


def test_it_is_text_on_every_page_and_part(
    hostile: HostileServer, new_page: OpenPage, tmp_path: Path
) -> None:
    page = new_page()
    dialogs: list[str] = []

    def dismiss(dialog: Dialog) -> None:
        dialogs.append(dialog.message)
        dialog.dismiss()

    page.on("dialog", dismiss)
    seen = False
    for variant in itertools.chain.from_iterable(map(variants, shown())):
        answered = 0
        for path in paths(variant, hostile):
            url = f"{hostile.dock.url}{path}"
            if VARIABLE.search(variant):
                found = page.request.get(url)
                assert found.status < 500, path
                if found.status != 200 or answered == OF_A_KIND:
                    continue
                if "content-disposition" in found.headers:  # it is no page
                    answered += 1
                    continue
            answer = page.goto(url, wait_until="load")
            assert answer is not None
            assert answer.status == 200, path
            answered += 1
            judge(page, path)
            seen |= MARK in page.locator("body").inner_text()
        assert answered, f"nothing that there is, is shown by {variant}"

    assert dialogs == []
    # As soon as one page shows a task, an event or a function's description, it is seen there.
    if len(shown()) > 12:
        assert seen


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
