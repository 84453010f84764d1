"""Writes editors' settings for debugged functions into a project; nothing that is there is lost."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from taskdock.client.development.debugging import editors
from taskdock.client.development.debugging.editors import Json
from taskdock.client.development.debugging.json_comments import NotEditable, with_entry
from taskdock.client.development.debugging.sources import FunctionSource

_EMPTY = '{\n    "version": "0.2.0",\n    "configurations": []\n}\n'
Debugged = Sequence[tuple[FunctionSource, Json]]
"""Functions with their sessions."""


def printed(debugged: Debugged, project: Path) -> str:
    """A whole .vscode/launch.json, to be copied from."""
    entries = [editors.vs_code(source, session, project) for source, session in debugged]
    return json.dumps({"version": "0.2.0", "configurations": entries}, indent=4)


def write(debugged: Debugged, project: Path) -> list[str]:
    """Writes the settings of the editors that the project has, and of VS Code where it has none.
    Returns a sentence for each file."""
    said = []
    has_jetbrains = (project / ".idea").is_dir()
    if has_jetbrains:
        for source, session in debugged:
            file = project / ".idea" / "runConfigurations" / editors.jetbrains_file(source.name)
            said.append(_written(file, editors.jetbrains(source, session, project), project))
    if (project / ".vscode").is_dir() or not has_jetbrains:
        said.append(_launch_json(debugged, project))
    return said


def _launch_json(debugged: Debugged, project: Path) -> str:
    file = project / ".vscode" / "launch.json"
    try:
        before = file.read_bytes().decode("utf-8") if file.exists() else ""
        text = before
        mark = "\ufeff" if text.startswith("\ufeff") else ""
        text = text.removeprefix(mark)
        if not text.strip():
            text = _EMPTY
        for source, session in debugged:
            entry = editors.vs_code(source, session, project)
            text = with_entry(text, "configurations", entry)
    except (OSError, UnicodeDecodeError, NotEditable) as error:
        why = error.strerror if isinstance(error, OSError) else error
        return (
            f"{file} is left as it is ({why}); copy this into its configurations:\n"
            f"{printed(debugged, project)}"
        )
    return _written(file, mark + text, project)


def _written(file: Path, text: str, project: Path) -> str:
    """Writes a file as a whole or not at all; a link stays a link. A checkout may bring a link to
    any other file of the user's, and so none out of the project is followed."""
    try:
        target = file.resolve()
        if not target.is_relative_to(project.resolve()):
            return (
                f"{file} is left as it is (it is a link out of the project);"
                f" its content would be:\n{text}"
            )
        if target.is_file() and target.read_bytes() == text.encode():
            return f"{file} has the settings already"
        target.parent.mkdir(parents=True, exist_ok=True)
        half_done = target.with_name(f".{target.name}-{secrets.token_hex(8)}")
        try:
            half_done.write_bytes(text.encode())
            if target.exists():
                half_done.chmod(target.stat().st_mode & 0o777)
            os.replace(half_done, target)
        finally:
            with suppress(OSError):
                half_done.unlink(missing_ok=True)
    except (OSError, RuntimeError) as error:  # the second: links in a circle, before Python 3.13
        why = error.strerror if isinstance(error, OSError) else error
        return f"{file} could not be written ({why}); its content would be:\n{text}"
    return f"wrote {file}"
