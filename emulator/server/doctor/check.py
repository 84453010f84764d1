"""Check: one check of the examination, run on a thread of its own with a time limit.

An exception that a check raises becomes a finding.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass

from taskdock.base.errors import TaskdockError
from taskdock.server.doctor.judges.finding import Finding, NotChecked, broken, unchecked

LIMIT = 45.0  # seconds


@dataclass(frozen=True)
class Check:
    name: str
    look: Callable[[], Finding]
    limit: float = LIMIT  # seconds


def perform(check: Check) -> Finding | None:
    """Runs the check. None: the check has not ended within its limit; its thread is left behind."""
    found: queue.SimpleQueue[Finding] = queue.SimpleQueue()
    threading.Thread(
        target=lambda: found.put(_look(check)), name=f"check {check.name}", daemon=True
    ).start()
    try:
        return found.get(timeout=check.limit)
    except queue.Empty:
        return None


def _look(check: Check) -> Finding:
    try:
        return check.look()
    except NotChecked as error:
        return unchecked(str(error))
    except TaskdockError as error:
        return broken(error.message)
    except Exception as error:  # a defect in one check must not prevent the other checks
        return broken(f"this check failed: {type(error).__name__}: {error}")
