"""A run of a function that has failed, with all that is known of it. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import PurePosixPath
from typing import Any, Protocol

TASK_ROOT = "/var/task/"
"""The folder of a function's code in its container."""

NOTHING = object()
"""The data of a run that was given none."""


class CodeFiles(Protocol):
    """The files of a function's package."""

    def names(self) -> Sequence[str]:
        """Paths of all files, from the folder of the code on; empty where they are not known."""

    def text(self, name: str) -> str | None:
        """The content of one; None where it is not known, or no text."""


class UnknownFiles:
    """Those of a package that cannot be read, or of an image."""

    def names(self) -> Sequence[str]:
        return ()

    def text(self, name: str) -> str | None:
        return None


@dataclass(frozen=True, kw_only=True)
class FailedRun:
    name: str
    """The error's type: `TypeError`, `Sandbox.Timedout`, ..."""
    message: str
    log: tuple[str, ...] = ()
    """The lines of the log, the platform's included; one may have several lines."""
    trace: tuple[str, ...] = ()
    """The stack trace as the runtime gave it; empty where only the log has it."""
    invoked: bool = True
    """False: nothing of the function has run, or nobody knows; the error is taskdock's."""
    runtime: str | None = None
    handler: str | None = None
    time_limit: int | None = None
    """Seconds."""
    memory_limit: int | None = None
    """MB."""
    data: Any = NOTHING
    unmatched: tuple[tuple[str, str], ...] = ()
    """Method and path of each call of a service that is not here, and that no double answered."""
    code: CodeFiles = field(default_factory=UnknownFiles)
    folder: str = "DIR"
    """The folder here that the code was taken from, as it is typed; DIR where it is not known."""
    machine: str = "x86_64"
    """The processor that functions run on: `x86_64` or `arm64`."""
    local: Callable[[str], str | None] = lambda _: None
    """The path here of a file of the package; None where no file here is known to be that one."""

    @property
    def is_python(self) -> bool:
        return (self.runtime or "").startswith("python")

    @property
    def is_node(self) -> bool:
        return (self.runtime or "").startswith("nodejs")

    @property
    def said(self) -> str:
        """The message, without the platform's `RequestId: ... Error: ` before it."""
        if self.message.startswith("RequestId: ") and " Error: " in self.message:
            return self.message.partition(" Error: ")[2]
        return self.message

    @property
    def handler_module(self) -> str:
        """The path of the handler's module, without the ending: `src/index` of `src/index.run`."""
        handler = self.handler or ""
        if self.is_python:
            return handler.rpartition(".")[0].replace(".", "/") or handler
        folder, slash, last = handler.rpartition("/")
        return f"{folder}{slash}{last.partition('.')[0]}"

    @property
    def handler_name(self) -> str:
        """The name of the handler's function."""
        handler = self.handler or ""
        if self.is_python:
            return handler.rpartition(".")[2]
        return handler.rpartition("/")[2].partition(".")[2]

    def handler_file(self) -> str | None:
        """The path of the handler's file in the package; None where there is none."""
        endings = (".py",) if self.is_python else (".js", ".mjs", ".cjs")
        names = set(self.code.names())
        candidates = [self.handler_module + ending for ending in endings]
        candidates += [f"{self.handler_module}/__init__.py", f"{self.handler_module}/index.js"]
        return next((name for name in candidates if name in names), None)

    @property
    def error(self) -> str:
        """The message without the words that a runtime's client puts before it."""
        text = self.said
        for words in (r"Unable to import module '[^']*': ", r"(?:Syntax)?Error: "):
            text = re.sub(rf"^{words}", "", text)
        return text

    def has(self, name: str) -> bool:
        """Whether the package has this file or folder. `name`: from the folder of the code on."""
        return any(one == name or one.startswith(f"{name}/") for one in self.code.names())

    def is_own(self, path: str) -> bool:
        """Whether a file of the package is the author's, and no dependency's. `path`: from the
        folder of the code on."""
        parts = PurePosixPath(path).parts
        if not parts or {"node_modules", "site-packages"} & set(parts):
            return False
        return parts[0] not in self._installed

    @cached_property
    def _installed(self) -> frozenset[str]:
        """The files and folders that pip has put into the package's own folder. The record of them:
        https://packaging.python.org/specifications/recording-installed-packages"""
        if not self.is_python:
            return frozenset()
        records = (name for name in self.code.names() if name.endswith(".dist-info/RECORD"))
        lines = (line for name in records for line in (self.code.text(name) or "").splitlines())
        return frozenset(line.partition(",")[0].partition("/")[0] for line in lines)
