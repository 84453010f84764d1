"""The place in a document that a benchmark fills: between two marker comments."""

from __future__ import annotations

import re


def replaced(document: str, results: str, place: str = "results") -> str:
    """The document with what stands between the two markers of a place replaced; ValueError
    without them."""
    begin, end = f"<!-- {place} -->", f"<!-- /{place} -->"
    between = re.compile(f"{re.escape(begin)}\n.*?{re.escape(end)}", re.DOTALL)
    text, found = between.subn(lambda _: f"{begin}\n{results}\n{end}", document)
    if found != 1:
        raise ValueError(f"the document needs one place between {begin} and {end}")
    return text
