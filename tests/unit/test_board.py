"""The board of *Now*: lanes, the queue and the log as they are shown."""

from __future__ import annotations

from typing import Any

import pytest

from taskdock.lambdas.invoke.run_record import RunKind
from taskdock.lambdas.lifecycle import State
from taskdock.web.ui.shown import board

UUID = "110482d8-4469-44f7-9793-8943d38a2e27"


def environment(number: int = 1, **changes: Any) -> dict[str, Any]:
    found = {
        "id": f"e{number}",
        "functionName": "walnut-table",
        "state": "busy",
        "memory": 128,
        "stateSince": "2026-01-02T12:00:00.000Z",
        "running": {"kind": "task", "requestId": UUID, "taskId": f"t{number}", "cold": False},
    }
    return {**found, **changes}


def line(message: str, function: str = "walnut-table") -> dict[str, Any]:
    return {"timestamp": "2026-01-02T12:00:00.000Z", "functionName": function, "message": message}


def texts(*messages: str, present: bool) -> list[str]:
    lines = [line(message) for message in messages]
    return [each.text for each in board.lines_of(lines, 10, present=present)]


def test_every_state_has_its_word_and_every_kind_of_call_too() -> None:
    assert set(board.WORDS) == {state.value for state in State}
    assert set(board.KINDS) == {kind.value for kind in RunKind}


@pytest.mark.parametrize(
    ("state", "stage"),
    [
        *(("starting", "init"), ("busy", "running"), ("settling", "running")),
        *(("ready", "idle"), ("frozen", "frozen"), ("down", ""), ("retiring", "")),
    ],
)
def test_a_lane_is_at_a_stage_or_beside_all(state: str, stage: str) -> None:
    (lane,), _ = board.lanes_of([environment(state=state)], (), 9)

    assert lane.stage == stage


def test_a_task_that_has_ended_is_in_no_lane_and_in_no_queue() -> None:
    lanes, _ = board.lanes_of([environment(1), environment(2)], {"t1"}, 9)
    places = [{"id": "t1"}, {"id": "t2"}, {"id": "t3"}]

    assert [lane.call and lane.call.id for lane in lanes] == [None, "t2"]
    assert board.queue_of(places, {"t1"} | board.tasks_in(lanes)) == [{"id": "t3"}]


def test_of_too_many_lanes_those_that_work_are_shown_and_the_rest_is_counted() -> None:
    idle = [environment(n, state="frozen", running=None) for n in range(3)]
    found = [*idle, environment(7), environment(8, state="starting")]

    lanes, more = board.lanes_of(found, (), 3)

    assert [lane.id for lane in lanes] == ["e7", "e8", "e0"]
    assert more == "2 more: 2 frozen"


def test_lanes_that_work_come_first_and_else_all_keep_their_order() -> None:
    found = [
        environment(1, state="frozen", running=None),
        environment(2, state="ready", running=None),
        environment(3),
        environment(4, state="frozen", running=None),
        environment(5, state="starting"),
    ]

    lanes, more = board.lanes_of(found, (), 5)

    assert ([lane.id for lane in lanes], more) == (["e3", "e5", "e1", "e2", "e4"], "")


def test_a_line_is_shown_without_the_stamp_that_the_runtime_puts_before_it() -> None:
    printed = f"2026-01-02T12:00:00.000Z\t{UUID}\tINFO\thello"

    assert texts(printed, f"[INFO]\t2026-01-02T12:00:00.000Z\t{UUID}\tthere", present=False) == [
        "INFO hello",
        "there",
    ]


def test_a_room_sees_neither_ids_nor_the_platforms_lines() -> None:
    said = [
        f"START RequestId: {UUID} Version: $LATEST",
        f"REPORT RequestId: {UUID} Duration: 1 ms",
        '{"time":"2026-01-02T12:00:00.000Z","type":"platform.start"}',
        f"order {UUID} is done",
    ]

    assert texts(*said, present=True) == ["order … is done"]
    assert texts(*said, present=False) == said[1:]


def test_the_last_lines_are_shown() -> None:
    lines = [line(str(number)) for number in range(9)]

    assert [each.text for each in board.lines_of(lines, 2, present=False)] == ["7", "8"]
