"""JSON that is JSON."""

import json

import pytest

from taskdock.base import strict_json


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
        (b"\xef\xbb\xbf[1]", [1]),
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
        b"\xef\xbb\xbf",
        b" \xef\xbb\xbf{}",
        b"\xef\xbb\xbf\xef\xbb\xbf{}",
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


@pytest.mark.parametrize(
    ("opening", "closing", "times"),
    [("[", "]", 1000), ('{"a":', "}", 1000), ('[{"b":"]","a":', "}]", 500)],
)
def test_json_may_be_1000_deep_in_every_version_of_python(opening, closing, times):
    text = opening * times + "1" + closing * times

    strict_json.check(text.encode())
    value = strict_json.loads(text)
    assert json.dumps(value, separators=(",", ":")) == text

    deeper = f"[{text}]"
    with pytest.raises(strict_json.TooDeep, match="more than 1000 deep"):
        strict_json.check(deeper.encode())
    with pytest.raises(strict_json.TooDeep):
        strict_json.loads(deeper)


@pytest.mark.parametrize("text", ["[" + "[]," * 5000 + "0]", json.dumps("[" * 5000)])
def test_many_brackets_are_no_depth(text):
    strict_json.check(text.encode())
    strict_json.loads(text)


def test_a_byte_order_mark_is_no_part_of_the_text():
    assert strict_json.without_mark(b"\xef\xbb\xbf{}") == b"{}"
    assert strict_json.without_mark(b"{}\xef\xbb\xbf") == b"{}\xef\xbb\xbf"


def test_a_number_of_too_many_digits_is_told_in_words_of_json():
    with pytest.raises(ValueError, match=r"^it has a whole number of too many digits$"):
        strict_json.loads("1" * 5000)
