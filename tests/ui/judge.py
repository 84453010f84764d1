"""Whether hostile text on a page of the dashboard is text."""

from __future__ import annotations

from playwright.sync_api import Page

from tests.support.hostile import PRODUCT

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


def judge(page: Page, path: str) -> None:
    """Fails where hostile text has become anything but text."""
    assert page.evaluate(_INJECTED, PRODUCT) == [], path
