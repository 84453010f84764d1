"""The difference between two JSON values, in lines for people."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskdock.base.strict_json.difference import MOST, difference

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner),
    max_leaves=6,
)


@pytest.mark.parametrize(
    ("before", "after", "lines"),
    [
        (1, 1, []),
        (1, 1.0, []),
        ({"a": 1, "b": [2]}, {"b": [2], "a": 1}, []),
        (1, True, ["/: 1 -> true"]),
        (False, 0, ["/: false -> 0"]),
        ([True], [1], ["/0: true -> 1"]),
        (None, 0, ["/: null -> 0"]),
        ("1", 1, ['/: "1" -> 1']),
        ({"legs": 4}, {"legs": 5}, ["/legs: 4 -> 5"]),
        ({"a": {"b": [1, 2]}}, {"a": {"b": [1, 3]}}, ["/a/b/1: 2 -> 3"]),
        ({"a": None}, {}, ["/a: null -> (nothing)"]),
        ([1], [1, 2], ["/1: (nothing) -> 2"]),
        ({"a/b": 1, "c~d": 1}, {"a/b": 2, "c~d": 2}, ["/a~1b: 1 -> 2", "/c~0d: 1 -> 2"]),
        ({"a": 1}, [1], ['/: {"a": 1} -> [1]']),
        ("Nußbaum", "Eiche", ['/: "Nußbaum" -> "Eiche"']),
    ],
)
def test_each_place_that_differs_has_a_line(before: Any, after: Any, lines: list[str]) -> None:
    assert difference(before, after) == lines


def test_a_long_value_is_cut_and_there_are_not_too_many_lines() -> None:
    (line,) = difference("a" * 1000, 1)
    many = difference(list(range(1000)), [])

    assert len(line) < 200
    assert (len(many), many[-1]) == (MOST + 1, "... and more")


def test_places_can_be_below_another() -> None:
    assert difference({"name": "A"}, {"name": "B"}, "/error") == ['/error/name: "A" -> "B"']


@given(JSON)
def test_a_value_does_not_differ_from_itself(value: Any) -> None:
    assert difference(value, value) == []


@given(JSON, JSON)
def test_values_differ_in_one_direction_as_in_the_other(one: Any, other: Any) -> None:
    assert len(difference(one, other)) == len(difference(other, one))
