"""Errors as people read them: a sentence, the API's name of it, and what to do. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus

from werkzeug.exceptions import HTTPException

from taskdock.base import errors
from taskdock.base.errors import TaskdockError
from taskdock.base.strict_json import Json
from taskdock.web.common import problems

_TITLES: Mapping[int, str] = {
    HTTPStatus.UNAUTHORIZED: "You are not signed in",
    HTTPStatus.FORBIDDEN: "You may not do this",
    HTTPStatus.NOT_FOUND: "There is nothing here",
    HTTPStatus.METHOD_NOT_ALLOWED: "This cannot be called that way",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "This is too large",
    HTTPStatus.TOO_MANY_REQUESTS: "Too much at a time",
    HTTPStatus.INTERNAL_SERVER_ERROR: "taskdock failed at this",
    HTTPStatus.SERVICE_UNAVAILABLE: "This is not possible at the moment",
    HTTPStatus.INSUFFICIENT_STORAGE: "The disk is full",
}
_ADVICE: Mapping[int, str] = {
    HTTPStatus.UNAUTHORIZED: "Sign in, and try again.",
    HTTPStatus.NOT_FOUND: "It may have been deleted. The pages above lead to what there is.",
    HTTPStatus.METHOD_NOT_ALLOWED: "The pages above lead to what there is.",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "Send less, or use the command: taskdock deploy",
    HTTPStatus.TOO_MANY_REQUESTS: "Try again in a moment.",
    HTTPStatus.INTERNAL_SERVER_ERROR: "The server's log has more. Try again, or see System.",
    HTTPStatus.SERVICE_UNAVAILABLE: "Try again in a moment; System says what is wrong.",
    HTTPStatus.INSUFFICIENT_STORAGE: "Make room, then try again.",
}
_LACKING = (
    "The administrator has every permission, and gives it to a user by a role (/users/v1/roles)."
)
_LACKS = "this needs the permission "


@dataclass(frozen=True, kw_only=True)
class PageRefusal:
    status: int
    title: str
    sentence: str
    code: int
    name: str
    advice: str

    @classmethod
    def of(cls, status: int, body: Json, advice: str | None = None) -> PageRefusal:
        """`body`: the JSON that the API would answer with."""
        return cls(
            status=status,
            title=_TITLES.get(status, "This was refused"),
            sentence=_sentence(str(body["message"])),
            code=body["code"],
            name=body["name"],
            advice=_ADVICE.get(status, "") if advice is None else advice,
        )


def refusal_of(error: TaskdockError | HTTPException) -> PageRefusal:
    if isinstance(error, HTTPException):
        status = error.code or HTTPStatus.INTERNAL_SERVER_ERROR
        body, _ = problems.http_answer(status, error.description or f"HTTP {status}")
        return PageRefusal.of(status, body)
    body, status = problems.answer(error)
    if isinstance(error, errors.NoPermission):
        # The service answers 401, and a browser's page means by that: sign in.
        advice = _LACKING if _LACKS in error.message else ""
        return PageRefusal.of(HTTPStatus.FORBIDDEN, body, advice)
    return PageRefusal.of(status, body)


def _sentence(text: str) -> str:
    """With a capital letter and a full stop."""
    text = text.strip()
    return f"{text[:1].upper()}{text[1:]}{'' if text[-1:] in '.!?' else '.'}"
