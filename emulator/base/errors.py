"""Every error that crosses a boundary; a docstring's first line is the default message.

This module has over 250 lines because it is one table: the tree below, and its classes.

TaskdockError
├── CallerError                 the request is at fault
│   ├── EmptyBody
│   ├── BodyNotJson
│   ├── MissingFields
│   ├── BadField
│   │   └── BadDouble
│   ├── BadId
│   ├── BadQuery
│   ├── EmptyQuery
│   ├── NotFound
│   │   └── NoSuchEndpoint
│   ├── AlreadyExists
│   ├── IllegalState
│   ├── NotAllowed              who is asking may not, or is not known
│   │   ├── NoPermission
│   │   ├── NotSignedIn
│   │   ├── NoApplication
│   │   ├── WrongPassword
│   │   ├── UnknownConsumerKey
│   │   ├── UnknownToken
│   │   ├── BadSignature
│   │   ├── DuplicateRequest
│   │   ├── UnknownAccessToken
│   │   ├── ExpiredAccessToken
│   │   ├── UnknownClient
│   │   └── WrongClientSecret
│   ├── NoClientCredentials
│   ├── UnknownRefreshToken
│   ├── UnsupportedGrant
│   ├── EmailTaken
│   ├── TooManySignIns
│   ├── NoLogs
│   ├── NoApiRequestLogs
│   ├── BadFunctionCode
│   │   └── EmptyFunctionCode
│   ├── BadConfiguration
│   │   └── UnknownRuntime
│   ├── BadFunctionName
│   ├── TooManyExecutions
│   ├── TimeLimitTooLong
│   ├── TooManyApiRequests
│   ├── ApiTimeLimitTooLong
│   ├── RequestTooLarge
│   ├── BadApiResult
│   ├── ClockIsReal
│   ├── ClockSetBack
│   ├── EndlessWait
│   ├── ClockRunsOn
│   ├── TooManyWaits
│   ├── InvocationFailed
│   │   └── Unavailable
│   └── FunctionFailed
├── EngineError                 containers cannot be run
│   ├── EngineUnreachable
│   ├── ImageNotAvailable
│   ├── NotReachable
│   └── StartFailed
├── StorageError                what has to be kept cannot be written, or read
│   ├── DiskFull
│   ├── DatabaseDamaged
│   ├── DatabaseLocked
│   ├── DataFolderLost
│   └── ForeignFile
├── IllegalMove                 a state table was asked for a move that it does not have
└── StartupError                the server cannot start

A function's own failure during an invocation is not here: it is an outcome, a value.
Which HTTP status and which code of the Task Service belongs to which class: `web/problems.py`.
"""

from __future__ import annotations


class TaskdockError(Exception):
    """Something went wrong inside taskdock."""

    def __init__(self, message: str | None = None) -> None:
        summary = (type(self).__doc__ or "").strip().splitlines()[0]
        super().__init__(message or summary)

    @property
    def message(self) -> str:
        return str(self.args[0])


class CallerError(TaskdockError):
    """The request could not be carried out."""


class EmptyBody(CallerError):
    """The request has no body, and this endpoint needs one."""


class BodyNotJson(CallerError):
    """The body is not a JSON object."""


class MissingFields(CallerError):
    """A required field is missing."""


class BadField(CallerError):
    """A field has the wrong type or a value outside its range."""


class BadDouble(BadField):
    """A double is not written as one."""

    def __init__(self, message: str | None = None, *, key: str = "") -> None:
        """`key`: of the double, the one whose value is wrong; "": no single one is."""
        super().__init__(message)
        self.key = key


class BadId(CallerError):
    """An id is 24 lower-case hexadecimal digits."""


class BadQuery(CallerError):
    """The RQL in the query string is not valid."""


class EmptyQuery(CallerError):
    """This endpoint needs RQL that says which ones it is about."""


class NotFound(CallerError):
    """Requested resource is unknown."""


class NoSuchEndpoint(NotFound):
    """There is no such endpoint."""


class AlreadyExists(CallerError):
    """A resource with this name exists already."""


class IllegalState(CallerError):
    """The resource is not in a state that allows this."""


class NotAllowed(CallerError):
    """The caller may not do this."""


class NoPermission(NotAllowed):
    """The user does not have the permission that this needs."""


class NotSignedIn(NotAllowed):
    """This needs a user: sign the request with OAuth1, or send an OAuth2 access token."""


class NoApplication(NotAllowed):
    """This needs an application: sign the request with its OAuth1 consumer key."""


class WrongPassword(NotAllowed):
    """The e-mail address and the password do not belong together."""


