"""Delays and limits that are no user's setting: all in one value, which a server is given.

A test that needs others gives its server others: `Limits(init=0.5)`. Nothing reads them from a
module, so none is ever patched. All times are seconds unless a field says otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Limits:
    # Environments

    init: float = 10.0
    """A runtime has to poll within this time; later, its first invocation restarts it.
    https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html"""

    # Engines (emulator/engines)

    engine_slow: float = 2.0
    """A start may take so long before the engine is asked whether it still answers."""

    # The stop of a server

    stop_writing: float = 15.0
    """Each part has this time that may have to wait for the database's lock."""
    stop_removing: float = 40.0
    """All containers together have this time to be removed; the pool's own limit is below it."""
    stop_requests: float = 5.0
    """Requests under way have this time once containers are gone."""
    # The server as a whole (emulator/base, emulator/server)

    trouble_over: float = 20.0
    """A trouble that nobody sees end, such as a want of descriptors, counts as over when it has not
    been met for so long. So a flood of it is reported once."""

    # Passwords (emulator/identity)

    password_cost: int = 2**15
    """scrypt's N, a power of two: 32 MB and about 80 ms for each hash. It is werkzeug's own.
    https://werkzeug.palletsprojects.com/en/stable/utils/#module-werkzeug.security"""
    password_patience: float = 10.0
    """A sign-in waits so long for its turn to hash."""
    password_hashes: int = 2
    """Passwords hashed side by side: together 64 MB."""
    password_waiting: int = 8
    """Sign-ins that wait for their turn; each holds a thread that answers."""
