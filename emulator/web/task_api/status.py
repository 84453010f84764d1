"""What the server has and does at the moment, as JSON: environments, the queue, memory.

It is told also where the database cannot be read, since then it is asked for most.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any

from emulator import __version__
from emulator.base.errors import StorageError
from emulator.base.health import Trouble
from emulator.base.timing.clock import Clock, to_iso
from emulator.lambdas.functions.images_in_use import ImageUse
from emulator.lambdas.pool.waiters import WaitingCalls
from emulator.lambdas.slot import PrewarmLevel, Slot
from emulator.tasks.model.task import Status
from emulator.tasks.retention.retention import Stored

Json = dict[str, Any]


class Report:
    """Makes the report anew each time that it is asked for."""

    def __init__(
        self,
        *,
        url: str,
        budget: int,
        environments: Callable[[], Sequence[Slot]],
        prewarmed: Callable[[], Sequence[PrewarmLevel]],
        held: Callable[[], int],
        waiting: Callable[[], Sequence[WaitingCalls]],
        queued: Callable[[], Mapping[Status, int]],
        images: Callable[[], Sequence[ImageUse]],
        troubles: Callable[[], Sequence[Trouble]],
        stored: Callable[[], Stored],
        clock: Clock,
    ) -> None:
        """`budget`: MB for all environments together; `held`: MB that are. `waiting`: calls that
        wait for an environment. `queued`: tasks that have not ended."""
        self._url = url
        self._budget = budget
        self._environments = environments
        self._prewarmed = prewarmed
        self._held = held
        self._waiting = waiting
        self._queued = queued
        self._images = images
        self._troubles = troubles
        self._stored = stored
        self._clock = clock
        self._began = clock.now()

    def __call__(self) -> Json:
        slots, prewarmed = self._environments(), self._prewarmed()
        now, moment = self._clock.now(), self._clock.monotonic()
        return {
            "version": __version__,
            "url": self._url,
            "startTimestamp": to_iso(self._began),
            "environments": [_environment(slot, now, moment) for slot in slots],
            "prepared": [asdict(level) for level in prewarmed],
            "waiting": [_waiting(calls, now, moment) for calls in self._waiting()],
            "images": [_image(use) for use in self._images()],
            "memory": {"budget": self._budget, "held": self._held()},
            **self._in_the_database(),
            "troubles": [_trouble(trouble) for trouble in self._troubles()],
        }

    def _in_the_database(self) -> Json:
        """Nothing where it cannot be read; `troubles`, asked for after that, has the reason."""
        try:
            queued, stored = self._queued(), self._stored()
        except (StorageError, OSError):
            return {}
        return {
            "tasks": {"new": queued[Status.NEW], "inProgress": queued[Status.IN_PROGRESS]},
            "stored": _stored(stored),
        }

    def health(self) -> tuple[Json, HTTPStatus]:
        """Whether calls are served; 503 when some are refused or have to wait for something."""
        troubles = self._troubles()
        failing = any(not trouble.degraded for trouble in troubles)
        said = {
            "status": "failing" if failing else "ok",
            "version": __version__,
            "environments": len(self._environments()),
            "troubles": [_trouble(trouble) for trouble in troubles],
        }
        return said, HTTPStatus.SERVICE_UNAVAILABLE if failing else HTTPStatus.OK


def _stored(stored: Stored) -> Json:
    shown: Json = {
        "size": stored.size.used,
        "fileSize": stored.size.file,
        "logSize": stored.size.log,
        "removed": stored.removed,
    }
    if stored.limit:
        shown["limit"] = stored.limit
    if stored.days:
        shown["keepDays"] = stored.days
    if stored.oldest is not None:
        shown["oldestTimestamp"] = to_iso(stored.oldest)
    return shown


def _trouble(trouble: Trouble) -> Json:
    return {
        "name": trouble.name,
        "reason": trouble.reason,
        "sinceTimestamp": to_iso(trouble.since),
        "severity": "degraded" if trouble.degraded else "failing",
    }


def _image(use: ImageUse) -> Json:
    shown = {"wanted": use.wanted, "state": use.state.value, "reason": use.reason}
    if use.found is not None:
        shown["image"] = use.found.reference
        shown["standInFor"] = use.found.stands_in_for
        shown["reason"] = use.found.reason
    return {name: value for name, value in shown.items() if value}


def _environment(slot: Slot, now: datetime, moment: float) -> Json:
    shown: Json = {
        "functionName": slot.function,
        "state": slot.state.value,
        "memory": slot.memory,
    }
    if slot.idle:
        shown["idleSince"] = _when(slot.since, now, moment)
    return shown


def _waiting(calls: WaitingCalls, now: datetime, moment: float) -> Json:
    return {
        "functionName": calls.function,
        "memory": calls.memory,
        "calls": calls.calls,
        "waitingSince": _when(calls.since, now, moment),
        "reason": calls.why.value,
    }


def _when(since: float, now: datetime, moment: float) -> str:
    """What a monotonic clock showed, that shows `moment` now."""
    return to_iso(now - timedelta(seconds=moment - since))
