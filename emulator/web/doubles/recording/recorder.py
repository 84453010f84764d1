"""Records a cluster's answers: hands a call on, and writes the answer down as a rule."""

from __future__ import annotations

import hashlib
import json
import os
import re
import threading
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote

from taskdock.base import strict_json
from taskdock.base.errors import BadQuery
from taskdock.base.health import Health
from taskdock.base.timing.clock import to_iso
from taskdock.web.common.rql import meaning
from taskdock.web.doubles.call import Absent, ServiceCall
from taskdock.web.doubles.files.folder import RECORDED
from taskdock.web.doubles.recording.cluster import Cluster, ClusterAnswer, NotReached
from taskdock.web.doubles.recording.masking import Masks
from taskdock.web.doubles.rules import answer as answers
from taskdock.web.doubles.rules.answer import ServiceAnswer
from taskdock.web.doubles.rules.yaml_writing import block, flow, text

_TROUBLE = "recording"
_CONTENT = "recorded"
"""The folder with large and binary content, below that of the doubles."""
_IN_PLACE = 16 * 1024  # bytes of an answer that stands in the rule itself
_LARGEST_BODY = 16 * 1024  # bytes of a body that a rule asks for
_KEPT = ("content-type", "content-disposition", "location", "etag", "link", "retry-after")
"""Headers of an answer that are written down."""
_BODILESS = (204, 304)
_NOT_WRITTEN = ("HEAD", "OPTIONS")
_FILE_TOKEN = re.compile(r"/files/v\d+/([^/]{16,})(?:/|$)")
"""In a path of the files service, the part that gives access to a file."""


