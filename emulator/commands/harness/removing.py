"""Removes one thing that a test has added to a server, or all of its kind."""

from __future__ import annotations

from taskdock.client.api import TaskService
from taskdock.client.connection import path_part
from taskdock.client.console import output


def remove(service: TaskService, path: str, id: str | None, noun: str, *, as_json: bool) -> None:
    """`path`: of the kind, such as /taskdock/faults. `id`: of the one; None: all. `noun`: the word
    for one."""
    answer = service.call("DELETE", path if id is None else f"{path}/{path_part(id)}")
    count = answer["affectedRecords"]
    text = id or f"{count} {noun}{'' if count == 1 else 's'}"
    output.done(answer, f"removed  {text}", as_json=as_json)
