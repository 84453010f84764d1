"""Notices: their log lines, and who is told of them."""

from __future__ import annotations

import importlib
import logging
from dataclasses import FrozenInstanceError

import pytest

from taskdock.base.notices import LoopFailed, Notice, Notices, PartHangs, TroubleEnded
from taskdock.lambdas.lifecycle import State
from taskdock.lambdas.notices import EnvironmentFailed, EnvironmentMoved, InvocationEnded
from taskdock.lambdas.slot import PastCall, PresentCall
from taskdock.tasks.model.notices import (
    ApiRequestAnswered,
    TaskClaimed,
    TaskCreated,
    TaskEnded,
    TaskFailed,
    TaskReleased,
)

MODULES = (
    *("taskdock.base.notices", "taskdock.lambdas.notices", "taskdock.tasks.model.notices"),
    "taskdock.tasks.events.notices",
    *("taskdock.web.common.notices", "taskdock.server.notices"),
)
WARNINGS = {
    "claim_lost",
    "containers_left",
    "delivery_failed",
    "delivery_given_up",
    "environment_failed",
    "environment_silent",
    "image_missing",
    "invocation_broke",
    "invocation_given_up",
    "invocation_postponed",
    "log_lines_dropped",
    "loop_failed",
    "part_hangs",
    "part_not_ended",
    "request_broke",
    "prewarm_failed",
    "subscriber_failed",
    "task_not_marked",
    "trouble_began",
    "write_postponed",
}
DEBUG = {
    "environment_moved",
    "execution_began",
    "function_changed",
    "function_deleted",
    "invocation_began",
    "invocation_ended",
    "task_claimed",
    "tasks_recounted",
}


def kinds() -> list[type[Notice]]:
    found = [vars(importlib.import_module(module)).values() for module in MODULES]
    return [
        kind
        for values in found
        for kind in values
        if isinstance(kind, type) and issubclass(kind, Notice) and kind is not Notice
    ]


@pytest.mark.parametrize(
    ("notice", "line"),
    [
        (TaskCreated(task="oak", function="f"), "task_created task=oak function=f"),
        (TaskReleased(task="oak"), "task_released task=oak"),
        (TaskFailed(task="oak", error="TimedOut"), "task_failed task=oak error=TimedOut"),
        (EnvironmentFailed(id="elm", error=""), "environment_failed id=elm error="),
        (PartHangs(part="engine", after="5 s"), "part_hangs part=engine after=5 s"),
        (
            ApiRequestAnswered(request="ash", function="elm-site", status=200),
            "api_request_answered request=ash function=elm-site status=200",
        ),
        (
            EnvironmentMoved(id="elm", function="f", from_=State.STARTING, to=State.READY),
            "environment_moved id=elm function=f from=starting to=ready",
        ),
    ],
)
def test_a_log_line_is_the_kind_and_its_facts(
    notice: Notice, line: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG, "taskdock"):
        Notices().publish(notice)

    assert caplog.messages == [line]


def test_what_needs_a_look_is_a_warning_and_what_is_frequent_is_for_debugging() -> None:
    levels = {kind.name: kind.level for kind in kinds()}

    assert {name for name, level in levels.items() if level == logging.WARNING} == WARNINGS
    assert {name for name, level in levels.items() if level == logging.DEBUG} == DEBUG
    assert set(levels.values()) == {logging.DEBUG, logging.INFO, logging.WARNING}


def test_each_kind_has_its_own_name_and_cannot_be_changed() -> None:
    names = [kind.name for kind in kinds()]
    notice = TaskCreated(task="oak", function="walnut-table")

    assert len(set(names)) == len(set(kinds()))
    with pytest.raises(FrozenInstanceError):
        notice.task = "ash"  # type: ignore[misc]


def test_a_subscriber_is_told_of_its_kind_and_of_what_is_derived_from_it() -> None:
    notices = Notices()
    everything: list[Notice] = []
    ended: list[TaskEnded] = []
    failed: list[TaskFailed] = []
    notices.subscribe(Notice, everything.append)
    notices.subscribe(TaskEnded, ended.append)
    notices.subscribe(TaskFailed, failed.append)
    told = [
        TaskClaimed(task="oak", function="f"),
        TaskReleased(task="oak"),
        TaskFailed(task="oak", function="f", error="TimedOut"),
    ]

    for notice in told:
        notices.publish(notice)

    assert everything == told
    assert ended == told[1:]
    assert failed == told[2:]


def test_kinds_that_are_left_out_are_not_told_and_are_wanted_by_nobody(
    caplog: pytest.LogCaptureFixture,
) -> None:
    notices = Notices()
    told: list[Notice] = []
    caplog.set_level(logging.INFO, "taskdock")
    assert not notices.wants(TaskClaimed)

    unsubscribe = notices.subscribe(Notice, told.append, but=(TaskClaimed,))
    notices.publish(TaskClaimed(task="t", function="oak"))
    created = TaskCreated(task="t", function="oak")
    notices.publish(created)

    assert told == [created]
    assert not notices.wants(TaskClaimed)
    assert notices.wants(TaskCreated)
    unsubscribe()
    assert notices.wants(TaskCreated)  # by the log
    caplog.set_level(logging.DEBUG, "taskdock")
    assert notices.wants(TaskClaimed)


def test_the_end_of_a_call_has_the_facts_of_the_call() -> None:
    call = PresentCall("request", "task", "t", 1.0, cold=True)
    ended = InvocationEnded(
        environment="e", function="oak", past=PastCall(call, 2.0, 12.3456, "TimedOut")
    )

    assert ended.facts == {
        "environment": "e",
        "function": "oak",
        "request": "request",
        "asked": "task",
        "task": "t",
        "milliseconds": 12.35,
        "cold": True,
        "error": "TimedOut",
    }


def test_who_has_unsubscribed_is_told_nothing_more() -> None:
    notices = Notices()
    first: list[Notice] = []
    second: list[Notice] = []
    unsubscribe = notices.subscribe(Notice, first.append)
    notices.subscribe(Notice, second.append)
    notice = TroubleEnded(what="engine")

    notices.publish(notice)
    unsubscribe()
    unsubscribe()
    notices.publish(notice)

    assert first == [notice]
    assert second == [notice, notice]


def test_a_subscriber_that_raises_harms_neither_the_publisher_nor_the_others(
    caplog: pytest.LogCaptureFixture,
) -> None:
    notices = Notices()
    told: list[Notice] = []
    notices.subscribe(Notice, _raise)
    notices.subscribe(Notice, told.append)
    notice = LoopFailed(loop="worker", error="boom")

    with caplog.at_level(logging.WARNING, "taskdock"):
        notices.publish(notice)

    assert told == [notice]
    assert caplog.messages == [
        "loop_failed loop=worker error=boom",
        "subscriber_failed notice=loop_failed error=ValueError('as it was meant to')",
    ]


def _raise(notice: Notice) -> None:
    raise ValueError("as it was meant to")
