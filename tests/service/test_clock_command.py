"""`taskdock clock`: what it shows and moves, and what it says where it cannot."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import closing
from datetime import timedelta

import pytest
from click.testing import CliRunner, Result

from taskdock.base.timing.clock import to_iso
from taskdock.client.api import TaskService
from taskdock.commands import main
from taskdock.testing.clock import NOON
from tests.support.builders import Dock

NAME = "walnut-table"
DAY = 24 * 3600


def iso(seconds: float) -> str:
    return to_iso(NOON + timedelta(seconds=seconds))


def run(dock: Dock, *words: str) -> Result:
    return CliRunner().invoke(main, [*words, "--url", dock.url])


def shown(dock: Dock, *words: str) -> str:
    result = run(dock, *words)
    assert result.exit_code == 0, result.output
    return result.output


@pytest.fixture
def daily(timed_dock: Dock) -> Dock:
    """A server with a schedule of a day, whose first run is tomorrow."""
    timed_dock.deploy(lambda event, runtime: None)
    body = {"functionName": NAME, "interval": DAY, "startTimestamp": iso(DAY)}
    timed_dock.service.post("/schedules/", body)
    return timed_dock


def test_the_clock_is_shown_with_what_is_due(daily: Dock) -> None:
    first, _, due = shown(daily, "clock").splitlines()

    assert first == f"{iso(0)}  manual"
    assert due.startswith("2026-01-03 12:00:00  schedule  walnut-table  ")


def test_an_advance_runs_what_is_due(daily: Dock) -> None:
    first, *_ = shown(daily, "clock", "advance", "7d").splitlines()

    assert first == f"{iso(7 * DAY)}  manual"
    assert len(daily.service.tasks("eq(status,complete)")) == 7


def test_a_clock_is_set_to_a_time_that_is_to_come(daily: Dock) -> None:
    answer = json.loads(shown(daily, "clock", "set", "2026-01-03T13:00:00Z", "--json"))

    assert answer["now"] == iso(DAY + 3600)
    assert len(daily.service.tasks("eq(status,complete)")) == 1


def test_it_runs_until_it_is_idle(daily: Dock) -> None:
    daily.create_task(startTimestamp=iso(3600))

    first, *_ = shown(daily, "clock", "run-until-idle").splitlines()

    assert first == f"{iso(3600)}  manual"


def test_its_mode_is_chosen(timed_dock: Dock) -> None:
    assert shown(timed_dock, "clock", "mode", "auto").startswith(f"{iso(0)}  auto")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("advance", "soon"), "no length of time; write seconds, or a text such as"),
        (("advance", "-7d"), "time never goes back"),
        (("advance", "-1h"), "time never goes back"),
        (("set", "tomorrow"), "no ISO 8601 time such as 2027-01-01T00:00:00Z"),
        (("set", "2020-01-01T00:00:00Z"), "time never goes back"),
        (("set", "2200-01-01T00:00:00Z"), "beyond the year 2099"),
        (("mode", "fast"), "MODE has to be real, manual or auto, not 'fast'"),
    ],
    ids=" ".join,
)
def test_what_cannot_be_done_is_a_sentence_and_nothing_moves(
    timed_dock: Dock, words: Sequence[str], said: str
) -> None:
    result = run(timed_dock, "clock", *words)

    assert result.exit_code == 2
    assert said in result.output
    assert "Traceback" not in result.output
    assert shown(timed_dock, "clock").startswith(iso(0))


def test_the_machines_clock_is_not_moved(shared: Dock) -> None:
    result = run(shared, "clock", "advance", "1")

    assert result.exit_code == 2
    assert "start it with --clock manual or --clock auto" in result.output


def test_the_server_that_stands_before_the_command_is_moved_and_no_other(timed_dock: Dock) -> None:
    variables = {"TASKDOCK_URL": "http://localhost:1"}
    words = ["clock", "--url", timed_dock.url, "advance", "1"]

    result = CliRunner().invoke(main, words, env=variables)

    assert result.exit_code == 0, result.output
    assert shown(timed_dock, "clock").startswith(iso(1))


@pytest.mark.parametrize(
    "words", [("tasks", "create", NAME), ("schedules", "create", NAME, "--every", "3600")]
)
def test_a_start_in_seconds_counts_from_the_time_of_the_server(
    daily: Dock, words: Sequence[str]
) -> None:
    shown(daily, "clock", "advance", "30m")

    shown(daily, *words, "--start-at", "+60")

    due = json.loads(shown(daily, "clock", "--json"))["due"]
    assert due[0]["at"] == iso(1800 + 60)


def test_a_start_in_seconds_counts_from_a_clock_that_was_moved_and_ticks(timed_dock: Dock) -> None:
    timed_dock.deploy(lambda event, runtime: None)
    shown(timed_dock, "clock", "advance", "30m")
    shown(timed_dock, "clock", "mode", "real")

    shown(timed_dock, "tasks", "create", NAME, "--start-at", "+3600")

    (due,) = json.loads(shown(timed_dock, "clock", "--json"))["due"]
    assert iso(1800 + 3600) <= due["at"] < iso(1800 + 3600 + 60)


def test_a_wait_for_a_task_has_a_clock_of_mode_auto_move(timed_dock: Dock) -> None:
    timed_dock.deploy(lambda event, runtime: runtime.print("walnut"))
    with closing(TaskService(timed_dock.url)) as service:
        service.move_clock({"mode": "auto"})

    result = run(timed_dock, "tasks", "create", NAME, "--start-at", iso(DAY), "--wait")

    assert result.exit_code == 0, result.output
    assert "complete" in result.stderr
    assert iso(DAY) in result.stderr


def test_a_wait_that_cannot_end_fails_and_says_what_is_due(timed_dock: Dock) -> None:
    timed_dock.deploy(lambda event, runtime: None)

    result = run(timed_dock, "tasks", "create", NAME, "--start-at", iso(DAY), "--wait")

    assert result.exit_code not in (0, 2)
    assert "stands still" in result.stderr
    assert f"{NAME} in 86400 s" in result.stderr
