"""The contrast of text on a page: https://www.w3.org/TR/WCAG22/#contrast-enhanced."""

from __future__ import annotations

from playwright.sync_api import Page

_MEASURE = """
(least) => {
  const parse = (text) => {
    const [red, green, blue, alpha = 1] = text.match(/[\\d.]+/g).map(Number);
    return { rgb: [red, green, blue], alpha };
  };
  const over = ({ rgb, alpha }, back) =>
    rgb.map((each, at) => each * alpha + back[at] * (1 - alpha));
  const ground = (element) => {
    if (!element) return [255, 255, 255];
    const color = parse(getComputedStyle(element).backgroundColor);
    return color.alpha === 1 ? color.rgb : over(color, ground(element.parentElement));
  };
  const light = (rgb) => {
    const [red, green, blue] = rgb.map((each) => {
      const part = each / 255;
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const found = new Set();
  for (const element of document.body.querySelectorAll("*")) {
    const said = [...element.childNodes].some((each) => each.nodeType === 3 && each.data.trim());
    const style = getComputedStyle(element);
    if (!said || !element.checkVisibility() || parseFloat(style.fontSize) === 0) continue;
    if (element.matches(":disabled, .skip, option") || element.closest("[aria-hidden=true]"))
      continue;
    const back = ground(element);
    const both = [light(over(parse(style.color), back)), light(back)];
    const ratio = (Math.max(...both) + 0.05) / (Math.min(...both) + 0.05);
    if (ratio < least)
      found.add(`${ratio.toFixed(2)}: ${element.outerHTML.slice(0, 160)}`);
  }
  return [...found];
}
"""


def weak_text(page: Page, least: float) -> list[str]:
    """The elements whose text has less contrast than that with what is behind it."""
    found: list[str] = page.evaluate(_MEASURE, least)
    return found
