"""ServerConnection: HTTP to one server, with JSON both ways, and the errors that calls raise.

It is made of `http.client`, which starts in a fraction of the time of `requests`: a command is
over before that has been imported.
"""

from __future__ import annotations

import http.client
import json
import select
import socket
import weakref
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from taskdock.client.errors import (
    CredentialsRefused,
    MalformedCall,
    ServerLost,
    ServerUnreachable,
    ServiceError,
    WrongCall,
)

Json = dict[str, Any]
Sign = Callable[[Any], Any]
"""Signs a request: an object with `method`, `url` and `headers`, to which it adds some. Those of
`requests` are such objects, and so are ours, so that one signature serves both."""

MALFORMED = frozenset({11, 12, 13, 14, 15, 16, 19, 20, 22, 1901, 1904})
SIGN_IN = frozenset({104, 107, 108})

_SECONDS_TO_CONNECT = 5
# Longer than any direct execution, because the function's image may be pulled or built first.
SECONDS_TO_ANSWER = 900
_PORTS = {"http": 80, "https": 443}
_AS_IT_IS = "!$%&'()*+,/:;=?@[]~"  # in a target: RFC 3986's reserved characters but for #


class ServerConnection:
    """A server at one URL; for any thread. Later calls use the connections of earlier ones.

    Calls block, for up to 900 s. A server is called directly, without a proxy and without a .netrc,
    because it is on this machine.
    """

    def __init__(self, url: str, signature: Sign | None = None, named: str = "") -> None:
        """`url`: as `address.parse` returns it. `signature` signs each call. None: calls carry no
        credentials. `named`: who has named this URL, for the message when nobody answers there."""
        self.url = url.rstrip("/")
        scheme, _, rest = self.url.partition("://")
        self._is_secret = scheme == "https"
        self._authority, slash, path = rest.partition("/")
        self._below = slash + path
        self._signature = signature
        self._named = f" ({named})" if named else ""
        self._idle: deque[http.client.HTTPConnection] = deque()
        weakref.finalize(self, _close, self._idle)  # where nobody has called `close`

    def close(self) -> None:
        _close(self._idle)

    def call(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        also: int | None = None,
        seconds: float = SECONDS_TO_ANSWER,
    ) -> Json:
        """The JSON object of the answer. `path` begins with a slash; `body` is sent as JSON, None:
        no body. `also`: an HTTP status beside 2xx whose answer may be a result, not an error.
        `seconds`: the most that the server may take. Raises `ServerUnreachable`, and `ServiceError`
        (or a subclass) for a refusal."""
        request = self._request(method, path, body)
        status, text = self._exchange(request, seconds)
        try:
            content = json.loads(text)
            is_error = not 200 <= status < 400 and (status != also or "code" in content)
            if not is_error and isinstance(content, dict):
                return content
            failure = _failure(content)
        except (ValueError, TypeError, KeyError, AttributeError):
            raise ServerUnreachable(
                f"{self.url}{self._named} answers {method} {path} with HTTP {status}, "
                "but not as a taskdock server does; is this the right URL?"
            ) from None
        raise failure

    def _request(self, method: str, path: str, body: object) -> _Signable:
        target = quote(self._below + path, safe=_AS_IT_IS)
        request = _Signable(method, target, f"{self.url}{target[len(self._below) :]}")
        request.headers["Accept"] = "application/json"
        if body is not None:
            try:
                request.body = json.dumps(body, allow_nan=False).encode()
            except ValueError as error:
                raise WrongCall(f"this cannot be sent, since it is no JSON: {error}") from None
            request.headers["Content-Type"] = "application/json"
        if self._signature is not None:
            self._signature(request)
        return request

    def _exchange(self, request: _Signable, seconds: float) -> tuple[int, bytes]:
        """Status and body of the answer. Raises `ServerUnreachable`, or `ServerLost` where the
        server had taken the call."""
        connection = self._connected()
        try:
            if connection.sock is not None:
                connection.sock.settimeout(seconds)
            # A server may refuse a large body before it has read it: then its answer is there.
            with suppress(BrokenPipeError, ConnectionResetError):
                connection.request(request.method, request.target, request.body, request.headers)
            # One that is not closed is closed when it is forgotten, and Python passes over all that
            # is raised there: a Ctrl-C that came just then was lost.
            with connection.getresponse() as answer:
                found = answer.status, answer.read()
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            lost = isinstance(error, (ConnectionError, TimeoutError, http.client.IncompleteRead))
            raise (ServerLost if lost else ServerUnreachable)(
                self._explain(error, seconds)
            ) from None
        except BaseException:
            connection.close()
            raise
        if connection.sock is not None:  # else the server has closed it
            self._idle.append(connection)
        return found

    def _connected(self) -> http.client.HTTPConnection:
        with suppress(IndexError):
            while True:
                connection = self._idle.pop()
                if _is_open(connection.sock):
                    return connection
                connection.close()
        kind = http.client.HTTPSConnection if self._is_secret else http.client.HTTPConnection
        try:
            connection = kind(self._authority, timeout=_SECONDS_TO_CONNECT)
            connection.connect()
        except (OSError, http.client.HTTPException) as error:
            raise ServerUnreachable(self._nobody(error)) from None
        return connection

    def _nobody(self, error: Exception) -> str:
        where = f"{self.url}{self._named}"
        if self._is_secret and type(error).__module__ == "ssl":
            plain = self.url.replace("https", "http", 1)
            return f"{where} does not speak https: {error.args[-1]}; taskdock does not: {plain}"
        if isinstance(error, socket.gaierror):
            return f"no machine is known by the name in {where}: {error.strerror}"
        return f"no taskdock server answers at {where}; {self._advice()}"

    def _advice(self) -> str:
        host, _, port = self._authority.rpartition(":")
        if host not in ("localhost", "127.0.0.1", "[::1]"):
            return "is this the right address, and does the server listen there (--host)?"
        return f"start one with: taskdock serve{'' if port == '8080' else f' --port {port}'}"

    def _explain(self, error: Exception, seconds: float) -> str:
        where = f"{self.url}{self._named}"
        if isinstance(error, TimeoutError):
            return f"the server at {where} did not answer within {seconds:g} s"
        if isinstance(error, (ConnectionError, http.client.IncompleteRead)):
            return f"the server at {where} closed the connection without an answer; was it stopped?"
        if isinstance(error, http.client.HTTPException):
            return f"{where} answers, but not in HTTP; is this the right URL?"
        return f"{where} cannot be called: {error}"


