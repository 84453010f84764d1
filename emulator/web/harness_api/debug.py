"""/taskdock/debug: debug sessions of functions. Views translate."""

from __future__ import annotations

from typing import Annotated, TypedDict

from flask import request
from pydantic import StrictBool, StrictInt, StrictStr

from taskdock.base import errors
from taskdock.base.errors import BadField
from taskdock.base.strict_json import SchemaPart
from taskdock.lambdas.environment.provision.debugger import Language
from taskdock.lambdas.pool.debugging.relay import HOST
from taskdock.lambdas.pool.debugging.session import Others
from taskdock.lambdas.pool.debugging.sessions import DebugSessions, DebugState, DebugWish
from taskdock.web.common import requests
from taskdock.web.common.requests import Wire
from taskdock.web.harness_api.endpoint import endpoint

_PORTS = range(1, 65536)


class NewDebugSession(Wire):
    """A function to debug."""

    function_name: StrictStr
    port: StrictInt | None = None
    wait: StrictBool | None = None
    others: StrictStr | None = None
    language: StrictStr | None = None


class DebugSessionJson(TypedDict):
    id: str
    functionName: str
    language: Annotated[str, SchemaPart(description="python or nodejs")]
    host: str
    port: Annotated[int, SchemaPart(description="where a debugger listens for clients")]
    clients: Annotated[int, SchemaPart(description="debug clients that are attached")]
    state: Annotated[str, SchemaPart(description="starting, ready, busy, down, failed or ended")]
    calls: Annotated[int, SchemaPart(description="calls that run here, or wait for it")]
    others: Annotated[str, SchemaPart(description="wait or normal")]
    wait: bool
    newCode: Annotated[bool, SchemaPart(description="the function has changed since")]
    timeLimit: Annotated[int, SchemaPart(description="seconds; the limit is off")]
    failure: Annotated[str, SchemaPart(description="why nothing runs; empty: nothing is wrong")]


class DebugSessionListJson(TypedDict):
    data: list[DebugSessionJson]


class DebugViews:
    def __init__(self, sessions: DebugSessions) -> None:
        self._sessions = sessions

    @endpoint(
        "POST",
        "/taskdock/debug",
        summary="Begin to debug a function; the session ends where it is not renewed",
        answer=DebugSessionJson,
        body=NewDebugSession,
        example={"functionName": "hello-world-python"},
        errors=(errors.NotFound, errors.IllegalState),
    )
    def begin(self) -> DebugSessionJson:
        asked = requests.read(NewDebugSession, request.get_data())
        return _json(self._sessions.begin(asked.function_name, _wish(asked)))

    @endpoint(
        "GET",
        "/taskdock/debug",
        summary="List the debug sessions",
        answer=DebugSessionListJson,
    )
    def list(self) -> DebugSessionListJson:
        return {"data": [_json(state) for state in self._sessions.all()]}

    @endpoint(
        "POST",
        "/taskdock/debug/<session_id>/renew",
        summary="Keep a debug session for ten more seconds",
        answer=DebugSessionJson,
        errors=(errors.NotFound,),
    )
    def renew(self, session_id: str) -> DebugSessionJson:
        return _json(self._sessions.renew(session_id))

    @endpoint(
        "DELETE",
        "/taskdock/debug/<session_id>",
        summary="End a debug session",
        answer=DebugSessionJson,
        errors=(errors.NotFound,),
    )
    def end(self, session_id: str) -> DebugSessionJson:
        return _json(self._sessions.end(session_id))


def _wish(asked: NewDebugSession) -> DebugWish:
    """Raises `BadField`."""
    if asked.port is not None and asked.port not in _PORTS:
        raise BadField(f"port: {asked.port} is no port; use a number from 1 to 65535")
    return DebugWish(
        port=asked.port,
        waits=bool(asked.wait),
        others=Others(_one_of("others", asked.others, [each.value for each in Others]) or "wait"),
        language=_one_of("language", asked.language, [each.value for each in Language]),
    )


def _one_of(field: str, given: str | None, allowed: list[str]) -> str | None:
    if given is not None and given not in allowed:
        raise BadField(f"{field}: '{given[:40]}' is not one of {', '.join(allowed)}")
    return given


def _json(state: DebugState) -> DebugSessionJson:
    return {
        "id": state.id,
        "functionName": state.function,
        "language": state.language.value,
        "host": HOST,
        "port": state.port,
        "clients": state.clients,
        "state": state.state,
        "calls": state.calls,
        "others": state.others.value,
        "wait": state.waits,
        "newCode": state.has_new_code,
        "timeLimit": state.time_limit,
        "failure": state.failure,
    }
