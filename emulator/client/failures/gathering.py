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
from urllib.parse import quote, urlsplit

from taskdock.base.errors import TaskdockError
from taskdock.client.api import Json, TaskService
from taskdock.client.failures.failed_run import NOTHING, CodeFiles, FailedRun, UnknownFiles

_LARGEST_CODE = 30_000_000  # bytes, of a package that is worth fetching
_LARGEST_FILE = 1_000_000  # bytes
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
    machine = platform.machine().lower()
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
        code=_code(service, function_name),
        local=lambda name: _local(folder, name),
        folder="DIR" if folder is None else _shown(folder),
        machine=_MACHINES.get(machine, machine),
    )


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
    found = [call for call in calls["data"] if call.get("taskId") == task_id]
    return tuple((str(call["method"]), str(call["path"])) for call in found)


# The code that the server has


class FetchedCode:
    """The files of a zip, which is read once somebody asks."""

    def __init__(self, content: bytes) -> None:
        import io  # noqa: PLC0415 - late, as the next: only what has failed needs them
        import zipfile  # noqa: PLC0415

        self._zip = zipfile.ZipFile(io.BytesIO(content))
        self._names = [name for name in self._zip.namelist() if not name.endswith("/")]

    def names(self) -> Sequence[str]:
        return self._names

    def text(self, name: str) -> str | None:
        try:
            if self._zip.getinfo(name).file_size > _LARGEST_FILE:
                return None
            return self._zip.read(name).decode()
        except (KeyError, ValueError, OSError):
            return None


class LateCode:
    """The files of a function's package, fetched from the server when they are first asked for."""

    def __init__(self, service: TaskService, function_name: str) -> None:
        self._service = service
        self._path = f"/2015-03-31/functions/{quote(function_name, safe='')}"
        self._found: CodeFiles | None = None

    def names(self) -> Sequence[str]:
        return self._code().names()

    def text(self, name: str) -> str | None:
        return self._code().text(name)

    def _code(self) -> CodeFiles:
        if self._found is None:
            self._found = UnknownFiles()
            with suppress(TaskdockError, OSError, ValueError, KeyError):
                self._found = self._fetched()
        return self._found

    def _fetched(self) -> CodeFiles:
        import zipfile  # noqa: PLC0415 - late: only what has failed needs it

        configuration = self._service.call("GET", self._path, seconds=_SECONDS)["Configuration"]
        if configuration.get("PackageType") == "Image":
            return UnknownFiles()
        if configuration["CodeSize"] > _LARGEST_CODE:
            return UnknownFiles()
        try:
            return FetchedCode(_fetch(self._service.url, f"{self._path}/code"))
        except zipfile.BadZipFile as error:
            raise ValueError(str(error)) from None


def _code(service: TaskService, function_name: str) -> CodeFiles:
    return LateCode(service, function_name)


def _fetch(url: str, path: str) -> bytes:
    """The body of an answer. Raises `OSError`, and `ValueError` for any other status than 200."""
    from http import client  # noqa: PLC0415 - late: only what has failed needs it

    parts = urlsplit(url)
    kind = client.HTTPSConnection if parts.scheme == "https" else client.HTTPConnection
    connection = kind(parts.hostname or "localhost", parts.port, timeout=_SECONDS * 4)
    try:
        connection.request("GET", parts.path.rstrip("/") + path)
        answer = connection.getresponse()
        if answer.status != 200:
            raise ValueError(f"HTTP {answer.status}")
        return answer.read()
    except client.HTTPException as error:
        raise OSError(str(error)) from None
    finally:
        connection.close()


# The folder here


def code_folder(here: Path, function_name: str) -> Path | None:
    """The folder with the code of the function of this name, as a task-config.json in `here`, or a
    folder below, describes it; None where none does."""
    import json  # noqa: PLC0415 - late: only what has failed needs it

    for file in _configs(here):
        try:
            config = json.loads(file.read_text(encoding="utf-8"))
            if config["name"] == function_name and isinstance(config.get("path"), str):
                return file.parent / str(config["path"])
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return None


def _configs(here: Path) -> Iterable[Path]:
    for pattern in (_CONFIG, f"*/{_CONFIG}", f"*/*/{_CONFIG}"):
        with suppress(OSError):
            yield from sorted(here.glob(pattern))


def _local(folder: Path | None, name: str) -> str | None:
    if folder is None or ".." in Path(name).parts:
        return None
    file = folder / name
    return _shown(file) if file.is_file() else None


def _shown(path: Path) -> str:
    try:
        return os.path.relpath(path)
    except (ValueError, OSError):
        return str(path)
