"""Syntax of Python by its age: what a parser of one Python can say about code for another."""

from __future__ import annotations

import io
import re
import tokenize


def is_of_any_age(error: SyntaxError, source: bytes) -> bool:
    """Whether a syntax error of an older parser is one of every Python: blocks and brackets have
    not changed, but where strings end has, for those with a prefix."""
    words = error.msg or ""
    if re.search(rb"[fFtT][rR]?[\"']", source):
        return False
    return isinstance(error, IndentationError) or words.endswith("was never closed")


def newer_f_string(source: bytes) -> int | None:
    """The line of an f-string that Pythons before 3.12 cannot read: with its own quotes within an
    expression, a backslash there, or a comment. None: there is none, or this Python is that old
    itself (https://docs.python.org/3/whatsnew/3.12.html#pep-701-syntactic-formalization-of-f-strings).
    """
    start = getattr(tokenize, "FSTRING_START", None)
    if start is None:
        return None
    quotes: list[str] = []
    try:
        for token in tokenize.tokenize(io.BytesIO(source).readline):
            if token.type == start:
                quote = token.string.lstrip("fFrRbBuU")
                if quote in quotes:
                    return token.start[0]
                quotes.append(quote)
            elif token.type == tokenize.FSTRING_END:  # type: ignore[attr-defined]
                quotes.pop()
            elif quotes and token.type == tokenize.STRING:
                text = token.string.lstrip("fFrRbBuU")
                if "\\" in text or any(text.startswith(quote) for quote in quotes):
                    return token.start[0]
            elif quotes and token.type == tokenize.COMMENT:
                return token.start[0]
    except (tokenize.TokenError, SyntaxError, IndexError):
        return None
    return None
