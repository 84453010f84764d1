"""What the server has and does at the moment, as JSON: environments, the queue, memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any

from emulator import __version__
from emulator.clock import Clock, to_iso
from emulator.health import Trouble
from emulator.lambdas.images_in_use import ImageUse
from emulator.lambdas.placement import Slot, StockLevel, held
from emulator.tasks.retention import Stored
from emulator.tasks.task import Status

Json = dict[str, Any]


class Report:
    """Makes the report anew each time that it is asked for."""

    def __init__(
        self,
        *,
        url: str,
        budget: int,
        environments: Callable[[], Sequence[Slot]],
        stocked: Callable[[], Sequence[StockLevel]],
        queued: Callable[[], Mapping[Status, int]],
        images: Callable[[], Sequence[ImageUse]],
        troubles: Callable[[], Sequence[Trouble]],
        stored: Callable[[], Stored],
        clock: Clock,
    ) -> None:
        """`budget`: MB for all environments together. `queued`: tasks that have not ended."""
        self._url = url
        self._budget = budget
        self._environments = environments
        self._stocked = stocked
        self._queued = queued
        self._images = images
        self._troubles = troubles
        self._stored = stored
        self._clock = clock
        self._began = clock.now()

    def __call__(self) -> Json:
        slots, stocked, queued = self._environments(), self._stocked(), self._queued()
        waiting = sum(level.memory * level.count for level in stocked)
        now, moment = self._clock.now(), self._clock.monotonic()
        return {
            "version": __version__,
            "url": self._url,
            "startTimestamp": to_iso(self._began),
            "environments": [_environment(slot, now, moment) for slot in slots],
            "prepared": [asdict(level) for level in stocked],
            "images": [_image(use) for use in self._images()],
            "tasks": {"new": queued[Status.NEW], "inProgress": queued[Status.IN_PROGRESS]},
            "memory": {"budget": self._budget, "held": held(slots) + waiting},
            "stored": _stored(self._stored()),
            "troubles": [_trouble(trouble) for trouble in self._troubles()],
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
        shown["idleSince"] = to_iso(now - timedelta(seconds=moment - slot.since))
    return shown
