"""Endpoints of the test harness: /taskdock/..., for callers on this machine alone."""

from __future__ import annotations

from functools import partial

from taskdock.web.common.endpoint import Endpoint, Gate

endpoint = partial(Endpoint, tag="Harness", permission=Gate.HARNESS)