@dataclass
class _Signable:
    """A request that is about to be sent. `target`: what follows the method, in HTTP's words."""

    method: str
    target: str
    url: str
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | None = None


def _close(idle: deque[http.client.HTTPConnection]) -> None:
    while idle:
        idle.pop().close()


def _is_open(connected: socket.socket | None) -> bool:
    """Whether an idle connection is still open. Nothing can be read from it but its end."""
    if connected is None:
        return False
    poll = select.poll()
    poll.register(connected, select.POLLIN)
    return not poll.poll(0)


def _failure(answer: Json) -> ServiceError:
    if answer["code"] in SIGN_IN:
        return CredentialsRefused(answer)
    return (MalformedCall if answer["code"] in MALFORMED else ServiceError)(answer)


def path_part(text: str) -> str:
    """A name or an id as one part of a path. Raises `WrongCall` for what no path can have there:
    without a name, a call of one thing would be a call of all of them."""
    if text.strip(".") == "":
        advice = "" if text else "; is a variable of the shell empty?"
        raise WrongCall(f"{text!r} is neither a name nor an id{advice}")
    return percent_encoded(text)


def percent_encoded(text: str) -> str:
    """`text`, percent-encoded. Raises `WrongCall` for bytes that no text has."""
    try:
        return quote(text, safe="")
    except UnicodeEncodeError:
        raise WrongCall(f"{text!a} is no text in UTF-8, as names and ids are") from None
