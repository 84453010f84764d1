"""Builds of functions that tests deploy: once in each process, and not while another one packs."""

from __future__ import annotations

import fcntl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from taskdock.client.console import output
from taskdock.client.deployment import build
from taskdock.client.deployment.build import Build
from taskdock.client.deployment.config.task_config import TaskConfig


class FunctionBuilder:
    """Of this process. For any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._built: set[Build] = set()

    @contextmanager
    def built(self, config: TaskConfig, file: Path) -> Iterator[None]:
        """For the time of the block, the function of this task-config.json is built, and no other
        process of tests builds it anew: each worker of pytest-xdist builds it once.

        The build is not asked for: a test that deploys a folder is code of that folder's
        repository. Its output goes to stderr, which pytest shows where the deployment fails. Raises
        `BadTaskConfig` and `BuildFailed`.
        """
        named = build.of(config, file)
        if named is None:
            yield
            return
        with self._lock, file.open("rb") as locked:
            fcntl.flock(locked, fcntl.LOCK_EX)
            if named not in self._built:
                build.run(named, output.note)
                self._built.add(named)
            yield


BUILDER = FunctionBuilder()
