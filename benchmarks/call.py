"""Calls of one function in one contender, through the Invoke API, and the function's log.

It knows neither which contender serves the function nor which answer is right.
"""

from __future__ import annotations

import base64
import http.client
import json
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

ANSWER_LIMIT = 40  # seconds until a call counts as unanswered
LOG_LIMIT = 3.0  # seconds that a line gets to reach the log
VERSION = "/2015-03-31"


@dataclass(frozen=True)
class Answer:
    """The answer that a caller gets; status 0 and a fault if there was no HTTP answer."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)  # names in lower case
    body: bytes = b""
    seconds: float = 0.0
    fault: str = ""

    @property
    def text(self) -> str:
        if not self.status:
            return f"no answer ({self.fault})"
        return self.body.decode(errors="replace") or f"no body, status {self.status}"

    @property
    def tail(self) -> str:
        """The log tail that comes with the answer, if any."""
        return base64.b64decode(self.headers.get("x-amz-log-result", "")).decode(errors="replace")

    @property
    def value(self) -> Any:
        """The result; raises Unanswered when there is none, as after a function error."""
        try:
            value = json.loads(self.body)
        except ValueError:
            raise Unanswered(self.text) from None
        failed = isinstance(value, dict) and "errorMessage" in value
        if failed or self.status != http.client.OK:
            raise Unanswered(self.text)
        return value


class Unanswered(Exception):
    """The function gave no result; the message is what came instead."""


@dataclass(frozen=True)
class Called:
    """A function that somebody serves; `path` is /2015-03-31/functions/NAME."""

    name: str
    address: tuple[str, int]
    path: str
    read_log: Callable[[], str] | None = None  # None: calls ask for the log's tail, and that is it
    tails: list[str] = field(default_factory=list)
    server: int = 0  # process id of who serves it, if that is a process
    answered_after: float = 0.0  # seconds from that process's start to its first answer
    containers: Mapping[str, str] = field(default_factory=dict)  # a filter for the engine
    created: Mapping[str, Any] = field(default_factory=dict)  # what CreateFunction answered

    def call(self, payload: bytes | object = b"{}", **headers: str) -> Answer:
        """Invokes it; an underscore in a header's name stands for a hyphen."""
        body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.read_log is None:
            named = {"X-Amz-Log-Type": "Tail", **named}
        answer = self.request("POST", f"{self.path}/invocations", body, named)
        self.tails.append(answer.tail)
        return answer

    def together(self, count: int, payload: object) -> list[Answer]:
        with ThreadPoolExecutor(count) as threads:
            return list(threads.map(lambda _: self.call(payload), range(count)))

    def request(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str] = {}
    ) -> Answer:
        return request(self.address, method, path, body, headers)

    def log(self, word: str = "REPORT ", times: int = 1) -> str:
        """The log so far, once it holds `word` so many times, or LOG_LIMIT has passed."""
        deadline = time.monotonic() + LOG_LIMIT
        while True:
            text = self.read_log() if self.read_log else "".join(self.tails)
            if text.count(word) >= times or time.monotonic() > deadline or not self.read_log:
                return text
            time.sleep(0.05)


def request(
    address: tuple[str, int],
    method: str,
    path: str,
    body: bytes | None = None,
    headers: Mapping[str, str] = {},
) -> Answer:
    connection = http.client.HTTPConnection(*address, timeout=ANSWER_LIMIT)
    begun = time.monotonic()
    try:
        connection.request(method, path, body, headers=dict(headers))
        reply = connection.getresponse()
        content = reply.read()
    except (OSError, http.client.HTTPException) as error:
        return Answer(0, seconds=time.monotonic() - begun, fault=type(error).__name__)
    finally:
        connection.close()
    named = {name.lower(): value for name, value in reply.getheaders()}
    return Answer(reply.status, named, content, time.monotonic() - begun)
