"""Fixtures of the service tests that attacks on a running server need."""

from __future__ import annotations

from tests.service.conftest import (  # noqa: F401
    cheap_passwords,
    clock,
    dock,
    shared,
    start_dock,
    stop_later,
    timed_dock,
)
