"""Deployment: creates or updates one function of the Task Service from its description."""

from __future__ import annotations

import base64
import hashlib
import os
from dataclasses import dataclass
from urllib.parse import quote

from taskdock.base.errors import TaskdockError
from taskdock.client.api import Json, TaskService
from taskdock.client.deployment.credentials import with_credentials
from taskdock.client.errors import UnknownFunction

_VARIABLES = "environmentVariables"
# The service fills in what is not given of these fields.
_DEFAULTS: Json = {
    "retryPolicy": {"enabled": False, "errorsToRetry": []},
    "executionOptions": {"permissionMode": "permissionRequired"},
}


@dataclass(frozen=True)
class Deployment:
    action: str
    """`created`, `updated` or `unchanged`."""
    function: Json
    kept: tuple[str, ...] = ()
    """Names of variables that the function has and the body says nothing of: the service changes
    only what is named."""


def deploy(service: TaskService, body: Json, *, always: bool = False) -> Deployment:
    """Creates the function of a request body, or updates the existing function of that name.

    The user and the role of its executionCredentials are set up before. Nothing is sent where the
    function is as the body says. A caller with credentials sends the body all the same: a function
    acts for the users who have deployed it, and this one may be new. `always`: any caller does.
    """
    body = with_credentials(service, body, os.environ)
    name = body["name"]
    try:
        known = service.function(name)
    except UnknownFunction:
        service.create_function(body)
        return Deployment("created", service.function(name))
    kept = () if _VARIABLES in body else tuple(known.get(_VARIABLES, ()))
    same = _is_same(service, known, body)
    if same and not (always or service.is_signed):
        return Deployment("unchanged", known, kept)
    service.update_function(name, _changes(known, body))
    return Deployment("unchanged" if same else "updated", service.function(name), kept)


def _changes(known: Json, body: Json) -> Json:
    same = {"name"}
    if body.get("runtime") == known.get("runtime"):
        same.add("runtime")  # the service's own tool leaves an unchanged runtime out too
    return {field: value for field, value in body.items() if field not in same}


def _is_same(service: TaskService, known: Json, body: Json) -> bool:
    """Whether the function has each field of the body, its code included. False where that cannot
    be known: another image may have come under the same name."""
    if "image" in body or any(
        value is None or known.get(field) != {**_DEFAULTS.get(field, {}), **value}
        if isinstance(value, dict)
        else known.get(field) != value
        for field, value in body.items()
        if field != "code"
    ):
        return False
    return "code" not in body or _digest(service, body["name"]) == _digest_of(body["code"])


def _digest_of(code: str) -> str:
    """As AWS Lambda's API gives it: SHA-256 in base64, of a zip that is in base64 itself."""
    return base64.b64encode(hashlib.sha256(base64.b64decode(code)).digest()).decode()


def _digest(service: TaskService, name: str) -> str | None:
    """The digest of the function's code. None: the server does not tell, as the service itself,
    which has no AWS Lambda API."""
    path = f"/2015-03-31/functions/{quote(name, safe='')}/configuration"
    try:
        return str(service.call("GET", path)["CodeSha256"])
    except (TaskdockError, KeyError):
        return None