class UnknownConsumerKey(NotAllowed):
    """The OAuth1 consumer key is unknown."""


class UnknownToken(NotAllowed):
    """The OAuth1 token is unknown, or belongs to another consumer key."""


class BadSignature(NotAllowed):
    """The OAuth1 signature is not that of this request."""


class DuplicateRequest(NotAllowed):
    """The request was received before: each needs an OAuth1 nonce of its own."""


class UnknownAccessToken(NotAllowed):
    """The OAuth2 access token is unknown."""


class ExpiredAccessToken(NotAllowed):
    """The OAuth2 access token has expired; get a new one with the refresh token."""


class UnknownClient(NotAllowed):
    """The OAuth2 client id is unknown."""


class WrongClientSecret(NotAllowed):
    """The OAuth2 client secret is wrong."""


class NoClientCredentials(CallerError):
    """The request names no OAuth2 client."""


class UnknownRefreshToken(CallerError):
    """The OAuth2 refresh token is unknown, or belongs to another client."""


class UnsupportedGrant(CallerError):
    """The OAuth2 grants here are password and refresh_token."""


class TooManySignIns(CallerError):
    """Too many passwords are being checked at the moment: try again in a few seconds."""


class EmailTaken(CallerError):
    """There is a user with this e-mail address already."""


class NoLogs(CallerError):
    """No logs were found for this task."""


class NoApiRequestLogs(CallerError):
    """No logs were found for this API request."""


class BadFunctionCode(CallerError):
    """The code is not a usable zip file."""


class EmptyFunctionCode(BadFunctionCode):
    """The zip holds no file."""


class BadConfiguration(CallerError):
    """A setting of the function is not valid."""


class UnknownRuntime(BadConfiguration):
    """The runtime is not one that AWS Lambda has."""


class BadFunctionName(CallerError):
    """A function name is 1 to 64 letters, digits and hyphens; AWS's API has underscores, too, which
    no task-config.json takes."""


class TooManyExecutions(CallerError):
    """The limit of direct executions at the same time is reached; wait until one is done."""


class TimeLimitTooLong(CallerError):
    """A function with a time limit over 30 seconds cannot be executed directly."""


class TooManyApiRequests(CallerError):
    """The limit of API functions that run at the same time is reached; wait until one is done."""


class ApiTimeLimitTooLong(CallerError):
    """A function with a time limit over 30 seconds cannot be called as an API function."""


class RequestTooLarge(CallerError):
    """A request to an API function can have 6 MB at most."""


class BadApiResult(CallerError):
    """The API function returned something that is no valid response."""


class InvocationFailed(CallerError):
    """The function could not be started."""


class Unavailable(InvocationFailed):
    """No function can be run at the moment: try again later."""


class FunctionFailed(CallerError):
    """Invoking the function resulted in a runtime error."""

    def __init__(self, *, error_name: str, error_message: str, task_id: str | None = None) -> None:
        """`task_id`: None for an API function."""
        super().__init__()
        self.task_id = task_id
        self.error_name = error_name
        self.error_message = error_message


class ClockIsReal(CallerError):
    """This server's clock is the machine's; start it with --clock manual or --clock auto."""


class ClockSetBack(CallerError):
    """That moment has passed, and time never goes back."""


class EndlessWait(CallerError):
    """The clock stands still, so that this can never happen."""


class ClockRunsOn(CallerError):
    """Work is due again and again, so that a move of the clock does not come to its end."""


class TooManyWaits(CallerError):
    """Too many calls wait for a task, the clock or a reset; try again when one has ended."""


class EngineError(TaskdockError):
    """The container engine refused or failed."""


class EngineUnreachable(EngineError):
    """No Docker Engine answers; start it, or set DOCKER_HOST to its address."""


class ImageNotAvailable(EngineError):
    """The container image is not here, cannot be pulled, and has no stand-in."""


class StartFailed(EngineError):
    """The container did not start."""


class NotReachable(StartFailed):
    """A container cannot reach this server."""


class StorageError(TaskdockError):
    """The data folder cannot be used."""


class DiskFull(StorageError):
    """The disk that has the data folder is full."""


class DatabaseDamaged(StorageError):
    """The database is damaged."""


class DatabaseLocked(StorageError):
    """Another program holds the database's lock."""


class DataFolderLost(StorageError):
    """The data folder was removed or replaced while the server ran."""


class ForeignFile(StorageError):
    """Something in the data folder is not what taskdock has made."""


class IllegalMove(TaskdockError):
    """A state change that the table does not allow."""


class StartupError(TaskdockError):
    """The server cannot start."""
