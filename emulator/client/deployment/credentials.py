"""executionCredentials: a user and a role of a function's own, whose credentials the function has.

As the service's `exh` command sets them up, request by request (ExtraHorizon/exh-cli,
src/services/tasks/util.ts): a global role with the permissions of the task-config.json, a user who
has the role, and an OAuth1 token of that user in the function's variables. So the function may do
here what it may do there. One thing is different: where the user is there and the function has lost
the credentials, as after `taskdock functions delete`, `exh` gives up, and this makes the user anew.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from contextlib import closing
from typing import Any
from urllib.parse import quote, urlsplit

from taskdock.client.api import Json, TaskService, equals
from taskdock.client.deployment.execution_config import (
    CONSUMER,
    CREDENTIALS,
    HOST,
    TOKEN,
    VARIABLES,
)
from taskdock.client.errors import (
    CredentialsRefused,
    CredentialsTaken,
    UnknownFunction,
)
from taskdock.client.servers.credentials import signature

_LAST_NAME = "exh.tasks"
_LOOPBACK = frozenset({"127.0.0.1", "::1", "0.0.0.0"})  # noqa: S104 - compared only


def with_credentials(service: TaskService, body: Json, own: Mapping[str, str]) -> Json:
    """The request that makes the function, with the credentials that it asks for in its variables.

    A request that asks for none is returned as it is. `own`: the caller's environment; its consumer
    key is used where API_HOST is this server. Raises `ServiceError`, and `CredentialsTaken` where
    the user belongs to somebody else.
    """
    asked = body.get(CREDENTIALS)
    if asked is None:
        return body
    name = str(body["name"])
    consumer = _consumer(service, own)
    token = _token(service, name, asked)
    made = {HOST: _host(service), **consumer, **token}
    variables = dict(body.get("environmentVariables") or {})
    variables |= {key: {"value": value} for key, value in made.items()}
    plain = {field: value for field, value in body.items() if field != CREDENTIALS}
    return {**plain, "environmentVariables": variables}


def _host(service: TaskService) -> str:
    """The server's address as the SDK takes it, which refuses 127.0.0.1."""
    parts = urlsplit(service.url)
    if parts.hostname not in _LOOPBACK:
        return service.url
    port = "" if parts.port is None else f":{parts.port}"
    return f"{parts.scheme}://localhost{port}"


def _consumer(service: TaskService, own: Mapping[str, str]) -> dict[str, str]:
    """The application that the function acts through: that of the caller's own credentials."""
    given = {name: own.get(name, "") for name in CONSUMER}
    if all(given.values()) and own.get(HOST, "").rstrip("/") == service.url:
        return given
    (version,) = service.call("GET", "/auth/v2/applications")["data"][0]["versions"][:1]
    return dict(zip(CONSUMER, (version["consumerKey"], version["consumerSecret"]), strict=True))


def _token(service: TaskService, name: str, asked: Json) -> dict[str, str]:
    email = str(asked.get("email") or f"exh.tasks+{name}@extrahorizon.com").lower()
    role = _role(service, name, list(dict.fromkeys(asked["permissions"])))
    user = _first(service, "/users/v1/", "email", email)
    if user is not None:
        token = _kept_token(service, name, user)
        if token is not None:
            if all(one["id"] != role["id"] for one in user.get("roles", [])):
                _give(service, user, role)
            return token
        _remove(service, name, user)
    # The service wants a digit, and letters of both cases.
    password = f"0Oo-{secrets.token_hex(16)}"
    user = service.call(
        "POST",
        "/users/v1/register",
        {
            "activationMode": "manual",
            "firstName": name,
            "lastName": _LAST_NAME,
            "email": email,
            "password": password,
            "phoneNumber": "0000000000",
            "language": "EN",
        },
    )
    _give(service, user, role)
    made = service.call("POST", "/auth/v2/oauth1/tokens", {"email": email, "password": password})
    return dict(zip(TOKEN, (made["token"], made["tokenSecret"]), strict=True))


def _role(service: TaskService, name: str, wanted: Sequence[str]) -> Json:
    """The function's role, which has the wanted permissions and no others."""
    role_name = f"exh.tasks.{name}"
    chosen = f"?{equals('name', role_name)}"
    role = _first(service, "/users/v1/roles", "name", role_name)
    has: list[str] = []
    if role is None:
        description = f"A role created by the CLI for the execution of the task {name}"
        body = {"name": role_name, "description": description}
        role = service.call("POST", "/users/v1/roles", body)
    else:
        has = [str(one["name"]) for one in role.get("permissions") or ()]
    for verb, names in (
        ("add", [one for one in wanted if one not in has]),
        ("remove", [one for one in has if one not in wanted]),
    ):
        if names:
            path = f"/users/v1/roles/{verb}_permissions{chosen}"
            service.call("POST", path, {"permissions": names})
    return role


def _give(service: TaskService, user: Json, role: Json) -> None:
    path = f"/users/v1/add_roles?{equals('id', user['id'])}"
    service.call("POST", path, {"roles": [role["id"]]})


def _kept_token(service: TaskService, name: str, user: Json) -> dict[str, str] | None:
    """The token that the function has already. None: it has none, or one that is not valid.

    Raises `CredentialsTaken` for a token of another user.
    """
    try:
        given = service.function(name).get("environmentVariables") or {}
    except UnknownFunction:
        return None
    variables = {key: str(given.get(key, {}).get("value") or "") for key in VARIABLES}
    if not all(variables.values()):
        return None
    signed = signature(service.url, {**variables, HOST: service.url})
    try:
        with closing(TaskService(service.url, signed)) as as_function:
            me = as_function.call("GET", "/users/v1/me")
    except CredentialsRefused:
        return None
    if me["id"] != user["id"]:
        raise CredentialsTaken(
            f"the function {name} has credentials of {me['email']}, and not of {user['email']}, who"
            f" is the user of its executionCredentials; taskdock functions delete {name} lets them"
            " be made anew"
        )
    return {key: variables[key] for key in TOKEN}


def _remove(service: TaskService, name: str, user: Json) -> None:
    """Removes a user of the function's own, whose password nobody knows. Raises
    `CredentialsTaken` for anybody else."""
    if (user.get("firstName"), user.get("lastName")) != (name, _LAST_NAME):
        raise CredentialsTaken(
            f"the user {user['email']} of the executionCredentials of {name} is there, and was not"
            " made for this function; give another address as executionCredentials.email"
        )
    service.call("DELETE", f"/users/v1/{quote(str(user['id']), safe='')}")


def _first(service: TaskService, path: str, field: str, value: str) -> Json | None:
    found: list[Any] = service.call("GET", f"{path}?{equals(field, value)}")["data"]
    return dict(found[0]) if found else None
