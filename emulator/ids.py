"""Ids and other unguessable words: the only module that draws random numbers."""

from __future__ import annotations

import itertools
import re
import secrets
import time
import uuid

_OBJECT_ID = re.compile(r"[0-9a-f]{24}")
_PROCESS = secrets.token_hex(5)
_counter = itertools.count(secrets.randbelow(1 << 20))


def object_id() -> str:
    """A Task Service id, 24 hex digits: seconds, a word of this process, and a counter.

    Made as MongoDB makes its ObjectId, so that ids made later sort later.
    """
    return f"{int(time.time()):08x}{_PROCESS}{next(_counter) & 0xFFFFFF:06x}"


def is_object_id(text: str) -> bool:
    return _OBJECT_ID.fullmatch(text) is not None


def request_id() -> str:
    """An AWS request id: a random UUID."""
    return str(uuid.uuid4())


def trace_id() -> str:
    """An X-Ray trace id that is not sampled, as AWS puts it into its header."""
    return f"Root=1-{int(time.time()):08x}-{word(24)};Parent={word()};Sampled=0"


def word(length: int = 16) -> str:
    """`length` random hex digits, for names that nobody may guess."""
    return secrets.token_hex(length // 2)
