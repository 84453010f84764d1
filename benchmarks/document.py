"""The place in a document that a benchmark fills: between two marker comments."""

from __future__ import annotations

import re

BEGIN, END = "<!-- results -->", "<!-- /results -->"


def replaced(document: str, results: str) -> str:
    """The document with what stands between its two markers replaced; ValueError without them."""
    between = re.compile(f"{re.escape(BEGIN)}\n.*?{re.escape(END)}", re.DOTALL)
    text, found = between.subn(lambda _: f"{BEGIN}\n{results}\n{END}", document)
    if found != 1:
        raise ValueError(f"the document needs one place between {BEGIN} and {END}")
    return text
