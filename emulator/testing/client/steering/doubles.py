"""Doubles: what a server answers in place of services that are not here."""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, TypedDict
from urllib.parse import parse_qsl, urlencode

from taskdock.base.errors import BadField
from taskdock.client.api import Json
from taskdock.client.connection import path_part
from taskdock.testing.client.access import HarnessAccess
from taskdock.testing.values.ids import id_of
from taskdock.testing.values.times import Length, moment_of, seconds_of
from taskdock.web.doubles.rules.file_content import with_content

_PATH = "/doubles"
NOTHING: Any = object()
"""Stands for a JSON body that a test does not give: None is JSON's null."""


class DoubleAnswer(TypedDict, total=False):
    """One answer of a sequence, in the words of `DoubleControl.add`."""

    json: Any
    text: str
    status: int
    headers: Mapping[str, str]
    file: str | os.PathLike[str]
    delay: Length
    failure: str | int


@dataclass(frozen=True, kw_only=True)
class RecordedCall:
    """A call that a double has answered, or that none has answered."""

    method: str
    path: str
    query: str
    """As it was sent, without its question mark."""
    headers: Mapping[str, str]
    """By their names in lower case; credentials are shown as ***."""
    json: Any
    """The body where it is JSON, else None."""
    text: str | None
    """The body where it is other text, else None."""
    content: bytes | None
    """The body where it is no text, else None."""
    status: int | None
    """Of the answer; None where there was none."""
    double: str | None
    """The id of the double that has answered; None: none has."""
    function: str | None
    """The function that called, where one did."""
    task: str | None
    """The id of the task that it was running."""
    at: datetime

    @property
    def parameters(self) -> dict[str, str]:
        """The parameters of the query, decoded; the last of several of one name."""
        return dict(parse_qsl(self.query, keep_blank_values=True))


@dataclass(frozen=True, kw_only=True)
class DoubleHandle:
    """A rule of the server; its calls can be asserted."""

    id: str
    method: str
    path: str
    _doubles: DoubleControl = field(repr=False, compare=False)

    @property
    def calls(self) -> list[RecordedCall]:
        """The calls that it has answered, the oldest first."""
        return self._doubles.calls(self)

    @property
    def used(self) -> int:
        """How often it has answered."""
        return sum(rule["used"] for rule in self._doubles.all() if rule["id"] == self.id)

    def remove(self) -> None:
        self._doubles.remove(self)


class DoubleControl:
    """The doubles of one server."""

    def __init__(self, access: HarnessAccess) -> None:
        self._access = access

    def add(
        self,
        method: str,
        path: str,
        *,
        json: Any = NOTHING,
        text: str | None = None,
        status: int | None = None,
        headers: Mapping[str, str] | None = None,
        file: str | os.PathLike[str] | None = None,
        delay: Length | None = None,
        failure: str | int | None = None,
        sequence: Sequence[DoubleAnswer] | None = None,
        query: Mapping[str, str] | None = None,
        rql: str | None = None,
        body: Any = None,
        request_headers: Mapping[str, str] | None = None,
        times: int | None = None,
    ) -> DoubleHandle:
        """Answers calls of this method and path; the newest rule that matches answers.

        `json`, `text`, `status`, `headers`, `file`, `delay`, `failure`: the answer; `file` is one
        of this machine, and is read now. `sequence`: several answers, one for each call, the last
        one from then on: `[{"status": 503}, {"json": {}}]`.
        `query`, `rql`, `body`, `request_headers`: what a call has to have. `times`: how often it
        answers; None: always. Raises `BadField` for a file that cannot be read, and for what has
        another form than said here, and `ServiceError` for a rule that can never match.
        """
        answer = DoubleAnswer()
        if json is not NOTHING:
            answer["json"] = json
        given = {
            "text": text,
            "status": status,
            "headers": headers,
            "file": file,
            "delay": delay,
            "failure": failure,
        }
        answer.update({name: value for name, value in given.items() if value is not None})  # type: ignore[typeddict-item]
        if answer and sequence is not None:
            raise ValueError(f"give a sequence or {', '.join(answer)}, not both")
        rule = {
            "method": method,
            "path": path,
            "query": None if query is None else _texts("query", query),
            "rql": rql,
            "headers": None
            if request_headers is None
            else _texts("request_headers", request_headers),
            "body": body,
            "times": times,
        }
        rule = {name: value for name, value in rule.items() if value is not None}
        if sequence is None:
            rule["answer"] = _wire(answer)
        else:
            rule["answers"] = [_wire(one) for one in sequence]
        added = self._access.call("POST", _PATH, rule)
        return DoubleHandle(id=added["id"], method=method, path=path, _doubles=self)

    def calls(
        self, double: DoubleHandle | str | None = None, *, unmatched: bool = False
    ) -> list[RecordedCall]:
        """The calls to doubles, the oldest first. `unmatched`: only those without a double."""
        asked = {}
        if double is not None:
            asked["double"] = id_of(double, DoubleHandle, "double")
        if unmatched:
            asked["unmatched"] = "true"
        found = self._access.call("GET", f"{_PATH}/calls?{urlencode(asked)}".rstrip("?"))["data"]
        return [_call(one) for one in found]

    def all(self) -> list[Json]:
        """The rules, as the server shows them."""
        return list(self._access.call("GET", _PATH)["data"])

    def remove(self, double: DoubleHandle | str) -> None:
        """The double, or its id."""
        id = id_of(double, DoubleHandle, "double")
        self._access.call("DELETE", f"{_PATH}/{path_part(id)}")

    def clear(self) -> None:
        """Removes all of them."""
        self._access.call("DELETE", _PATH)


def _wire(answer: DoubleAnswer) -> Json:
    if not isinstance(answer, Mapping):
        raise BadField(f'an answer is a dict, such as {{"status": 503}}, not {answer!r}')
    wire: Json = dict(answer)
    if "headers" in answer:
        wire["headers"] = _texts("headers", answer["headers"])
    if "file" in answer:  # the server may be another machine's, and knows only its own folder
        file = Path(answer["file"])
        wire = with_content(wire, file.name, _content(file))
    if "delay" in answer:
        wire["delay"] = seconds_of(answer["delay"])
    return wire


def _texts(name: str, given: Mapping[str, str]) -> dict[str, str]:
    if not isinstance(given, Mapping):
        raise BadField(f'{name} is a dict of texts, such as {{"name": "value"}}, not {given!r}')
    return dict(given)


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        where = "" if file.is_absolute() else f"; it is looked for in {Path.cwd()}"
        raise BadField(f"the file {file} cannot be read: {error.strerror}{where}") from None


def _call(one: Json) -> RecordedCall:
    return RecordedCall(
        method=one["method"],
        path=one["path"],
        query=one.get("query") or "",
        headers=one.get("headers") or {},
        json=one.get("json"),
        text=one.get("text"),
        content=base64.b64decode(one["base64"]) if one.get("base64") else None,
        status=one.get("status"),
        double=one.get("double"),
        function=one.get("functionName"),
        task=one.get("taskId"),
        at=moment_of(one["at"]),
    )
