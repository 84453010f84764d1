"""What a neighbour's calls take beside a hostile function, as a table."""

from __future__ import annotations

import ast
from pathlib import Path

from benchmarks.neighbour import hostile, table
from benchmarks.neighbour.table import Row

IDLE = [1.0] * 95 + [2.0] * 5


def test_a_median_of_three_times_idle_is_within_the_limit_and_more_is_not() -> None:
    assert not Row("spins", IDLE, [3.0] * 10).is_over
    assert Row("spins", IDLE, [3.1] * 10).is_over


def test_calls_that_fail_or_are_never_answered_are_over_the_limit() -> None:
    assert Row("floods", IDLE, [1.0], failed=1).is_over
    assert Row("floods", IDLE, []).is_over


def test_the_verdict_names_what_is_over() -> None:
    rows = [Row("spins", IDLE, [1.0]), Row("floods", IDLE, [9.0])]

    assert table.verdict(rows[:1]) == "**All within 3 x of idle.**"
    assert "floods" in table.verdict(rows)
    assert "spins" not in table.verdict(rows)


def test_the_table_has_a_line_for_each_with_ratios_to_idle() -> None:
    lines = table.markdown(
        [Row("spins", IDLE, [2.0] * 9, memory=70.4), Row("dies", IDLE, [])]
    ).splitlines()

    assert len(lines) == 4
    assert "| spins | 1.00 ms | **2 x** 2.00 ms |" in lines[2]
    assert "| 9 | 0 | 70 MiB | yes |" in lines[2]
    assert "**no**" in lines[3]


def test_the_hostile_function_needs_nothing_but_the_standard_library_of_its_container() -> None:
    tree = ast.parse(Path(hostile.__file__).read_text())

    imported = {
        name.split(".")[0]
        for node in ast.walk(tree)
        for name in (
            [each.name for each in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert imported <= {
        *("__future__", "collections", "contextlib", "os", "socket", "sys", "threading"),
        *("time", "typing"),
    }