class AnswerRecorder:
    """For any thread."""

    def __init__(self, cluster: Cluster, folder: Path, health: Health) -> None:
        """`folder`: that of the doubles, which is there."""
        self._cluster = cluster
        self._folder = folder
        self._health = health
        self._masks = Masks(cluster.secrets)
        self._lock = threading.Lock()
        host = re.sub(r"[^a-z0-9.-]", "-", cluster.host)
        self._file = folder / f"{RECORDED}{host}.yaml"

    def __call__(self, call: ServiceCall) -> ServiceAnswer | None:
        """The cluster's answer; None: the call may not be handed on."""
        if not self._cluster.takes(call):
            return None
        target = self._masks.revealed(call.target)
        body = call.body
        if not isinstance(call.json, Absent):
            body = self._masks.revealed(call.body.decode()).encode()
        try:
            found = self._cluster.answer(call, target, body)
        except NotReached as error:
            return answers.of_error(502, 1, "SERVER_EXCEPTION", str(error))
        if call.method not in _NOT_WRITTEN and not _is_passing(found.status):
            self._keep(call, found)
        headers = tuple(_headers_of(found))
        return ServiceAnswer(status=found.status, headers=headers, body=found.body)

    def _keep(self, call: ServiceCall, found: ClusterAnswer) -> None:
        """Writes the answer down. Where it cannot be written, its caller has it all the same."""
        try:
            self._write(self._rule(call, found))
            self._health.clear(_TROUBLE)
        except OSError as error:
            reason = f"an answer could not be written into {self._file}: {error.strerror}"
            self._health.report(_TROUBLE, reason, degraded=True)

    def _rule(self, call: ServiceCall, found: ClusterAnswer) -> str:
        content = _json(found)
        for value in (content, call.json):
            if not isinstance(value, Absent):
                self._masks.learn(value)
        self._masks.learn_query(call.query)
        self._masks.learn({"token": _FILE_TOKEN.findall(call.path)})
        lines = [
            f"# {to_iso(call.at)}",
            f"- method: {call.method}",
            f"  path: {text(self._path(call.path))}",
            *self._query(call.query),
            *self._body(call),
            "  answer:",
            f"    status: {found.status}",
            *self._headers(found, content),
            *self._content(call, found, content),
        ]
        return "\n".join(lines) + "\n"

    def _path(self, path: str) -> str:
        return quote(self._masks.text(path), safe="/!$&'()+,;=@~-._ ")

    def _query(self, query: str) -> list[str]:
        if not query:
            return []
        shown = self._masks.text(query)
        try:
            meaning.read(shown)
        except BadQuery:
            return [f"  query: {flow(parse_qs(shown, keep_blank_values=True))}"]
        return [f"  rql: {text(shown)}"]

    def _body(self, call: ServiceCall) -> list[str]:
        """The body that the rule asks for: without what is secret, for it is another next time."""
        if not isinstance(call.json, dict) or call.method in ("GET", "HEAD", "OPTIONS"):
            return []
        if len(call.body) > _LARGEST_BODY:
            return []
        return [f"  body: {block(self._asked(call.json), 2)}"]

    def _asked(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {k: self._asked(v) for k, v in value.items() if not self._masks.has(k)}
        if isinstance(value, list):
            return [self._asked(inner) for inner in value]
        return self._masks.json(value)

    def _headers(self, found: ClusterAnswer, content: Any) -> list[str]:
        kept = {name: self._masks.text(value) for name, value in _headers_of(found)}
        is_json = not isinstance(content, Absent)
        if is_json and kept.get("content-type", "").partition(";")[0] == "application/json":
            del kept["content-type"]
        return [f"    headers: {flow(kept)}"] if kept else []

    def _content(self, call: ServiceCall, found: ClusterAnswer, content: Any) -> list[str]:
        if not found.body or found.status in _BODILESS:
            return []
        if not isinstance(content, Absent):
            masked = self._masks.json(content)
            whole = json.dumps(masked, ensure_ascii=False, indent=2).encode()
            if len(whole) <= _IN_PLACE:
                return [f"    json: {block(masked, 4)}"]
            return [f"    file: {self._kept(whole, '.json')}"]
        try:
            plain = self._masks.text(found.body.decode())
        except UnicodeDecodeError:
            return [f"    file: {self._kept(found.body, '.bin')}"]
        if len(plain) <= _IN_PLACE:
            return [f"    text: {flow(plain)}"]
        return [f"    file: {self._kept(plain.encode(), '.txt')}"]

    def _kept(self, content: bytes, ending: str) -> str:
        """Writes content into a file of its own; the file's name from the folder on."""
        name = f"{_CONTENT}/{hashlib.sha256(content).hexdigest()[:16]}{ending}"
        path = self._folder / name
        path.parent.mkdir(exist_ok=True)
        _replace(path, content)
        return name

    def _write(self, rule: str) -> None:
        with self._lock:
            before = self._file.read_bytes().decode(*_AS_IT_IS) if self._file.exists() else _HEAD
            known = self._masks.text(before.rstrip())  # with what is known to be a secret since
            _replace(self._file, f"{known}\n\n{rule}".encode(*_AS_IT_IS))


_AS_IT_IS = ("utf-8", "surrogateescape")
"""The locale does not count, and bytes that are no UTF-8 stay as they are."""
_HEAD = "# Recorded by taskdock: secrets and tokens are masked, all else is as it was answered.\n"


def _headers_of(found: ClusterAnswer) -> list[tuple[str, str]]:
    return [(name, found.headers[name]) for name in _KEPT if name in found.headers]


def _json(found: ClusterAnswer) -> Any:
    kind = found.headers.get("content-type", "").partition(";")[0].strip().lower()
    if not (kind == "application/json" or kind.endswith("+json")) or not found.body.strip():
        return Absent()
    try:
        return strict_json.loads(found.body)
    except ValueError:
        return Absent()


def _is_passing(status: int) -> bool:
    """Whether an answer says something of the recording alone: another time it is another one."""
    return status in (401, 429) or not 200 <= status < 500


def _replace(path: Path, content: bytes) -> None:
    """Writes a file so that nobody ever reads half of it."""
    part = path.with_name(f".{path.name}.part")
    part.write_bytes(content)
    os.replace(part, path)
