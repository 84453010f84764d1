"""The answer of a double, as a value, and what a caller may have to go through before it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any

from taskdock.base.errors import TaskdockError

Headers = tuple[tuple[str, str], ...]
JSON: Headers = (("Content-Type", "application/json"),)


class DoubleFailure(Enum):
    """No answer at all."""

    CONNECTION_RESET = "connection_reset"
    """The connection breaks."""
    NO_ANSWER = "no_answer"
    """Nothing comes, until the caller gives up."""


@dataclass(frozen=True, kw_only=True)
class ServiceAnswer:
    status: int = 200
    headers: Headers = ()
    body: bytes | Callable[[], bytes] = b""
    """A body that is called is read anew for each answer; it raises `OSError` where it cannot."""
    delay: float = 0.0  # seconds
    failure: DoubleFailure | None = None

    def content(self) -> bytes:
        """Raises `TaskdockError` where the file of the answer has gone."""
        if isinstance(self.body, bytes):
            return self.body
        try:
            return self.body()
        except OSError as error:
            raise TaskdockError(f"the file of a double's answer cannot be read: {error}") from None


def of_json(value: Any, status: int = 200) -> ServiceAnswer:
    return ServiceAnswer(
        status=status, headers=JSON, body=json.dumps(value, ensure_ascii=False).encode()
    )


def of_error(status: int, code: int, name: str, message: str) -> ServiceAnswer:
    """An error as the service writes it."""
    return of_json({"code": code, "name": name, "message": message}, status)
