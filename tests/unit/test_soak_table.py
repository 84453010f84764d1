"""The soak's verdict: what counts as flat, and what is said of it."""

import dataclasses

import pytest

from benchmarks.soak import table
from benchmarks.soak.watch import Sample

AT_REST = Sample(
    second=0.0,
    rss=70.0,
    pss=50.0,
    descriptors=100,
    threads=17,
    used=15.0,
    file=16.0,
    log=15.7,
    folder=1.0,
    containers=9,
    removed=0,
    median=3.0,
    p99=20.0,
    calls=1500,
    failed=0,
    busy=0.1,
)


def samples(**values):
    """An hour's; a function gives a field's value of the minute."""
    return [
        dataclasses.replace(
            AT_REST, second=60.0 * minute, **{name: of(minute) for name, of in values.items()}
        )
        for minute in range(1, 61)
    ]


def test_an_hour_without_growth_is_flat():
    found = table.verdict(samples(rss=lambda minute: 70 + minute % 2), left=0)

    assert found == (
        "**All flat.** 0 of 90,000 calls were not answered as they should be; no task was left."
    )


def test_growth_in_the_first_quarter_alone_is_flat():
    assert "All flat" in table.verdict(samples(used=lambda minute: min(minute, 15.0)), left=0)


@pytest.mark.parametrize(
    ("field", "per_minute", "title"),
    [
        ("rss", 0.3, "memory of the server, RSS, MiB"),
        ("descriptors", 0.5, "open descriptors"),
        ("file", 0.1, "database, its file, MiB"),
        ("containers", 0.2, "containers"),
    ],
)
def test_what_grows_all_the_time_is_named(field, per_minute, title):
    first = getattr(AT_REST, field)

    found = table.verdict(samples(**{field: lambda minute: first + per_minute * minute}), left=0)

    assert f"**Not flat: {title}.**" in found


def test_failures_and_what_was_left_are_told():
    found = table.verdict(samples(failed=lambda minute: int(minute == 7)), left=3)

    assert "1 of 90,000 calls" in found
    assert "3 tasks were left" in found


def test_the_table_has_each_quarter_and_the_most():
    found = table.markdown(samples(threads=lambda minute: minute))

    assert "| threads | 8 | 23 | 38 | 53 | 60 | **no** | 5% + 2 |" in found
