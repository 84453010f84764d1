"""JSON that is JSON."""

import pytest

from emulator import strict_json


@pytest.mark.parametrize("text", [r'{"a": [1, 2.5, null, "\u0000"]}', '"é"'.encode(), "12"])
def test_json_is_read(text):
    strict_json.loads(text)


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
