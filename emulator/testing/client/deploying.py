"""Deployment from a test: the same code is sent once to a server."""

from __future__ import annotations

import glob
import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from taskdock.client.api import Json, TaskService
from taskdock.client.deployment.config import task_config
from taskdock.client.deployment.config.function_names import FunctionNames
from taskdock.client.deployment.deploy import deploy
from taskdock.client.errors import BadTaskConfig
from taskdock.testing.client.building import BUILDER
from taskdock.testing.values.data import check_json
from taskdock.testing.zips import base64_of, zip_of

Source = str | os.PathLike[str]
"""A folder with a task-config.json, the file itself, a folder of such folders, or a pattern of such
paths: "tasks/*"."""
Files = Mapping[str, str | bytes]
"""The files of a function, by their paths in it."""

_EXECUTABLE = 0o755


@dataclass(frozen=True)
class _SentFunction:
    digest: str
    """Of the whole request that deployed the function."""
    updated: str
    """The time that the service gives it; another one means that somebody else has changed it."""


class FunctionDeployer:
    """Deploys to one server; it remembers what it has sent."""

    def __init__(self, service: TaskService) -> None:
        self._service = service
        self._sent: dict[str, _SentFunction] = {}
        self.folders: dict[str, Path] = {}
        """The folder of each function's code, by the function's name."""

    def deploy(self, source: Source, environment: Mapping[str, str]) -> list[str]:
        """The names of the functions. Raises `BadTaskConfig`, `BuildFailed`, `BadPackage` and
        `ServiceError`."""
        names, known = [], FunctionNames()
        for file in files_of(source):
            config = task_config.read(
                file,
                given={},
                environment=environment,
                caller_environment=os.environ,
                allow=_allow,
            )
            known.add(config.name, file)
            self.folders[config.name] = (file.parent / (config.path or ".")).resolve()
            with BUILDER.built(config, file.resolve()):
                body = config.to_request(file.parent)
            names.append(self._send(body))
        return names

    def deploy_files(self, name: str, files: Files, fields: Json) -> str:
        """`fields`: of the function, by the Task Service's names."""
        code = base64_of(zip_of(files, _EXECUTABLE))
        return self._send({"name": name, "code": code, **fields})

    def _send(self, body: Json) -> str:
        check_json(body)
        name = str(body["name"])
        digest = hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
        known = self._sent.get(name)
        if known is None or known != _SentFunction(digest, self._updated(name)):
            function = deploy(self._service, body, always=True).function
            self._sent[name] = _SentFunction(digest, str(function["updateTimestamp"]))
        return name

    def _updated(self, name: str) -> str:
        """Empty where there is no such function any more."""
        found = [one for one in self._service.functions() if one["name"] == name]
        return str(found[0]["updateTimestamp"]) if found else ""


def files_of(source: Source) -> list[Path]:
    """The task-config.json files of a source. Raises `BadTaskConfig` where there is none."""
    text = os.fspath(source)
    if not glob.has_magic(text) or os.path.exists(text):
        return task_config.find(Path(text))
    found = [Path(path) for path in sorted(glob.glob(text, recursive=True))]
    folders = [path for path in found if path.name == task_config.FILE_NAME or _has_config(path)]
    if not folders:
        raise BadTaskConfig(
            f"nothing that matches {text} in {Path.cwd()} has a {task_config.FILE_NAME}"
        )
    return [file for path in folders for file in task_config.find(path)]


def _has_config(path: Path) -> bool:
    return (path / task_config.FILE_NAME).is_file()


def _allow(source: str, taken: Mapping[str, str]) -> None:
    """A test that deploys a folder is code of that folder's repository, and reads the same
    variables itself."""
