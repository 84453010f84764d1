"""The plain values of the harness: times, patterns, the figures of a run, folders of functions."""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta, timezone
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from taskdock.client.errors import BadTaskConfig
from taskdock.testing.client.deploying import files_of
from taskdock.testing.client.executions import RunReport, report_of
from taskdock.testing.values.data import check_json
from taskdock.testing.values.errors import BadData
from taskdock.testing.values.matching import matching
from taskdock.testing.values.times import in_words, moment_of, seconds_of

HOLDS_ITSELF: list[Any] = []
HOLDS_ITSELF.append(HOLDS_ITSELF)
TIMES = "Duration: 6.88 ms\tBilled Duration: 144 ms\tMemory Size: 128 MB\tMax Memory Used: 7 MB\t"


@pytest.mark.parametrize(
    ("length", "seconds"),
    [
        (90, 90),
        (0.5, 0.5),
        ("10s", 10),
        ("1h30m", 5400),
        ("7d", 604_800),
        ("250ms", 0.25),
        (timedelta(hours=2), 7200),
    ],
)
def test_a_length_of_time_is_seconds(length: Any, seconds: float) -> None:
    assert seconds_of(length) == seconds


@pytest.mark.parametrize("length", ["", "7x", "h", "1h later", "-1h"])
def test_anything_else_is_no_length_of_time(length: str) -> None:
    with pytest.raises(ValueError, match="1h30m"):
        seconds_of(length)


def test_a_moment_is_in_utc() -> None:
    noon = datetime(2027, 1, 1, 12, tzinfo=timezone.utc)

    assert moment_of("2027-01-01T12:00:00Z") == noon
    assert moment_of("2027-01-01T13:00:00+01:00") == noon
    assert moment_of(datetime(2027, 1, 1, 14, tzinfo=timezone(timedelta(hours=2)))) == noon


@pytest.mark.parametrize(
    ("moment", "sentence"),
    [
        (7, "is no point of time"),
        ("tomorrow", "is no time in ISO 8601"),
        ("2027-01-01T12:00:00", "has no time zone"),
        (datetime(2027, 1, 1), "has no time zone"),
    ],
)
def test_what_is_no_moment_is_said_to_be_none(moment: Any, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        moment_of(moment)


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ({"data": {"a": float("nan")}}, "data/a: nan is no number of JSON"),
        ([0, {"b": float("-inf")}], "1/b: -inf is no number"),
        ({"a": [{1, 2}]}, "a/0: {1, 2} is no JSON, which has .*; write a list"),
        ({"a": object()}, "a: <object object at .*> is no JSON"),
        ({"a": b"x"}, "a: b'x' is no JSON, .*; write a text, such as base64"),
        ({"at": datetime(2027, 1, 1)}, r"at: datetime.* is no JSON, .*isoformat\(\)"),
        ({"a": matching(int)}, r"a: matching\(int\) is no JSON, .*; matching compares"),
        ({"a": MappingProxyType({})}, "a: mappingproxy.* is no JSON, .*; write a dict"),
        ({"a": {(1, 2): 3}}, r"a: \(1, 2\) is a key; the keys of JSON are texts"),
        ({float("nan"): 3}, "what is sent: nan is no number"),
        (HOLDS_ITSELF, "nested too deeply, or holds itself"),
        (float("nan"), "what is sent: nan"),
        ({"a": {"x" * 10_000}}, r"a: \{'x{75}\.\.\. is no JSON"),
    ],
)
def test_what_is_no_json_is_named_with_its_place(value: Any, sentence: str) -> None:
    with pytest.raises(BadData, match=sentence):
        check_json(value)
    with pytest.raises((TypeError, ValueError, RecursionError)):
        json.dumps(value, allow_nan=False)


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        "a",
        1,
        1.5,
        10**400,
        (1, [2]),
        {"a": {"b": None}, 1: 2, None: 3, 0.5: 5},
    ],
)
def test_what_json_has_passes(value: Any) -> None:
    check_json(value)

    assert json.dumps(value, allow_nan=False)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0s"), (3600, "1h"), (93.5, "1m33.5s"), (-86_460, "-1d1m"), (0.0004, "0s")],
)
def test_seconds_are_told_in_words(seconds: float, words: str) -> None:
    assert in_words(seconds) == words


@pytest.mark.parametrize(
    ("pattern", "value"),
    [
        ({"name": "Ada"}, {"name": "Ada", "age": 36}),
        ({"who": {"name": "Ada"}}, {"who": {"name": "Ada", "age": 36}}),
        ({"at": re.compile("^2027-")}, {"at": "2027-01-01"}),
        (int, 3),
        (lambda value: value > 2, 3),
        ({"items": matching(list)}, {"items": []}),
        ([1, 2], [1, 2]),
    ],
)
def test_a_pattern_equals_what_matches(pattern: Any, value: Any) -> None:
    assert value == matching(pattern)
    assert matching(pattern) == value
    assert {"inside": value} == {"inside": matching(pattern)}


@pytest.mark.parametrize(
    ("pattern", "value"),
    [
        ({"name": "Ada"}, {"age": 36}),
        ({"name": "Ada"}, {"name": "Bob"}),
        ({"name": "Ada"}, "Ada"),
        (re.compile("x"), 7),
        (int, True),
        (int, "3"),
        (lambda value: value > 2, 1),
        ([1, 2], [1, 2, 3]),
    ],
)
def test_a_pattern_equals_nothing_else(pattern: Any, value: Any) -> None:
    assert value != matching(pattern)


def test_a_pattern_shows_itself() -> None:
    assert repr(matching({"name": str})) == "matching({'name': <class 'str'>})"
    assert repr(matching(int)) == "matching(int)"


def test_the_figures_of_a_run_are_those_of_its_report() -> None:
    warm = f"START RequestId: 1\nDuration: 9 ms\nREPORT RequestId: 1\t{TIMES}"

    assert report_of(warm) == RunReport(duration=6.88, memory_used=7, cold=False)
    assert report_of(f"{warm}Init Duration: 136.16 ms\t").cold
    assert report_of(f"INIT_START Runtime Version: x\n{warm}").cold
    assert report_of("it printed this alone") == RunReport()


def test_the_figures_are_read_from_a_log_in_json_too() -> None:
    metrics = '{"durationMs": 6.88, "maxMemoryUsedMB": 7, "initDurationMs": 1.5}'
    line = f'{{"type": "platform.report", "record": {{"metrics": {metrics}}}}}'

    assert report_of(line) == RunReport(duration=6.88, memory_used=7, cold=True)


def test_a_pattern_of_folders_finds_those_with_a_function(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "task-config.json").write_text("{}")
    (tmp_path / "three").mkdir()

    found = files_of(tmp_path / "*")

    assert [file.parent.name for file in found] == ["one", "two"]


def test_a_folder_whose_name_is_a_pattern_is_taken_as_it_is(tmp_path: Path) -> None:
    folder = tmp_path / "a[1]"
    folder.mkdir()
    (folder / "task-config.json").write_text("{}")

    assert files_of(folder) == [folder / "task-config.json"]


def test_a_pattern_that_finds_no_function_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadTaskConfig, match=r"has a task-config\.json"):
        files_of(tmp_path / "*")
