"""The inspection of one function: puts the judgements of its parts together."""

from __future__ import annotations

import os
import platform
import shlex
import sys
from collections.abc import Callable
from pathlib import Path

from taskdock.client.deployment.config.task_config import TaskConfig
from taskdock.client.deployment.inspection import (
    binaries,
    provided,
    runtime_ids,
)
from taskdock.client.deployment.inspection.contents import Contents
from taskdock.client.deployment.inspection.finding import PackageFinding
from taskdock.client.deployment.inspection.node import packages as node_packages
from taskdock.client.deployment.inspection.node.handler import NodeCode
from taskdock.client.deployment.inspection.python import handler as python_handler
from taskdock.client.deployment.inspection.python import packages as python_packages
from taskdock.client.deployment.inspection.python.reader import ImportReader
from taskdock.client.deployment.packing.limits import PackageLimits
from taskdock.client.errors import BadPackage, BadTaskConfig

_DIRECT = 30
"""Seconds: the longest time limit of a direct execution (error 1404 of the Task Service)."""
_SECONDS = (3, 300)
_MEGABYTES = (128, 10240)
_ELSEWHERE = frozenset({"AWS_LAMBDA_EXEC_WRAPPER"})
"""With these variables another program may load the handler, or another handler."""


def inspect(
    config: TaskConfig,
    folder: Path,
    machine: str | None = None,
    remark: Callable[[str], object] = lambda _: None,
) -> list[PackageFinding]:
    """The findings of a function, the worst first; empty where nothing is known to be wrong.

    `folder`: the folder of the task-config.json, which `config.path` is relative to. `machine`:
    the processor that functions run on, None for this machine's. `remark` gets sentences about what
    could not be looked at. A file that cannot be read is passed over, because packing it says so.
    """
    findings: list[PackageFinding] = []
    if config.runtime is not None:
        wrong = runtime_ids.judge(config.runtime)
        if wrong is not None:
            findings.append(wrong)
        if config.path is not None:
            code = Path(os.path.normpath(folder / config.path))
            contents = _contents(config, folder, code)
            if contents is not None and contents.names:
                theirs = binaries.machine(machine or platform.machine())
                findings += _code(config, contents, theirs, code, remark)
    findings += _out_of_range("timeLimit", "time_limit", config.time_limit, _SECONDS)
    findings += _out_of_range("memoryLimit", "memory_limit", config.memory_limit, _MEGABYTES)
    if config.time_limit is not None and _DIRECT < config.time_limit <= _SECONDS[1]:
        findings.append(_long(config))
    return findings


def _contents(config: TaskConfig, folder: Path, code: Path) -> Contents | None:
    """All that is packed; None where packing will say what is wrong."""
    try:
        chosen = config.selection(folder, PackageLimits())
    except (BadPackage, BadTaskConfig):
        return None
    if chosen is None:
        return None
    links = any(file.is_link for file in chosen.files)
    return Contents(code, (file.path for file in chosen.files), has_links=links)


def _code(
    config: TaskConfig,
    contents: Contents,
    machine: str,
    code: Path,
    remark: Callable[[str], object],
) -> list[PackageFinding]:
    family = runtime_ids.family(config.runtime or "")
    version = runtime_ids.version(config.runtime or "")
    prefix = "" if code == Path() else f"{shlex.quote(code.as_posix())}/"
    if family == runtime_ids.PROVIDED:
        return provided.inspect(contents, machine, prefix)
    if family == runtime_ids.NODE and version:
        return _node(config, contents, version, machine, code)
    if family == runtime_ids.PYTHON and version and version >= (3, 0):
        reader = ImportReader(contents, version)
        findings = _python(config, reader, version, machine, code)
        for place in reader.unread:
            own = "Python {}.{}".format(*sys.version_info)
            remark(
                f"not checked: {os.path.normpath(code / place)}, because taskdock's {own} cannot"
                f" read all that {config.runtime} can"
            )
        return findings
    return []


def _node(
    config: TaskConfig, contents: Contents, version: tuple[int, int], machine: str, code: Path
) -> list[PackageFinding]:
    variables = config.environment or {}
    install = "npm install --omit=dev"
    if code != Path():
        install += f" --prefix {shlex.quote(code.as_posix())}"
    reader = NodeCode(contents, config.entry_point or "", modern="NODE_OPTIONS" in variables)
    if not _ELSEWHERE & variables.keys():
        reader.inspect()
    findings = reader.findings
    if "NODE_PATH" not in variables and "NODE_OPTIONS" not in variables:
        findings += node_packages.inspect(contents, reader.scripts, version, install)
    return findings + binaries.inspect_node(contents, machine, install)


def _python(
    config: TaskConfig, reader: ImportReader, version: tuple[int, int], machine: str, code: Path
) -> list[PackageFinding]:
    contents, variables = reader.contents, config.environment or {}
    install = (
        f"pip install --target {shlex.quote(code.as_posix())} --platform manylinux2014_"
        f"{'aarch64' if machine == 'arm64' else machine} --only-binary=:all:"
        f" --python-version {version[0]}.{version[1]}"
    )
    elsewhere = bool(_ELSEWHERE & variables.keys()) or "PYTHONPATH" in variables
    findings = [] if elsewhere else python_handler.inspect(reader, config.entry_point or "")
    listed = f"{install} -r {shlex.quote((code / 'requirements.txt').as_posix())}"
    imports = {} if elsewhere else reader.imports
    findings += python_packages.inspect(contents, imports, version, (install, listed))
    line = listed if contents.has("requirements.txt") else install
    return findings + binaries.inspect_python(contents, version, machine, line)


def _long(config: TaskConfig) -> PackageFinding:
    message = f"a time limit of {config.time_limit} s is too long to execute the function directly"
    return PackageFinding(
        kind="time_limit",
        message=message,
        remedy=f'"timeLimit": {_DIRECT}, or a task: taskdock tasks create {config.name} --wait',
    )


def _out_of_range(
    field: str, kind: str, given: int | None, bounds: tuple[int, int]
) -> list[PackageFinding]:
    """The finding for a limit that the service refuses."""
    least, most = bounds
    if given is None or least <= given <= most:
        return []
    message = f"{field} {given} is refused: it is from {least} to {most}"
    return [
        PackageFinding(
            kind=kind, message=message, remedy=f'"{field}": {min(max(given, least), most)}'
        )
    ]
