"""A function's log without what the platform and the runtime write into it."""

from __future__ import annotations

import pytest

from taskdock.client.failures.log_lines import short
from tests.support.failures import RECORDED

ID = "2263e65f-be4a-4afb-98e4-58757402962f"
TIME = "2026-11-29T03:46:17.409Z"
PLATFORM = ("INIT_START", "START RequestId", "END RequestId", "REPORT RequestId", "INIT_REPORT")


@pytest.mark.parametrize("name", RECORDED)
def test_a_short_log_has_no_line_of_the_platform_and_no_report_of_the_error(name: str) -> None:
    case = RECORDED[name]

    lines = short(case["log"], error=case["error"])

    assert not [line for line in lines if line.startswith(PLATFORM)]
    assert not [line for line in lines if '"platform.' in line]
    assert not [line for line in lines if line.startswith("[ERROR]") or "Invoke Error" in line]
    assert not [line for line in lines if "Runtime exited with" in line or "timed out" in line]
    assert not [line for line in lines if "LAMBDA_WARNING" in line]


@pytest.mark.parametrize("name", RECORDED)
def test_a_short_log_has_each_line_that_the_function_printed(name: str) -> None:
    case = RECORDED[name]
    printed = [
        word
        for word in ("loading the order", "asking the warehouse", "reading all", "bye")
        if any(word in line for line in case["log"])
    ]

    lines = short(case["log"], error=case["error"])

    assert [word for word in printed if not any(word in line for line in lines)] == []


def test_what_the_runtime_says_before_an_error_is_left_out() -> None:
    case = RECORDED["python-missing-module"]

    assert sum("LAMBDA_WARNING" in line for line in case["log"]) == 2
    assert not [line for line in short(case["log"]) if "LAMBDA_WARNING" in line]


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        (f"{TIME}\t{ID}\tINFO\tloading", "loading"),
        (f"{TIME}\t{ID}\tERROR\tno stock", "ERROR  no stock"),
        (f"{TIME}\tundefined\tWARN\tat the start", "WARN  at the start"),
        (f"[INFO]\t{TIME}\t{ID}\tloading", "loading"),
        (f"[WARNING]\t{TIME}\t{ID}\tno stock", "WARNING  no stock"),
        ("START the engine", "START the engine"),
        ("REPORT RequestId: none", "REPORT RequestId: none"),
        ("[ERROR] of my own", "[ERROR] of my own"),
        ("[ERROR] Payment: declined", "[ERROR] Payment: declined"),
        ("Runtime.Error", "Runtime.Error"),
        ("Traceback (most recent call last):", "Traceback (most recent call last):"),
        ("", ""),
    ],
)
def test_a_line_loses_its_stamp_and_nothing_else(line: str, shown: str) -> None:
    assert short([line]) == [shown]


def test_a_report_stays_where_no_block_shows_its_error() -> None:
    log = RECORDED["node-error-in-imported-file"]["log"]
    other = {"name": "RangeError", "message": "another"}

    assert any("toFixed" in line for line in short(log))
    assert any("toFixed" in line for line in short(log, error=other))


def test_an_error_of_several_lines_is_left_out_whole() -> None:
    case = RECORDED["python-custom-error"]

    assert short(case["log"], error=case["error"]) == []


def test_a_line_that_looks_like_a_report_takes_nothing_with_it() -> None:
    log = RECORDED["python-error-in-imported-file"]["log"]
    error = RECORDED["python-error-in-imported-file"]["error"]
    mine = ["[ERROR] Payment: declined", "trying again"]

    lines = short([*log[:2], *mine, *log[2:]], error=error)

    assert "\n".join(lines) == "loading the order\n[ERROR] Payment: declined\ntrying again"
    assert not any("ZeroDivisionError" in line for line in lines)
