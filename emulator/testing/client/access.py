"""Access to a server: its endpoints, with refusals as the harness' own exceptions; sessions."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Any

import requests

from taskdock.client.api import Json, TaskService
from taskdock.client.connection import SECONDS_TO_ANSWER, Sign
from taskdock.client.errors import ServiceError
from taskdock.testing.values.data import check_json
from taskdock.testing.values.errors import ClockStandsStill, NotSupported

NO_SUCH_ENDPOINT = 11
NO_PERMISSION = 10
_CLOCK_IS_REAL = "CLOCK_IS_REAL_EXCEPTION"
_CLOCK_STANDS_STILL = "CLOCK_STANDS_STILL_EXCEPTION"
SECONDS = 120.0
"""Seconds that a server may take to answer a short call."""

_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")


_IN_A_TEST = ', in a test: running(clock="auto"), or @pytest.mark.taskdock(clock="auto")'


class CheckedService(TaskService):
    """The Task Service; what it is sent is checked first, and named where it is no JSON."""

    def call(
        self,
        method: str,
        path: str,
        body: Json | None = None,
        *,
        also: int | None = None,
        seconds: float = SECONDS_TO_ANSWER,
    ) -> Json:
        """As `TaskService.call`. Raises `BadData`, too; then nothing was sent."""
        check_json(body)
        return super().call(method, path, body, also=also, seconds=seconds)


class HarnessAccess:
    """One server over HTTP, with connections that are kept."""

    def __init__(self, url: str, signature: Sign | None, *, signs: bool) -> None:
        """`signs`: whether the harness' own calls are signed. Where not, sessions alone are."""
        self._signature = signature
        self._sessions: dict[str, ServerSession] = {}
        self.service = CheckedService(url, signature if signs else None)
        """The Task Service."""
        self.url = self.service.url

    def close(self) -> None:
        self.service.close()
        for session in self._sessions.values():
            session.close()

    def call(
        self, method: str, path: str, body: Json | None = None, *, seconds: float = SECONDS
    ) -> Json:
        """The JSON object of an answer of the harness; `path` follows /taskdock. Raises
        `BadData`, `ServerUnreachable`, `ServiceError`, `NotSupported`, `ClockStandsStill`."""
        try:
            return self.service.call(method, f"/taskdock{path}", body, seconds=seconds)
        except ServiceError as error:
            refusal = _of_harness(error, f"{method} /taskdock{path.partition('?')[0]}")
            raise (refusal or error) from None

    def require_function(self, name: str) -> None:
        """Raises `UnknownFunction` where there is none of this name. For where nothing was found:
        a name that is written wrong would find nothing either."""
        with suppress(ServiceError):  # who may not read functions may read the rest
            self.service.function(name)

    def session(self, below: str = "") -> ServerSession:
        """A session for paths below this one; the same one each time. Raises `NotSupported` where
        the harness has no credentials of the server."""
        if self._signature is None:
            raise NotSupported(
                f"no credentials of {self.url} are known: API_HOST and the four API_OAUTH_"
                ' variables have to be those of this server; eval "$(taskdock env)" sets them'
            )
        return self._session(below, self._signature)

    def open_session(self, below: str) -> ServerSession:
        """As `session`, and unsigned where the harness has no credentials."""
        return self._session(below, self._signature)

    def _session(self, below: str, signature: Sign | None) -> ServerSession:
        if below not in self._sessions:
            self._sessions[below] = ServerSession(self.url + below, signature)
        return self._sessions[below]


class ServerSession(requests.Session):
    """A `requests.Session` whose relative URLs follow a base URL: `session.get("/tasks/v1/")`.

    Absolute URLs of other servers are refused: they would get credentials that are not theirs.
    """

    def __init__(self, base: str, signature: Sign | None) -> None:
        super().__init__()
        self.base = base
        self.trust_env = False  # a server of this machine: no proxy, no .netrc
        self.auth = signature

    def request(self, method: str | bytes, url: str | bytes, *args: Any, **options: Any) -> Any:
        """As `requests.Session.request`, with a limit of 120 s unless another one is given."""
        text = url.decode() if isinstance(url, bytes) else url
        if not _ABSOLUTE.match(text):
            text = f"{self.base}/{text.lstrip('/')}"
        elif not f"{text}/".startswith(f"{self.base}/"):
            raise ValueError(f"{text} is not below {self.base}, the server of this session")
        options.setdefault("timeout", SECONDS)
        return super().request(method, text, *args, **options)


def _of_harness(error: ServiceError, asked: str) -> Exception | None:
    sentence = str(error.answer.get("message", ""))
    if error.name == _CLOCK_STANDS_STILL:
        return ClockStandsStill(sentence)
    if error.name == _CLOCK_IS_REAL:
        return NotSupported(f"{sentence.rstrip('.')}{_IN_A_TEST}")
    if error.code == NO_PERMISSION:
        return NotSupported(sentence)
    if error.code == NO_SUCH_ENDPOINT:
        return NotSupported(f"this server has no {asked}: {sentence}")
    return None
