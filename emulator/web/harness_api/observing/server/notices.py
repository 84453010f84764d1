"""/taskdock/notices: the latest notices of the server, without what is secret in them."""

from __future__ import annotations

import logging
import re
import threading
from collections import deque
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Annotated, Any, TypedDict

from flask import request

from taskdock.base.errors import BadField
from taskdock.base.notices import Notice, Notices
from taskdock.base.strict_json import IsoTime, Json, one_of
from taskdock.base.timing.clock import Clock, SystemClock, to_iso
from taskdock.lambdas.notices import OF_CALLS
from taskdock.web.harness_api.endpoint import endpoint

MOST = 500
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
HIDDEN = "***"
"""In place of a secret."""
_SECRET = re.compile(r"password|secret|token|credential|authorization|cookie", re.IGNORECASE)


@dataclass(frozen=True)
class KeptNotice:
    number: int
    """Grows with each notice."""
    at: datetime
    """In real time, as in the log."""
    notice: Notice


class KeptNotices:
    """For any thread. A notice costs one entry of a list that does not grow: its text is made when
    somebody reads it."""

    def __init__(self, notices: Notices, clock: Clock | None = None) -> None:
        """`clock`: None is the machine's."""
        self._clock = clock or SystemClock()
        self._kept: deque[KeptNotice] = deque(maxlen=MOST)
        self._number = 0
        self._lock = threading.Lock()
        # Of calls there may be a thousand a second, which would leave room for nothing else.
        notices.subscribe(Notice, self._keep, but=OF_CALLS)

    def _keep(self, notice: Notice) -> None:
        at = self._clock.now()
        with self._lock:
            self._number += 1
            self._kept.append(KeptNotice(self._number, at, notice))

    def all(self) -> list[KeptNotice]:
        """The newest first."""
        with self._lock:
            return list(reversed(self._kept))


class NoticeJson(TypedDict):
    number: int
    """Grows with each notice."""
    at: IsoTime
    level: Annotated[str, one_of(*LEVELS)]
    name: str
    facts: Json


class NoticesJson(TypedDict):
    data: list[NoticeJson]


class NoticeViews:
    def __init__(self, kept: KeptNotices) -> None:
        self._kept = kept

    @endpoint(
        "GET",
        "/taskdock/notices",
        summary="List what the server has noticed, the newest first; the latest 500 are kept",
        answer=NoticesJson,
        parameters=(
            {
                "name": "level",
                "in": "query",
                "description": "notices of this level and those above",
                "schema": {"type": "string", "enum": list(LEVELS)},
            },
            {
                "name": "text",
                "in": "query",
                "description": "notices that have this text in their name or facts",
                "schema": {"type": "string"},
            },
        ),
        errors=(BadField,),
    )
    def find(self) -> NoticesJson:
        level, text = request.args.get("level") or "DEBUG", request.args.get("text") or ""
        if level not in LEVELS:
            raise BadField(f"level: '{level[:40]}' is none; there are {', '.join(LEVELS)}")
        return {"data": find(self._kept, level, text)}


def find(kept: KeptNotices, level: str, text: str) -> list[NoticeJson]:
    """The newest first."""
    least = getattr(logging, level)
    wanted = text.strip().lower()
    found = (_to_json(each) for each in kept.all() if each.notice.level >= least)
    return [each for each in found if not wanted or _has(each, wanted)]


def _has(shown: NoticeJson, wanted: str) -> bool:
    words = [shown["name"], *(f"{name}={fact}" for name, fact in shown["facts"].items())]
    return any(wanted in word.lower() for word in words)


def _to_json(kept: KeptNotice) -> NoticeJson:
    notice = kept.notice
    facts = {
        name: HIDDEN if _SECRET.search(name) else _plain(fact)
        for name, fact in notice.facts.items()
    }
    return {
        "number": kept.number,
        "at": to_iso(kept.at),
        "level": logging.getLevelName(notice.level),
        "name": notice.name,
        "facts": facts,
    }


def _plain(fact: Any) -> Any:
    if isinstance(fact, Enum):
        return fact.value
    return fact if isinstance(fact, bool | int | float | str) else str(fact)
