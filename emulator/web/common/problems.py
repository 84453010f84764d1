"""The answer of each error: one table from error class to HTTP status, code and name.

Codes and names are the Task Service's. A class that is not listed answers as its nearest listed
base; a test checks that every class has an answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from typing import NamedTuple

from taskdock.base import errors
from taskdock.base.strict_json import Json


class Problem(NamedTuple):
    status: int
    code: int
    name: str


PROBLEMS: dict[type[errors.TaskdockError], Problem] = {
    errors.TaskdockError: Problem(500, 1, "SERVER_EXCEPTION"),
    errors.CallerError: Problem(400, 22, "BODY_FORMAT_EXCEPTION"),
    errors.NotAllowed: Problem(401, 10, "NO_PERMISSION_EXCEPTION"),
    errors.StorageError: Problem(503, 1, "SERVER_EXCEPTION"),
    errors.DiskFull: Problem(507, 1, "SERVER_EXCEPTION"),
    errors.BadId: Problem(400, 12, "ID_FORMAT_EXCEPTION"),
    errors.EmptyBody: Problem(400, 13, "EMPTY_BODY_EXCEPTION"),
    errors.MissingFields: Problem(400, 14, "MISSING_REQUIRED_FIELDS_EXCEPTION"),
    errors.BadField: Problem(400, 15, "FIELD_FORMAT_EXCEPTION"),
    errors.NotFound: Problem(404, 16, "RESOURCE_UNKNOWN_EXCEPTION"),
    errors.NoSuchEndpoint: Problem(404, 11, "ENDPOINT_EXCEPTION"),
    errors.AlreadyExists: Problem(400, 17, "RESOURCE_ALREADY_EXISTS_EXCEPTION"),
    errors.BadQuery: Problem(400, 19, "INVALID_RQL_EXCEPTION"),
    errors.EmptyQuery: Problem(400, 20, "EMPTY_RQL_EXCEPTION"),
    errors.BodyNotJson: Problem(400, 22, "BODY_FORMAT_EXCEPTION"),
    errors.IllegalState: Problem(400, 27, "ILLEGAL_STATE_EXCEPTION"),
    errors.NoApplication: Problem(401, 101, "APPLICATION_NOT_AUTHENTICATED_EXCEPTION"),
    errors.NotSignedIn: Problem(401, 104, "USER_NOT_AUTHENTICATED_EXCEPTION"),
    errors.WrongPassword: Problem(401, 106, "AUTHENTICATION_EXCEPTION"),
    errors.UnknownConsumerKey: Problem(401, 107, "OAUTH_KEY_EXCEPTION"),
    errors.UnknownToken: Problem(401, 108, "OAUTH_TOKEN_EXCEPTION"),
    errors.BadSignature: Problem(401, 109, "OAUTH_SIGNATURE_EXCEPTION"),
    errors.DuplicateRequest: Problem(401, 110, "DUPLICATE_REQUEST_EXCEPTION"),
    errors.UnknownAccessToken: Problem(401, 117, "ACCESS_TOKEN_UNKNOWN_EXCEPTION"),
    errors.ExpiredAccessToken: Problem(401, 118, "ACCESS_TOKEN_EXPIRED_EXCEPTION"),
    errors.UnknownRefreshToken: Problem(400, 119, "REFRESH_TOKEN_UNKNOWN_EXCEPTION"),
    errors.UnsupportedGrant: Problem(400, 121, "UNSUPPORTED_GRANT_EXCEPTION"),
    errors.UnknownClient: Problem(401, 123, "OAUTH2_CLIENT_ID_EXCEPTION"),
    errors.WrongClientSecret: Problem(401, 124, "OAUTH2_CLIENT_SECRET_EXCEPTION"),
    errors.NoClientCredentials: Problem(400, 126, "OAUTH2_MISSING_CLIENT_CREDENTIALS_EXCEPTION"),
    errors.TooManySignIns: Problem(429, 211, "LOGIN_TIMEOUT_EXCEPTION"),
    errors.EmailTaken: Problem(400, 203, "EMAIL_USED_EXCEPTION"),
    errors.BadFunctionCode: Problem(400, 1401, "INVALID_FUNCTION_CODE_EXCEPTION"),
    errors.BadConfiguration: Problem(400, 1402, "INVALID_FUNCTION_CONFIGURATION_EXCEPTION"),
    errors.TooManyExecutions: Problem(400, 1403, "CONCURRENT_EXECUTION_LIMIT_EXCEPTION"),
    errors.TimeLimitTooLong: Problem(
        400, 1404, "TIME_LIMIT_EXCEEDS_DIRECT_EXECUTION_MAXIMUM_EXCEPTION"
    ),
    errors.InvocationFailed: Problem(400, 1405, "LAMBDA_INVOCATION_EXCEPTION"),
    errors.Unavailable: Problem(503, 1405, "LAMBDA_INVOCATION_EXCEPTION"),
    errors.FunctionFailed: Problem(400, 1406, "LAMBDA_RUNTIME_EXCEPTION"),
    errors.BadFunctionName: Problem(400, 1407, "INVALID_FUNCTION_NAME_EXCEPTION"),
    errors.NoLogs: Problem(400, 1408, "NO_TASK_LOGS_FOUND"),
    errors.BadApiResult: Problem(400, 1409, "INVALID_API_FUNCTION_RESULT"),
    errors.ApiTimeLimitTooLong: Problem(400, 1411, "API_FUNCTION_MAXIMUM_TIME_LIMIT"),
    errors.TooManyApiRequests: Problem(400, 1412, "CONCURRENT_API_FUNCTION_LIMIT_EXCEPTION"),
    errors.NoApiRequestLogs: Problem(400, 1413, "NO_API_REQUEST_LOGS_FOUND"),
    errors.ClockIsReal: Problem(409, 1901, "CLOCK_IS_REAL_EXCEPTION"),
    errors.EndlessWait: Problem(409, 1902, "CLOCK_STANDS_STILL_EXCEPTION"),
    errors.ClockRunsOn: Problem(409, 1903, "CLOCK_RUNS_ON_EXCEPTION"),
    errors.ClockSetBack: Problem(400, 1904, "CLOCK_SET_BACK_EXCEPTION"),
    errors.TooManyWaits: Problem(429, 1905, "TOO_MANY_WAITS_EXCEPTION"),
    errors.RequestTooLarge: Problem(413, 22, "BODY_FORMAT_EXCEPTION"),
}


def problem_of(kind: type[errors.TaskdockError]) -> Problem:
    return next(PROBLEMS[base] for base in kind.__mro__ if base in PROBLEMS)


def status_of(error: errors.TaskdockError) -> int:
    return problem_of(type(error)).status


def answer(error: errors.TaskdockError) -> tuple[Json, int]:
    """The JSON body and the HTTP status for `error`."""
    problem = problem_of(type(error))
    body: Json = {"code": problem.code, "name": problem.name, "message": error.message}
    if isinstance(error, errors.FunctionFailed):
        if error.task_id is not None:
            body["taskId"] = error.task_id
        body["runtimeError"] = {"name": error.error_name, "message": error.error_message}
    return body, problem.status


_REFUSALS: dict[int, str] = {
    HTTPStatus.NOT_FOUND: "there is no such endpoint; GET /docs lists those that there are",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "the body is larger than this endpoint takes",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "the body is not of a type that this endpoint takes",
    HTTPStatus.BAD_REQUEST: "the request cannot be read",
}


def refusal(method: str, path: str, status: int, allowed: Sequence[str] = ()) -> str:
    """The sentence of a refusal by the web framework. `allowed`: the methods that the path has."""
    if allowed:
        *most, last = allowed
        others = f"{', '.join(most)} or {last}" if most else last
        why = f"this path is called by {others}, not by {method[:40]}"
    else:
        why = _REFUSALS.get(status, f"it is refused with HTTP {status}")
    return f"{method[:40]} {path[:200]}: {why}"


def http_answer(status: int, why: str) -> tuple[Json, int]:
    """The answer of a refusal by the HTTP layer itself: the same shape, never HTML."""
    if status in (HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED):
        problem = PROBLEMS[errors.NoSuchEndpoint]
    elif status in (HTTPStatus.FORBIDDEN, HTTPStatus.MISDIRECTED_REQUEST):
        problem = PROBLEMS[errors.NotAllowed]
    elif status < HTTPStatus.INTERNAL_SERVER_ERROR:
        problem = PROBLEMS[errors.CallerError]
    else:
        problem = PROBLEMS[errors.TaskdockError]
    return {"code": problem.code, "name": problem.name, "message": why}, status
