"""Builds what tests need of a server beside its services: the endpoints below /taskdock/."""

from __future__ import annotations

from collections.abc import Sequence

from taskdock.server.parts.build_lambda import LambdaParts
from taskdock.server.parts.build_tasks import TaskParts
from taskdock.server.parts.foundation import Foundation


def build_harness(base: Foundation, lambdas: LambdaParts, tasks: TaskParts) -> Sequence[object]:
    """The objects whose methods are declared as endpoints of the harness."""
    return []
