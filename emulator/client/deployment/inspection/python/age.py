"""Syntax of Python by its age: what a parser of one Python can say about code for another."""

from __future__ import annotations

import ast
import io
import re
import tokenize
import unicodedata
import warnings

_NEWEST = (3, 14)
"""The newest Python whose additions are known here."""
_ADDED = {
    # https://docs.python.org/3/whatsnew: `except*`, `a[*b]` and `*args: *Ts`
    (3, 11): re.compile(r"\bexcept[\s\\]*\*|[\w)\]][\s\\]*\[[^\]]*\*|\*\w+[\s\\]*:[\s\\]*\*"),
    (3, 12): re.compile(r"\btype[\s\\]+[^\W\d]\w*[\s\\]*[\[=]"),
    # Parameters of types, which have defaults from 3.13 on.
    (3, 13): re.compile(r"\b(?:def|class|type)[\s\\]+[^\W\d]\w*[\s\\]*\["),
    # `except A, B:`; and t-strings.
    (3, 14): re.compile(
        r"^[ \t\f]*except\b(?![\s\\]*\*?[\s\\]*\([^()]*\)[\s\\]*(?:as\b|:))[^:]*,|(?<!\w)t\"",
        re.MULTILINE,
    ),
}
_OPENING = re.compile(r"#[^\n]*|(?P<prefix>(?<!\w)[a-zA-Z]{1,2})?(?P<quote>\"\"\"|'''|\"|')")
_REST = {
    quote: re.compile(rf"(?:\\.|(?!{quote}){inner})*{quote}", re.DOTALL)
    for quote, inner in (('"""', "."), ("'''", "."), ('"', r"[^\n\\]"), ("'", r"[^\n\\]"))
}
_OF_A_LATER_LINE = ("was never closed", "does not match", "forgot a comma")


def is_certain(
    error: SyntaxError, source: bytes, own: tuple[int, int], version: tuple[int, int]
) -> bool:
    """True: an error that the parser of `own`, an older Python, has found is one of `version` too.
    False where the file has what the grammar got in between, or an f-string that may be new."""
    words = error.msg or ""
    try:
        encoding = tokenize.detect_encoding(io.BytesIO(source).readline)[0]
        text = source.decode(encoding).replace("\r\n", "\n")
    except (SyntaxError, ValueError, LookupError):
        return False
    plain, odd = _without_strings(text)
    added = [pattern for since, pattern in _ADDED.items() if own < since <= version]
    if version > _NEWEST or "f-string" in words or any(one.search(plain) for one in added):
        return False
    if match := re.search(r"\(U\+([0-9A-F]+)\)", words):
        return unicodedata.category(chr(int(match[1], 16))) != "Cn"  # a newer Python may know it
    if odd is None:
        return True
    later = any(one in words for one in _OF_A_LATER_LINE)
    return error.lineno is not None and error.lineno < odd and not later


def _without_strings(text: str) -> tuple[str, int | None]:
    """The text without comments, each string as "" behind a t where it is a t-string; and the
    first line of an f-string that this Python cannot read by itself."""
    kept: list[str] = []
    odd, position = None, 0
    while match := _OPENING.search(text, position):
        kept.append(text[position : match.start()])
        position = match.end()
        if match["quote"] is None:
            continue
        whole = _REST[match["quote"]].match(text, position)
        prefix = (match["prefix"] or "").lower()
        if whole is None and len(match["quote"]) == 1:
            end = text.find("\n", position)
            position = len(text) if end < 0 else end
        else:
            position = len(text) if whole is None else whole.end()
        string = text[match.start() : position]
        if "f" in prefix and odd is None and not _is_readable(string):
            odd = text.count("\n", 0, match.start()) + 1
        kept.append(f'{"t" if "t" in prefix else ""}""' + "\n" * string.count("\n"))
    return "".join([*kept, text[position:]]), odd


def _is_readable(string: str) -> bool:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(string, mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


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
