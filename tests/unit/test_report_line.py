"""How long an init took is read in the log of its run."""

from __future__ import annotations

import json

import pytest

from taskdock.web.ui.shown.report_line import init_duration

REPORT = "REPORT RequestId: 1\tDuration: 3.20 ms\tBilled Duration: 4 ms"


@pytest.mark.parametrize(
    ("log", "expected"),
    [
        ([], None),
        (["START RequestId: 1", REPORT], None),
        (["hello", f"{REPORT}\tInit Duration: 120.50 ms\t"], 120.5),
        ([f"{REPORT}\tInit Duration: 9.00 ms\t", REPORT], None),
        (["REPORT of mine", f"{REPORT}\tInit Duration: 1.00 ms\t"], 1.0),
        (
            [
                json.dumps(
                    {
                        "type": "platform.report",
                        "record": {"metrics": {"initDurationMs": 7.5}},
                    }
                ).replace('"type": ', '"type":')
            ],
            7.5,
        ),
        (['{"type":"platform.report","record":[]}'], None),
        (['it says "platform.report"'], None),
    ],
)
def test_the_last_report_says_how_long_the_init_took(
    log: list[str], expected: float | None
) -> None:
    assert init_duration(log) == expected
