"""Ids and other unguessable words: the only module that draws random numbers."""

from __future__ import annotations

import itertools
import os
import re
import threading
import time
import uuid

_OBJECT_ID = re.compile(r"[0-9a-f]{24}")
_DRAWN = 4096  # bytes at a time: a visit to the kernel's generator costs more than all the rest

_lock = threading.Lock()
_stock = b""


def _random(length: int) -> bytes:
    """Bytes of the kernel's generator; none is given out twice."""
    global _stock  # noqa: PLW0603 - the one stock of this process
    with _lock:
        if len(_stock) < length:
            _stock = os.urandom(_DRAWN)
        drawn, _stock = _stock[:length], _stock[length:]
    return drawn


_PROCESS = _random(5).hex()
_counter = itertools.count(int.from_bytes(_random(2), "big"))


def object_id() -> str:
    """A Task Service id, 24 hex digits: seconds, a word of this process, and a counter.

    Made as MongoDB makes its ObjectId, so that ids made later sort later.
    """
    return f"{int(time.time()):08x}{_PROCESS}{next(_counter) & 0xFFFFFF:06x}"


def is_object_id(text: str) -> bool:
    return _OBJECT_ID.fullmatch(text) is not None


def request_id() -> str:
    """An AWS request id: a random UUID."""
    return str(uuid.UUID(bytes=_random(16), version=4))


def trace_id() -> str:
    """An X-Ray trace id that is not sampled, as AWS puts it into its header."""
    return f"Root=1-{int(time.time()):08x}-{word(24)};Parent={word()};Sampled=0"


def word(length: int = 16) -> str:
    """`length` random hex digits, for names that nobody may guess."""
    return _random(length // 2).hex()
