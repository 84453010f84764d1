"""Deployment: creates or updates one function of the Task Service from its description."""

from __future__ import annotations

from dataclasses import dataclass

from emulator.client.api import Json, TaskService
from emulator.client.errors import UnknownFunction


@dataclass(frozen=True)
class Deployment:
    action: str
    function: Json


def deploy(service: TaskService, wanted: Json) -> Deployment:
    """Creates the function, or updates the function of that name. `wanted`: a creation's body."""
    name = wanted["name"]
    try:
        known = service.function(name)
    except UnknownFunction:
        service.create_function(wanted)
        return Deployment("created", service.function(name))
    service.update_function(name, _changes(known, wanted))
    return Deployment("updated", service.function(name))


def _changes(known: Json, wanted: Json) -> Json:
    same = {"name"}
    if wanted.get("runtime") == known.get("runtime"):
        same.add("runtime")  # the service's own tool leaves an unchanged runtime out too
    return {field: value for field, value in wanted.items() if field not in same}
