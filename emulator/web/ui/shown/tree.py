"""A task's family as a tree: later attempts and created tasks below what they came of. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Branch:
    task: Mapping[str, Any]
    relation: str
    """How it came of what it is below; "" for the first."""
    below: list[Branch] = field(default_factory=list)


def grow(relatives: Iterable[Mapping[str, Any]]) -> list[Branch]:
    """The branches without anything above them. All attempts of a task are below its first."""
    branches: dict[str, Branch] = {}
    first: dict[str, str] = {}  # of the attempts, by the id of each
    roots: list[Branch] = []
    for task in relatives:
        id, before = str(task["id"]), task.get("retryOfTaskId")
        first[id] = id if before is None else first.get(before, id)
        above: Branch | None
        if before is not None:
            above = branches.get(first[id])
            siblings = [] if above is None else above.below
            number = 2 + sum(each.relation.startswith("attempt") for each in siblings)
            branch = Branch(task, f"attempt {number}")
        else:
            above = branches.get(str(task.get("createdByTaskId")))
            branch = Branch(task, "created" if task.get("createdByTaskId") else "")
        branches[id] = branch
        (roots if above is None else above.below).append(branch)
    return roots
