"""Hostile text in every place that takes text is shown as text by every page and every part."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, urlencode

import pytest
from playwright.sync_api import Dialog, Page, expect

from taskdock.web.common.endpoint import Endpoint
from tests.support.builders import Dock
from tests.support.endpoints import DASHBOARD
from tests.support.hostile import MARK, PRODUCT, TEXT, HostileServer
from tests.ui.conftest import OpenPage

VARIABLE = re.compile("<[^>]*>")
CHOICE = re.compile(r"<any\(([^)]*)\):[^>]*>")
STREAM, STATIC = "/ui/stream", "/ui/static/<file>"
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


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HostileServer]:
    dock = Dock(tmp_path_factory.mktemp("hostile") / "data")
    yield HostileServer(dock)
    dock.stop()


def shown() -> list[Endpoint]:
    """Every page and part."""
    found = [each for each in DASHBOARD.values() if each.method == "GET"]
    assert len(found) > 8
    return [each for each in found if each.path not in (STREAM, STATIC)]


def variants(endpoint: Endpoint) -> Iterator[str]:
    """The path with each word in a variable that takes some words alone."""
    first, *others = CHOICE.split(endpoint.path)
    choices = [re.split(r",\s*", words) for words in others[::2]]
    for chosen in itertools.product(*choices):
        yield first + "".join(map("".join, zip(chosen, others[1::2], strict=True)))


def paths(path: str, server: HostileServer) -> Iterator[str]:
    """The path with each value in its variables, one of which is of the right kind."""
    first, *others = VARIABLE.split(path)
    for values in itertools.product(dict.fromkeys(server.values()), repeat=len(others)):
        filled = [quote(value, safe="") + rest for value, rest in zip(values, others, strict=True)]
        yield first + "".join(filled)


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
                status = page.request.get(url).status
                assert status < 500, path
                if status != 200:
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
