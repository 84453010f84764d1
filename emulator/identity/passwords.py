"""Passwords, kept as salted scrypt hashes: salt and hash in one text."""

from __future__ import annotations

import hashlib
import hmac

from emulator import ids

_COST, _BLOCK, _PARALLEL = 2**14, 8, 1  # 16 MB and some 50 ms for each try


def hashed(password: str) -> str:
    salt = ids.word(32)
    return f"scrypt:{salt}:{_scrypt(password, salt)}"


def matches(password: str, kept: str | None) -> bool:
    """None is the password of accounts that have none: nothing matches."""
    if kept is None:
        return False
    _, salt, expected = kept.split(":")
    return hmac.compare_digest(_scrypt(password, salt), expected)


def _scrypt(password: str, salt: str) -> str:
    key = hashlib.scrypt(
        password.encode(), salt=bytes.fromhex(salt), n=_COST, r=_BLOCK, p=_PARALLEL, dklen=32
    )
    return key.hex()
