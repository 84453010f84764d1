"""The errors of AWS's Lambda API: the name of each, its status and the shape of its body.

Names, statuses and the spelling of "message" are those of the service's published model:
https://docs.aws.amazon.com/lambda/latest/api/CommonErrors.html
"""

from __future__ import annotations

import json
from typing import NamedTuple

from flask import Response

from taskdock.base import errors
from taskdock.base.errors import CallerError, TaskdockError
from taskdock.base.strict_json import present
from taskdock.lambdas.functions.code import MAX_ZIPPED_BY_AWS


class ErrorShape(NamedTuple):
    status: int
    message: str = "message"
    """The member that holds the text."""
    blames: str | None = "User"
    reason: str | None = None


_SHAPES = {
    "AccessDeniedException": ErrorShape(403, "Message", None),
    "InvalidParameterValueException": ErrorShape(400),
    "InvalidRequestContentException": ErrorShape(400),
    "NotImplementedException": ErrorShape(501, "Message"),
    "PolicyLengthExceededException": ErrorShape(400),
    "PreconditionFailedException": ErrorShape(412),
    "ProvisionedConcurrencyConfigNotFoundException": ErrorShape(404),
    "RequestEntityTooLargeException": ErrorShape(413, "Message", None),
    "ResourceConflictException": ErrorShape(409),
    "ResourceNotFoundException": ErrorShape(404, "Message"),
    "SerializationException": ErrorShape(400, "Message"),
    "ServiceException": ErrorShape(500, "Message", "Service"),
    "ServiceUnavailableException": ErrorShape(503, "Message", "Service"),
    "TooManyRequestsException": ErrorShape(429, reason="ConcurrentInvocationLimitExceeded"),
    "ValidationException": ErrorShape(400, blames=None),
}
_NAMES: dict[type[TaskdockError], str] = {
    errors.TaskdockError: "ServiceException",
    errors.CallerError: "InvalidParameterValueException",
    errors.AlreadyExists: "ResourceConflictException",
    errors.BadFunctionName: "ValidationException",
    errors.BodyNotJson: "SerializationException",
    errors.IllegalState: "ResourceConflictException",
    errors.NoSuchEndpoint: "NotImplementedException",
    errors.NotAllowed: "AccessDeniedException",
    errors.NotFound: "ResourceNotFoundException",
    errors.RequestTooLarge: "RequestEntityTooLargeException",
    errors.StorageError: "ServiceUnavailableException",
    errors.Unavailable: "ServiceUnavailableException",
    errors.TooManyExecutions: "TooManyRequestsException",
}

_EMPTY = "Uploaded file must be a non-empty zip"
_UNZIP = "Could not unzip uploaded file. Please check your file, then try to upload again. Found: "


class Refusal(CallerError):
    """An error of this API alone, by the name that AWS gives it."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.name = name


def answer(error: TaskdockError) -> Response:
    if isinstance(error, Refusal):
        return _answer(error.name, error.message)
    if isinstance(error, errors.EmptyFunctionCode):
        return _answer("InvalidParameterValueException", _EMPTY)
    name = next(_NAMES[base] for base in type(error).__mro__ if base in _NAMES)
    prefix = _UNZIP if isinstance(error, errors.BadFunctionCode) else ""
    return _answer(name, prefix + error.message)


def zip_too_large() -> Refusal:
    return Refusal(
        "RequestEntityTooLargeException",
        f"Zipped size must be smaller than {MAX_ZIPPED_BY_AWS} bytes",
    )


def too_large(limit: int, operation: str) -> errors.RequestTooLarge:
    return errors.RequestTooLarge(
        f"Request must be smaller than {limit} bytes for the {operation} operation"
    )


def not_here(operation: str | None, method: str, path: str) -> errors.NoSuchEndpoint:
    """The refusal of another part of AWS's API. `operation`: None where AWS has none at that
    path."""
    what = f"{operation} ({method} {path})" if operation else f"{method} {path}"
    return errors.NoSuchEndpoint(
        f"taskdock does not have this part of AWS Lambda: {what}. What it has is listed in its"
        " docs/lambda-api.md."
    )


def break_down() -> Response:
    """The answer when taskdock itself has failed."""
    return _answer("ServiceException", "there was an internal error; taskdock's log has more")


def _answer(name: str, message: str) -> Response:
    shape = _SHAPES[name]
    shown = present({"Reason": shape.reason, "Type": shape.blames, shape.message: message})
    body = json.dumps(shown, separators=(",", ":"))
    return Response(body, shape.status, {"X-Amzn-Errortype": name}, content_type="application/json")
