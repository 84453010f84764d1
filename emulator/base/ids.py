"""Ids and other unguessable words: the only module that draws random numbers."""

from __future__ import annotations

import itertools
import os
import re
import threading
import time
import uuid
from datetime import datetime

_OBJECT_ID = re.compile(r"[0-9a-f]{24}")
_DRAWN = 4096  # bytes at a time: a visit to the kernel's generator costs more than all the rest

_lock = threading.Lock()
_drawn = b""  # and not given out yet


def _random(length: int) -> bytes:
    """Bytes of the kernel's generator. None are given out twice, by no copy of this process
    either."""
    global _drawn  # noqa: PLW0603 - this process has one such buffer
    with _lock:
        if len(_drawn) < length:
            _drawn = os.urandom(_DRAWN)
        given, _drawn = _drawn[:length], _drawn[length:]
    return given


def _begin() -> None:
    """Called in a new process, so that a copy made by `os.fork` shares nothing with its
    original."""
    global _lock, _drawn, _process, _counter  # noqa: PLW0603
    _lock, _drawn = threading.Lock(), b""
    _process = _random(5).hex()
    _counter = itertools.count(int.from_bytes(_random(2), "big"))


_process, _counter = "", itertools.count()
_begin()
os.register_at_fork(after_in_child=_begin)


def object_id(now: datetime) -> str:
    """A Task Service id, 24 hex digits: the seconds of `now`, a word of this process, a counter.

    It is made as MongoDB makes its ObjectId, so that ids made later sort later.
    https://www.mongodb.com/docs/manual/reference/bson-types/#objectid
    """
    return f"{int(now.timestamp()):08x}{_process}{next(_counter) & 0xFFFFFF:06x}"


def is_object_id(text: str) -> bool:
    return _OBJECT_ID.fullmatch(text) is not None


def request_id() -> str:
    """An AWS request id: a random UUID."""
    return str(uuid.UUID(bytes=_random(16), version=4))


def trace_id() -> str:
    """An X-Ray trace id that is not sampled, as AWS puts it into its header.
    https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html#xray-concepts-tracingheader
    """
    return f"Root=1-{int(time.time()):08x}-{word(24)};Parent={word()};Sampled=0"


def word(length: int = 16) -> str:
    """`length` random hex digits (an even number), for names that nobody may guess."""
    return _random(length // 2).hex()
