"""Passwords, kept as salted scrypt hashes by werkzeug: method, its parameters and salt in the text.

To hash one takes memory and a processor on purpose, so few are hashed side by side: whoever tries
passwords, or registers, in a flood holds up others who do so, and nobody else.
"""

from __future__ import annotations

import hashlib
import hmac
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from werkzeug.security import check_password_hash, generate_password_hash

from emulator.base.errors import BadField, TooManySignIns

SHORTEST, LONGEST = 8, 256
"""Characters of a new password: https://pages.nist.gov/800-63-4/sp800-63b.html#passwordver has the
least; the most is ours, so that no megabytes are hashed."""
_COST = 2**15  # werkzeug's own: 32 MB and some 80 ms for each try
_OLD_COST, _OLD_BLOCK, _OLD_PARALLEL = 2**14, 8, 1  # of hashes that do not say theirs
_SIDE_BY_SIDE = 2  # 64 MB
_MOST_WAITING = 8  # of the threads that answer
_PATIENCE = 10.0  # seconds

_places = threading.BoundedSemaphore(_SIDE_BY_SIDE)
_waiting = threading.BoundedSemaphore(_SIDE_BY_SIDE + _MOST_WAITING)


def check_new(password: str) -> None:
    """Raises `BadField` for one that is too short or too long to be anybody's from now on."""
    if not SHORTEST <= len(password) <= LONGEST:
        raise BadField(f"password: it needs {SHORTEST} to {LONGEST} characters")


def hashed(password: str) -> str:
    """Raises `TooManySignIns`."""
    with _turn():
        return generate_password_hash(password, _method())


def matches(password: str, kept: str | None) -> bool:
    """None is the password of accounts that have none, or that are not there: nothing matches, and
    that takes as long as to compare one. Raises `TooManySignIns`."""
    if len(password) > LONGEST:
        return False  # whoever it is
    with _turn():
        if kept is None:
            generate_password_hash(password, _method())
            return False
        if "$" not in kept:
            return _matches_old(password, kept)
        return check_password_hash(kept, password)


def is_current(kept: str) -> bool:
    """Whether it was hashed as a new one would be."""
    return kept.startswith(f"{_method()}$")


def _method() -> str:
    return f"scrypt:{_COST}:8:1"


def _matches_old(password: str, kept: str) -> bool:
    """For one that was kept as scrypt:SALT:HASH."""
    _, salt, expected = kept.split(":")
    key = hashlib.scrypt(
        password.encode(),
        salt=bytes.fromhex(salt),
        n=_OLD_COST,
        r=_OLD_BLOCK,
        p=_OLD_PARALLEL,
        dklen=32,
    )
    return hmac.compare_digest(key.hex(), expected)


@contextmanager
def _turn() -> Iterator[None]:
    if not _waiting.acquire(blocking=False):
        raise TooManySignIns
    try:
        if not _places.acquire(timeout=_PATIENCE):
            raise TooManySignIns
        try:
            yield
        finally:
            _places.release()
    finally:
        _waiting.release()
