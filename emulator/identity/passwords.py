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
from emulator.base.timing.limits import Limits

SHORTEST, LONGEST = 8, 256
"""Characters of a new password: https://pages.nist.gov/800-63-4/sp800-63b.html#passwordver has the
least; the most is ours, so that no megabytes are hashed."""
_OLD_COST, _OLD_BLOCK, _OLD_PARALLEL = 2**14, 8, 1  # of hashes that do not say theirs


def check_new(password: str) -> None:
    """Raises `BadField` for one that is too short or too long to be anybody's from now on."""
    if not SHORTEST <= len(password) <= LONGEST:
        raise BadField(f"password: it needs {SHORTEST} to {LONGEST} characters")


class Passwords:
    """For any thread."""

    def __init__(self, limits: Limits = Limits()) -> None:  # noqa: B008 - frozen
        self._method = f"scrypt:{limits.password_cost}:8:1"
        self._patience = limits.password_patience
        self._places = threading.BoundedSemaphore(limits.password_hashes)
        self._waiting = threading.BoundedSemaphore(limits.password_hashes + limits.password_waiting)

    def hashed(self, password: str) -> str:
        """Raises `TooManySignIns`."""
        with self._turn():
            return generate_password_hash(password, self._method)

    def matches(self, password: str, kept: str | None) -> bool:
        """`kept` is None for accounts without a password and for accounts that do not exist:
        nothing matches, and that takes as long as a comparison. Raises `TooManySignIns`."""
        if len(password) > LONGEST:
            return False  # whoever it is
        with self._turn():
            if kept is None:
                generate_password_hash(password, self._method)
                return False
            if "$" not in kept:
                return _matches_old(password, kept)
            return check_password_hash(kept, password)

    def is_current(self, kept: str) -> bool:
        """Whether `kept` was hashed as a new one would be."""
        return kept.startswith(f"{self._method}$")

    @contextmanager
    def _turn(self) -> Iterator[None]:
        if not self._waiting.acquire(blocking=False):
            raise TooManySignIns
        try:
            if not self._places.acquire(timeout=self._patience):
                raise TooManySignIns
            try:
                yield
            finally:
                self._places.release()
        finally:
            self._waiting.release()


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
