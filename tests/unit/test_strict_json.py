"""JSON that is JSON."""

import json

import pytest

from emulator import strict_json


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (r'{"a": [1, 2.5, null, "\u0000"]}', {"a": [1, 2.5, None, "\0"]}),
        ('"é"'.encode(), "é"),
        (r'"\ud83d\ude00"', "😀"),
        ("12", 12),
        ("1e308", 1e308),
        ("1" * 400, int("1" * 400)),
        (b" true\n", True),
        ("null", None),
    ],
)
def test_json_is_read(text, value):
    read = strict_json.loads(text)

    assert (read, type(read)) == (value, type(value))


@pytest.mark.parametrize(
    "text",
    [
        "NaN",
        "-Infinity",
        "1e400",
        r'"\ud800"',
        b'"\xed\xa0\x80"',
        b'"\xff"',
        "[" * 100_000,
        "",
        "{",
        '{"a": 1}'.encode("utf-16"),
    ],
)
def test_what_only_looks_like_json_is_refused(text):
    with pytest.raises(ValueError):  # noqa: PT011 - the words differ
        strict_json.loads(text)


@pytest.mark.parametrize("text", [b'{"a": [1, 2.5, null]}', b"1e400", rb'"\ud800"', b"1" * 5000])
def test_whatever_is_json_passes_the_check(text):
    strict_json.check(text)


@pytest.mark.parametrize("text", [b"NaN", b"-Infinity", b"[" * 100_000])
def test_what_only_looks_like_json_does_not_pass_the_check(text):
    with pytest.raises(ValueError):  # noqa: PT011 - the words differ
        strict_json.check(text)


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        (b"", 1, 1),
        (b"oak", 1, 1),
        (b'{"a":\n ]', 2, 2),
        (b'"ab\xff"', 1, 4),
        (b"\xef\xbb\xbf1", 1, 1),
    ],
)
def test_the_check_says_where_it_is_not_json(text, line, column):
    with pytest.raises(json.JSONDecodeError) as caught:
        strict_json.check(text)

    assert (caught.value.lineno, caught.value.colno) == (line, column)
