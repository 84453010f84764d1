"""The server of a test session: started as a process of its own, or one that runs already.

A process of its own shares nothing with the tests: neither the time that a test freezes, nor the
modules that it patches, nor the lines that it measures. It ends by itself when the tests' process
does, however that ends, and removes what it has made.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from taskdock.base.errors import EmulatorError
from taskdock.base.settings import EPHEMERAL
from taskdock.base.timing.clock import SystemClock
from taskdock.client import credentials
from taskdock.client.errors import NotStarted, ServerUnreachable
from taskdock.client.local_server import LocalServer, own_command
from taskdock.testing.client.taskdock import Taskdock
from taskdock.testing.plugin.wanted import Kind, WrongTestSetting
from taskdock.testing.values.errors import NotSupported

_LINES_KEPT = 200
_LINES_SHOWN = 20
