"""For tests of functions: a server in the process of their tests, or one that runs.

    from taskdock.testing import FakeEngine, running

    with running(engine=FakeEngine()) as dock:
        dock.deploy(lambda event, runtime: event["data"]["wood"], "walnut-table")
        done = dock.tasks.create("walnut-table", {"wood": "oak"}).wait()
        assert done.status == "complete"

Without an engine, functions run in real containers: `running(functions="tasks/*")`. A server that
runs already is `Taskdock("http://localhost:8080")`. It needs no test framework. docs/testing.md
teaches it, and lists all names.

Nothing is imported until a name is asked for, because a pytest plugin lives in this package.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from taskdock.base.errors import BadField, EngineError, StartupError
    from taskdock.base.settings import Settings
    from taskdock.base.timing.limits import Limits
    from taskdock.client.errors import (
        BadPackage,
        BadTaskConfig,
        BuildFailed,
        MalformedCall,
        ServerUnreachable,
        ServiceError,
        UnknownFunction,
        UnknownTask,
    )
    from taskdock.lambdas.invoke.faults import Fault
    from taskdock.testing.client.access import ServerSession
    from taskdock.testing.client.events import PublishedEvent
    from taskdock.testing.client.executions import ExecutionResult
    from taskdock.testing.client.schedules import ScheduleHandle
    from taskdock.testing.client.steering.clock import ClockControl, DueMoment
    from taskdock.testing.client.steering.doubles import DoubleAnswer, DoubleHandle, RecordedCall
    from taskdock.testing.client.steering.faults import FaultHandle
    from taskdock.testing.client.steering.runs import RecordedRun, ReplayResult
    from taskdock.testing.client.taskdock import Taskdock
    from taskdock.testing.client.tasks import TaskHandle
    from taskdock.testing.clock import ManualClock
    from taskdock.testing.dock import Dock
    from taskdock.testing.fakes.engine import FakeContainer, FakeEngine
    from taskdock.testing.fakes.runtime import FakeProgram, FakeRuntime, Handler, serve
    from taskdock.testing.in_this_process import running
    from taskdock.testing.values.errors import (
        BadData,
        BadRecording,
        ClockStandsStill,
        ExecutionFailed,
        FunctionError,
        NotInTime,
        NotSupported,
    )
    from taskdock.testing.values.matching import matching
    from taskdock.testing.waiting import eventually
    from taskdock.testing.zips import zip_of

_MODULES = {
    "taskdock.base.errors": ("BadField", "EngineError", "StartupError"),
    "taskdock.base.settings": ("Settings",),
    "taskdock.base.timing.limits": ("Limits",),
    "taskdock.client.errors": (
        "BadPackage",
        "BadTaskConfig",
        "BuildFailed",
        "MalformedCall",
        "ServerUnreachable",
        "ServiceError",
        "UnknownFunction",
        "UnknownTask",
    ),
    "taskdock.lambdas.invoke.faults": ("Fault",),
    "taskdock.testing.client.access": ("ServerSession",),
    "taskdock.testing.client.events": ("PublishedEvent",),
    "taskdock.testing.client.executions": ("ExecutionResult",),
    "taskdock.testing.client.schedules": ("ScheduleHandle",),
    "taskdock.testing.client.steering.clock": ("ClockControl", "DueMoment"),
    "taskdock.testing.client.steering.doubles": ("DoubleAnswer", "DoubleHandle", "RecordedCall"),
    "taskdock.testing.client.steering.faults": ("FaultHandle",),
    "taskdock.testing.client.steering.runs": ("RecordedRun", "ReplayResult"),
    "taskdock.testing.client.taskdock": ("Taskdock",),
    "taskdock.testing.client.tasks": ("TaskHandle",),
    "taskdock.testing.clock": ("ManualClock",),
    "taskdock.testing.dock": ("Dock",),
    "taskdock.testing.fakes.engine": ("FakeContainer", "FakeEngine"),
    "taskdock.testing.fakes.runtime": ("FakeProgram", "FakeRuntime", "Handler", "serve"),
    "taskdock.testing.in_this_process": ("running",),
    "taskdock.testing.values.errors": (
        "BadData",
        "BadRecording",
        "ClockStandsStill",
        "ExecutionFailed",
        "FunctionError",
        "NotInTime",
        "NotSupported",
    ),
    "taskdock.testing.values.matching": ("matching",),
    "taskdock.testing.waiting": ("eventually",),
    "taskdock.testing.zips": ("zip_of",),
}
_PLACES = {name: module for module, names in _MODULES.items() for name in names}

__all__ = [
    "BadData",
    "BadField",
    "BadPackage",
    "BadRecording",
    "BadTaskConfig",
    "BuildFailed",
    "ClockControl",
    "ClockStandsStill",
    "Dock",
    "DoubleAnswer",
    "DoubleHandle",
    "DueMoment",
    "EngineError",
    "ExecutionFailed",
    "ExecutionResult",
    "FakeContainer",
    "FakeEngine",
    "FakeProgram",
    "FakeRuntime",
    "Fault",
    "FaultHandle",
    "FunctionError",
    "Handler",
    "Limits",
    "MalformedCall",
    "ManualClock",
    "NotInTime",
    "NotSupported",
    "PublishedEvent",
    "RecordedCall",
    "RecordedRun",
    "ReplayResult",
    "ScheduleHandle",
    "ServerSession",
    "ServerUnreachable",
    "ServiceError",
    "Settings",
    "StartupError",
    "TaskHandle",
    "Taskdock",
    "UnknownFunction",
    "UnknownTask",
    "eventually",
    "matching",
    "running",
    "serve",
    "zip_of",
]


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_PLACES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
