"""Asks the server, and looks into the folder here, for what is known of a run that has failed.

Nothing that is asked for may hide the failure itself: what cannot be had is left out.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from taskdock.base.errors import TaskdockError
from taskdock.client.api import Json, TaskService
from taskdock.client.failures.code_files import LateCode, LocalCode
from taskdock.client.failures.failed_run import NOTHING, FailedRun, UnknownFiles

_SECONDS = 5.0
_CONFIG = "task-config.json"
_MACHINES = {"amd64": "x86_64", "aarch64": "arm64"}


def gather(
    service: TaskService,
    function_name: str,
    task_id: str,
    error: Json,
    log: Sequence[str],
    *,
    data: Any = NOTHING,
    here: Path | None = None,
) -> FailedRun:
    """`error`: name, message and, of a task, type. `here`: the folder in which the user may have
    the function; None: the current one."""
    function = _function(service, function_name)
    folder = code_folder(here or Path.cwd(), function_name)
    return FailedRun(
        name=str(error["name"]),
        message=str(error["message"]),
        log=tuple(log),
        invoked=error.get("type") != "invocation",
        runtime=function.get("runtime"),
        handler=function.get("entryPoint"),
        time_limit=function.get("timeLimit"),
        memory_limit=function.get("memoryLimit"),
        data=data,
        unmatched=_unmatched(service, task_id),
        code=LateCode(service, function_name),
        local=lambda name: _local(folder, name, Path.cwd()),
        folder="DIR" if folder is None else _shown(folder, Path.cwd()),
        machine=_machine(),
    )


def gather_of_run(
    service: TaskService,
    run: Json,
    unmatched: Sequence[Json],
    *,
    folder: Path | None,
    root: Path,
) -> FailedRun:
    """Of a run with an error, as /taskdock/runs has it. `unmatched`: calls that no double has
    answered. `folder`: where the function's code was taken from. `root`: what paths are shown
    from."""
    error, function = run["error"], _function(service, run["functionName"])
    event = run.get("event")
    return FailedRun(
        name=str(error["name"]),
        message=str(error.get("message", "")),
        log=tuple(run.get("log") or ()),
        trace=tuple(error.get("stackTrace") or ()),
        runtime=run.get("runtime"),
        handler=function.get("entryPoint"),
        time_limit=function.get("timeLimit"),
        memory_limit=function.get("memoryLimit"),
        data=event.get("data", NOTHING) if isinstance(event, dict) else NOTHING,
        unmatched=_calls_of(unmatched, run.get("taskId")),
        code=UnknownFiles() if folder is None else LocalCode(folder),
        local=lambda name: _local(folder, name, root),
        folder="DIR" if folder is None else _shown(folder, root),
        machine=_machine(),
    )


def _machine() -> str:
    """The processor of this machine, on which the engine runs nearly always."""
    machine = platform.machine().lower()
    return _MACHINES.get(machine, machine)


def _function(service: TaskService, name: str) -> Json:
    try:
        return service.function(name)
    except TaskdockError:
        return {}


def _unmatched(service: TaskService, task_id: str) -> tuple[tuple[str, str], ...]:
    try:
        calls = service.call("GET", "/taskdock/doubles/calls?unmatched=true", seconds=_SECONDS)
    except TaskdockError:  # the harness is off, or the server is older
        return ()
    return _calls_of(calls["data"], task_id)


def _calls_of(calls: Iterable[Json], task_id: str | None) -> tuple[tuple[str, str], ...]:
    found = (call for call in calls if task_id and call.get("taskId") == task_id)
    return tuple((str(call["method"]), str(call["path"])) for call in found)


# The folder here


def code_folder(here: Path, function_name: str) -> Path | None:
    """The folder with the code of the function of this name, as a task-config.json in `here`, or a
    folder below, describes it; None where none does."""
    import json  # noqa: PLC0415 - late: only what has failed needs it

    for file in _configs(here):
        try:
            config = json.loads(file.read_text(encoding="utf-8-sig"))
            if config["name"] == function_name and isinstance(config.get("path"), str):
                return file.parent / str(config["path"])
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            continue
    return None


def _configs(here: Path) -> Iterable[Path]:
    for pattern in (_CONFIG, f"*/{_CONFIG}", f"*/*/{_CONFIG}"):
        with suppress(OSError):
            yield from sorted(here.glob(pattern))


def _local(folder: Path | None, name: str, root: Path) -> str | None:
    if folder is None or ".." in Path(name).parts:
        return None
    file = folder / name
    return _shown(file, root) if file.is_file() else None


def _shown(path: Path, root: Path) -> str:
    try:
        return os.path.relpath(path, root)
    except (ValueError, OSError):
        return str(path)
