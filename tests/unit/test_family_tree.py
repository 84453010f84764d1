"""The family of a task as a tree."""

from __future__ import annotations

from typing import Any

from taskdock.web.ui.shown.tree import Branch, grow


def shape(branches: list[Branch]) -> list[Any]:
    return [(each.task["id"], each.relation, shape(each.below)) for each in branches]


def test_attempts_are_side_by_side_below_the_first_and_created_tasks_below_their_creator() -> None:
    relatives = [
        {"id": "oak"},
        {"id": "oak-2", "retryOfTaskId": "oak"},
        {"id": "leg", "createdByTaskId": "oak"},
        {"id": "oak-3", "retryOfTaskId": "oak-2"},
        {"id": "screw", "createdByTaskId": "leg"},
        {"id": "board", "createdByTaskId": "oak-3"},
    ]

    assert shape(grow(relatives)) == [
        (
            "oak",
            "",
            [
                ("oak-2", "attempt 2", []),
                ("leg", "created", [("screw", "created", [])]),
                ("oak-3", "attempt 3", [("board", "created", [])]),
            ],
        )
    ]


def test_a_task_whose_creator_is_gone_stands_alone() -> None:
    relatives = [{"id": "leg", "createdByTaskId": "gone"}, {"id": "x-2", "retryOfTaskId": "gone"}]

    assert shape(grow(relatives)) == [("leg", "created", []), ("x-2", "attempt 2", [])]
