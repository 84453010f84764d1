"""From samples to ratios, goals and a table."""

import pytest

from benchmarks.speed.plot import svg
from benchmarks.speed.table import Goal, Line, figure, markdown, met, ratio, text

TITLES = {"taskdock": "taskdock", "rie": "RIE", "moto": "moto"}


def samples(**figures):
    return {"warm": {name: [value] for name, value in figures.items()}}


def line(**settings):
    return Line("warm call", "ms", "warm", **settings)


@pytest.mark.parametrize(
    ("percentile", "expected"), [(50, 50.5), (95, 95), (99, 99), (100, 100), (1, 1)]
)
def test_a_percentile_is_the_smallest_sample_that_so_many_are_not_above(percentile, expected):
    hundred = {"warm": {"rie": list(range(100, 0, -1))}}

    assert figure(hundred, ("warm", "rie"), percentile) == expected


def test_a_percentile_of_few_samples_is_the_largest():
    assert figure({"warm": {"rie": [3.0, 1.0, 2.0]}}, ("warm", "rie"), 95) == 3.0


def test_what_was_not_measured_has_no_figure():
    assert figure({}, ("warm", "rie")) is None


def test_ratios_are_to_the_rie_where_it_was_measured():
    assert ratio(line(), samples(taskdock=1.0, rie=2.0, moto=0.5), "taskdock") == 0.5


@pytest.mark.parametrize(("more_is_better", "expected"), [(False, 3.0), (True, 0.75)])
def test_ratios_are_else_to_the_best_peer(more_is_better, expected):
    found = samples(taskdock=6.0, moto=2.0, sam=8.0)

    assert ratio(line(more_is_better=more_is_better), found, "taskdock") == expected


def test_our_own_figure_is_no_peer_of_itself():
    assert ratio(line(), samples(taskdock=6.0), "taskdock") is None


def test_ratios_can_be_to_another_series():
    found = {"full": {"taskdock": [90.0]}, "empty": {"taskdock": [100.0]}}
    full = Line("full", "/s", "full", base=("empty", "taskdock"))

    assert ratio(full, found, "taskdock") == 0.9


@pytest.mark.parametrize(
    ("goal", "expected"),
    [
        (Goal(10), True),
        (Goal(8), True),
        (Goal(7.9), False),
        (Goal(8, at_least=True), True),
        (Goal(9, at_least=True), False),
        (Goal(0.8, ("warm", "rie")), True),
        (Goal(0.7, ("warm", "rie")), False),
        (Goal(0.9, ("warm", "rie"), at_least=True), False),
        (Goal(1, ("warm", "moto")), None),
    ],
)
def test_a_goal_is_a_bound_that_may_be_reached(goal, expected):
    assert met(goal, line(), samples(taskdock=8.0, rie=10.0)) is expected


def test_a_goal_is_judged_by_the_statistic_of_its_line():
    found = {"warm": {"taskdock": [1.0, 1.0, 9.0], "rie": [2.0, 2.0, 2.0]}}
    goal = Goal(1, ("warm", "rie"))

    assert met(goal, line(), found) is True
    assert met(goal, line(percentile=95), found) is False


def test_a_table_has_ratio_figure_goal_and_verdict():
    goals = (Goal(1.0, ("warm", "rie")), Goal(1, ("warm", "moto")), Goal(10))
    lines = [line(goals=goals), Line("not measured", "s", "cold")]

    table = markdown(lines, samples(taskdock=3.0, rie=2.0), TITLES)

    assert table.splitlines() == [
        "|  | taskdock | RIE | Goal for taskdock | Met |",
        "| --- | --- | --- | --- | --- |",
        "| warm call | **1.50 x** 3.00 ms | **1.00 x** 2.00 ms | ≤ 1 x RIE<br>≤ 1 x moto<br>≤ 10 ms"
        " | **no**<br>not measured<br>yes |",
    ]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1234.5, "1,234"),
        (123.4, "123"),
        (12.34, "12.3"),
        (1.234, "1.23"),
        (0.1234, "0.123"),
        (0.001234, "0.00123"),
        (-0.25, "-0.250"),
        (0.0, "0"),
    ],
)
def test_figures_have_three_digits_that_mean_something(value, expected):
    assert text(value) == expected


def test_the_plot_has_a_bar_for_each_contender_that_was_measured():
    drawn = svg([line(), Line("no peer", "s", "cold")], samples(taskdock=3.0, rie=2.0), TITLES)

    assert drawn.count('height="13"') == 2
    assert "1.50 x (3.00 ms)" in drawn
    assert "moto" not in drawn
    assert "no peer" not in drawn
