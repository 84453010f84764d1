"""For those who test with taskdock: a whole server in the process of their tests.

    from taskdock.testing import FakeEngine, running

    with running(engine=FakeEngine()) as dock:
        dock.deploy(lambda event, runtime: event["data"]["wood"], "walnut-table")
        task = dock.service.create("walnut-table", {"wood": "oak"})
        dock.service.reach(task, "complete")

Without an engine, functions run in real containers: `dock.service.deploy(name, files)`. With
`clock=ManualClock()`, time stands still until `dock.advance(seconds)`. It needs no test framework.
"""

from taskdock.base.settings import Settings
from taskdock.base.timing.limits import Limits
from taskdock.testing.clock import ManualClock
from taskdock.testing.dock import Dock
from taskdock.testing.fakes.engine import FakeContainer, FakeEngine
from taskdock.testing.fakes.runtime import FakeProgram, FakeRuntime, Handler, serve
from taskdock.testing.running import running
from taskdock.testing.task_client import TaskClient
from taskdock.testing.waiting import eventually
from taskdock.testing.zips import zip_of

__all__ = [
    "Dock",
    "FakeContainer",
    "FakeEngine",
    "FakeProgram",
    "FakeRuntime",
    "Handler",
    "Limits",
    "ManualClock",
    "Settings",
    "TaskClient",
    "eventually",
    "running",
    "serve",
    "zip_of",
]
