"""Compares a function's code here with the deployed code: lines have to be the same ones."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from pathlib import Path

from taskdock.client.api import TaskService
from taskdock.client.development.debugging.sources import FunctionSource
from taskdock.client.failures.code_files import LateCode, LocalCode
from taskdock.client.failures.failed_run import CodeFiles


def complaint(service: TaskService, source: FunctionSource) -> str | None:
    """The sentence about code that differs. None: it is the same, or one of both is not known."""
    if source.folder is None or source.project is None:
        return None
    files = differing(LateCode(service, source.name), LocalCode(source.folder))
    return told(files, os.path.relpath(source.project, Path.cwd())) if files else None


def differing(deployed: CodeFiles, here: CodeFiles) -> list[str]:
    """The deployed files whose text is another one here, or that are not here. Pure, but for the
    files."""
    return [name for name in deployed.names() if _lines(deployed, name) != _lines(here, name)]


def told(files: Sequence[str], path: str) -> str:
    first, others = files[0], len(files) - 1
    more = f" and {others} other {'file' if others == 1 else 'files'}" if others else ""
    return (
        f"{first}{more} here {'are' if others else 'is'} not as deployed: breakpoints are at other"
        f" lines until: taskdock deploy {shlex.quote(path)}"
    )


def _lines(files: CodeFiles, name: str) -> list[str] | None:
    text = files.text(name)
    return None if text is None else text.splitlines()
