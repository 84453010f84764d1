"""From stacks and moments to tables of where the time goes."""

import pytest

from benchmarks.speed.processors import Spent
from benchmarks.speed.profile import MOMENTS, SERVER, Cost, markdown_of_cost, markdown_of_moments
from benchmarks.speed.stacks import OTHER, shares


def test_a_sample_is_of_the_part_of_its_innermost_frame_that_has_one():
    stacks = [
        "run (flask/app.py:1);call (emulator/tasks/queue/runner.py:5);dumps (json/encoder.py:9) 3",
        "run (flask/app.py:1);call (emulator/tasks/queue/runner.py:5);read (peewee.py:2) 5",
        "_bootstrap (threading.py:1) 2",
    ]

    assert shares(stacks) == [
        ("database", 0.5),
        ("tasks: queue, runner, logs", 0.3),
        (OTHER, 0.2),
    ]


@pytest.mark.parametrize(
    ("file", "part"),
    [
        ("emulator/web/runtime_api/endpoints.py", "the Runtime API's endpoints"),
        ("emulator/web/task_api/app.py", "endpoints for callers"),
        ("emulator/engines/launcher/door.py", "launchers and their doors"),
        ("emulator/lambdas/invoke/platform_log.py", "what containers print"),
    ],
)
def test_a_file_is_of_the_first_part_that_fits(file, part):
    assert shares([f"run ({file}:7) 1"]) == [(part, 1.0)]


def test_the_cost_of_a_call_is_told_by_processes_and_by_parts_of_the_server():
    parts = [("database", 0.75), ("environments", 0.245), ("event loop", 0.005)]
    cost = Cost("A warm call", 1200, 2.5, {SERVER: Spent(2.0, 0.5)}, parts)

    lines = markdown_of_cost(cost).splitlines()

    assert lines[0] == "**A warm call**: 2.50 ms, of 1,200. Processor time of one:"
    assert "| taskdock's server | 2.00 | 0.500 |" in lines
    assert "| database | 75% | 1.50 |" in lines
    assert not any("event loop" in line for line in lines)


def test_moments_are_told_with_the_steps_between_them():
    created, started, *_, answered = MOMENTS
    calls = [{created: 30.0, started: 200.0, answered: 250.0}] * 2 + [{created: 9.0, answered: 9.0}]

    assert markdown_of_moments("A cold call", calls[:2]).splitlines()[-3:] == [
        f"| {created} | 30 | 30 |",
        f"| {started} | 200 | 170 |",
        f"| {answered} | 250 | 50 |",
    ]
    assert started not in markdown_of_moments("A cold call", calls)
