"""Every page and every part of the dashboard, for tests that open them all."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from urllib.parse import quote

from playwright.sync_api import Page

from taskdock.web.common.endpoint import Endpoint
from tests.support.endpoints import DASHBOARD
from tests.support.hostile import PRODUCT, HostileServer

VARIABLE = re.compile("<[^>]*>")
CHOICE = re.compile(r"<any\(([^)]*)\):[^>]*>")
STREAM, STATIC = "/ui/stream", "/ui/static/<asked>/<file>"

# What an attribute says counts and not what is in it: a query may carry a whole text, escaped.
_INJECTED = """(product) => {
  const places = ['href', 'src', 'action', 'formaction', 'data', 'poster', 'xlink:href',
                  'hx-get', 'hx-post', 'hx-put', 'hx-patch', 'hx-delete'];
  const leadsAway = ({name, value}) =>
    places.includes(name) && new URL(value, location.href).origin !== location.origin;
  const isWrong = each =>
    each.matches('script:not([src^="/ui/static/"]), iframe, object, embed, base, b,'
      + 'meta[http-equiv], link:not([href^="/ui/static/"]), img[src="x"], [srcdoc],'
      + '[autofocus]:not(#email)')
    || [...each.attributes].some(one => one.name.startsWith('on') || leadsAway(one));
  const wrong = [...document.querySelectorAll('*')].filter(isWrong).map(
    found => found.outerHTML.slice(0, 200));
  return document.documentElement.outerHTML.includes(product) ? [...wrong, product] : wrong;
}"""


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
    """Fails where hostile text has become anything but text."""
    assert page.evaluate(_INJECTED, PRODUCT) == [], path
