"""Passwords: salted scrypt hashes in werkzeug's format, `method:parameters$salt$hash`.

Hashing takes much memory and processor time on purpose, so only a few passwords are hashed at the
same time. A flood of sign-ins or registrations delays other sign-ins and registrations, and no
other request.
"""

from __future__ import annotations

import hashlib
import hmac
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from werkzeug.security import check_password_hash, generate_password_hash

from taskdock.base.errors import BadField, TooManySignIns
from taskdock.base.timing.limits import Limits

SHORTEST, LONGEST = 8, 256
"""Characters of a new password. https://pages.nist.gov/800-63-4/sp800-63b.html#passwordver has the
minimum; the maximum is taskdock's own, so that no megabytes are hashed."""
_OLD_COST, _OLD_BLOCK, _OLD_PARALLEL = 2**14, 8, 1  # of hashes whose text has no parameters


def check_new(password: str) -> None:
    """Raises `BadField` if a new password is too short or too long."""
    if not SHORTEST <= len(password) <= LONGEST:
        raise BadField(f"password: it needs {SHORTEST} to {LONGEST} characters")


class Passwords:
    """Hashes and compares passwords. Every method may be called on any thread."""

    def __init__(self, limits: Limits = Limits()) -> None:  # noqa: B008 - frozen
        self._method = f"scrypt:{limits.password_cost}:8:1"
        self._patience = limits.password_patience
        self._places = threading.BoundedSemaphore(limits.password_hashes)
        self._waiting = threading.BoundedSemaphore(limits.password_hashes + limits.password_waiting)

    def hashed(self, password: str) -> str:
        """The text to store for a password. Raises `TooManySignIns`."""
        with self._turn():
            return generate_password_hash(password, self._method)

    def matches(self, password: str, kept: str | None) -> bool:
        """Whether the password is the one of the stored hash `kept`. Raises `TooManySignIns`.

        `kept` is None for an account without a password and for an account that does not exist:
        nothing matches then, and the answer takes as long as a comparison, so that it does not
        tell which accounts exist.
        """
        if len(password) > LONGEST:
            return False  # for every account, so this tells nothing about any
        with self._turn():
            if kept is None:
                generate_password_hash(password, self._method)
                return False
            if "$" not in kept:
                return _matches_old(password, kept)
            return check_password_hash(kept, password)

    def is_current(self, kept: str) -> bool:
        """Whether `kept` has the method and parameters of a new hash."""
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
    """Compares with a hash of the old form, `scrypt:SALT:HASH`."""
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
