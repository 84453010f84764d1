"""The time of the service as pages have it."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from types import SimpleNamespace

import pytest
from flask import Flask

from taskdock.base.timing.harness_clock import Mode
from taskdock.web.ui.rendering.service_time import ServiceTime, provide, service_time


def shown(*, ahead: float, is_movable: bool = True) -> ServiceTime | None:
    now = datetime.now(timezone.utc) + timedelta(seconds=ahead)
    app = Flask("oak")
    driver = SimpleNamespace(is_movable=is_movable, now=now, mode=Mode.MANUAL)
    provide(app, lambda: driver)  # type: ignore[arg-type, return-value]
    with app.app_context():
        return service_time()


@pytest.mark.parametrize(("ahead", "is_off"), [(0, False), (-1, False), (3600, True), (-60, True)])
def test_it_is_off_where_it_is_another_than_the_machines(ahead: float, is_off: bool) -> None:
    time = shown(ahead=ahead)

    assert time is not None
    assert (time.is_off, time.mode) == (is_off, "manual")


def test_there_is_none_where_it_cannot_be_moved() -> None:
    assert shown(ahead=0, is_movable=False) is None
