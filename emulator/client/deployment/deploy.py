"""Deployment: creates or updates one function of the Task Service from its description."""

from __future__ import annotations

from dataclasses import dataclass

from taskdock.client.api import Json, TaskService
from taskdock.client.errors import UnknownFunction


@dataclass(frozen=True)
class Deployment:
    action: str
    function: Json


def deploy(service: TaskService, body: Json) -> Deployment:
    """Creates the function of a request body, or updates the existing function of that name."""
    name = body["name"]
    try:
        known = service.function(name)
    except UnknownFunction:
        service.create_function(body)
        return Deployment("created", service.function(name))
    service.update_function(name, _changes(known, body))
    return Deployment("updated", service.function(name))


def _changes(known: Json, body: Json) -> Json:
    same = {"name"}
    if body.get("runtime") == known.get("runtime"):
        same.add("runtime")  # the service's own tool leaves an unchanged runtime out too
    return {field: value for field, value in body.items() if field not in same}
