"""For those who test with taskdock: a whole server in the process of their tests.

    from emulator.testing import FakeEngine, running

    with running(engine=FakeEngine()) as dock:
        dock.deploy(lambda event, runtime: event["data"]["wood"], "walnut-table")
        task = dock.service.create("walnut-table", {"wood": "oak"})
        dock.service.reach(task, "complete")

Without an engine, functions run in real containers: `dock.service.deploy(name, files)`. With
`clock=ManualClock()`, time stands still until `dock.advance(seconds)`. It needs no test framework.
"""

from emulator.base.settings import Settings
from emulator.base.timing.limits import Limits
from emulator.testing.clock import ManualClock
from emulator.testing.dock import Dock
from emulator.testing.fake_engine import FakeContainer, FakeEngine
from emulator.testing.fake_runtime import FakeProgram, FakeRuntime, Handler, serve
from emulator.testing.running import running
from emulator.testing.task_client import TaskClient
from emulator.testing.waiting import eventually
from emulator.testing.zips import zip_of

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
