"""ServerConnection: HTTP to one server, with JSON both ways, and the errors that calls raise."""

from __future__ import annotations

from typing import Any

import requests
import urllib3.exceptions
from requests.auth import AuthBase

from taskdock.client.errors import (
    CredentialsRefused,
    MalformedCall,
    ServerLost,
    ServerUnreachable,
    ServiceError,
)

Json = dict[str, Any]

MALFORMED = frozenset({12, 13, 14, 15, 19, 20, 22, 1901, 1904})
SIGN_IN = frozenset({104, 107, 108})

_SECONDS_TO_CONNECT = 5
# Longer than any direct execution, because the function's image may be pulled or built first.
SECONDS_TO_ANSWER = 900


class ServerConnection:
    """A server at one URL. Later calls use the connections of earlier ones.

    Calls block, for up to 900 s.
    """

    def __init__(self, url: str, signature: AuthBase | None = None) -> None:
        """`signature` signs each call. None: calls carry no credentials."""
        self.url = url.rstrip("/")
        self._session = requests.Session()
        # A server on localhost is called directly: without a proxy, and without a .netrc.
        self._session.trust_env = False
        self._session.auth = signature

    def close(self) -> None:
        self._session.close()

    def request(
        self, method: str, path: str, body: object = None, *, seconds: float = SECONDS_TO_ANSWER
    ) -> requests.Response:
        """Any answer, be it a refusal. `path` begins with a slash; `body` is sent as JSON, None: no
        body. `seconds`: the most that the server may take. Raises `requests.RequestException`."""
        limits = (_SECONDS_TO_CONNECT, seconds)
        return self._session.request(method, self.url + path, json=body, timeout=limits)

    def call(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        also: int | None = None,
        seconds: float = SECONDS_TO_ANSWER,
    ) -> Json:
        """The JSON object of the answer. `also`: an HTTP status beside 2xx whose answer may be a
        result, not an error. Raises `ServerUnreachable`, and `ServiceError` (or a subclass) for a
        refusal."""
        try:
            answer = self.request(method, path, body, seconds=seconds)
        except requests.RequestException as error:
            kind = ServerLost if _was_there(error) else ServerUnreachable
            raise kind(_explain(error, self.url, seconds)) from None
        try:
            content = answer.json()
            is_error = not answer.ok and (answer.status_code != also or "code" in content)
            if not is_error and isinstance(content, dict):
                return content
            failure = _failure(content)
        except (ValueError, TypeError, KeyError, AttributeError):
            raise ServerUnreachable(
                f"{self.url} answers {method} {path} with HTTP {answer.status_code}, "
                "but not as a taskdock server does; is this the right URL?"
            ) from None
        raise failure


def _failure(answer: Json) -> ServiceError:
    if answer["code"] in SIGN_IN:
        return CredentialsRefused(answer)
    return (MalformedCall if answer["code"] in MALFORMED else ServiceError)(answer)


def _was_there(error: requests.RequestException) -> bool:
    """Whether the server had taken the call before it failed."""
    if isinstance(error, requests.ReadTimeout | requests.exceptions.ChunkedEncodingError):
        return True
    return bool(error.args) and isinstance(error.args[0], urllib3.exceptions.ProtocolError)


def _explain(error: requests.RequestException, url: str, seconds: float) -> str:
    if isinstance(error, requests.ReadTimeout):
        return f"the server at {url} did not answer within {seconds:g} s"
    if not isinstance(error, requests.ConnectionError):
        return f"{url} cannot be called: {error}"
    if error.args and isinstance(error.args[0], urllib3.exceptions.ProtocolError):
        return f"the server at {url} closed the connection without an answer; was it stopped?"
    return f"no taskdock server answers at {url}; start one with: taskdock serve"
