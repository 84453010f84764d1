"""The folders here of a function's code, and of the project that an editor has open."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from taskdock.client.errors import WrongCall

_FILE_NAME = "task-config.json"
_PROJECT = (".vscode", ".idea", ".git")
"""Each of them is in the folder that editors open."""


@dataclass(frozen=True)
class FunctionSource:
    """A function with the folder of its code; None: it is not known here."""

    name: str
    folder: Path | None
    """Absolute: what is /var/task in a container."""
    project: Path | None = None
    """The folder of its task-config.json, which also has what the code is built from."""


def find(argument: str, here: Path) -> FunctionSource:
    """The function that an argument means: its name, or the path of its task-config.json or of the
    folder that has the file. Its code is looked for in `here` and in the folders of that. Raises
    `WrongCall`."""
    path = here / argument
    file = path / _FILE_NAME if path.is_dir() else path
    if file.name == _FILE_NAME and (file.is_file() or argument.endswith(_FILE_NAME)):
        found = _read(file)
        if found is None:
            raise WrongCall(f"{file} has no name of a function, or cannot be read")
        return found
    candidates = [here / _FILE_NAME, *sorted(here.glob(f"*/{_FILE_NAME}"))]
    known = filter(None, map(_read, candidates))
    return next((one for one in known if one.name == argument), FunctionSource(argument, None))


def _read(file: Path) -> FunctionSource | None:
    try:
        config = json.loads(file.read_text(encoding="utf-8-sig"))
        name, path = config["name"], config.get("path")
        if not isinstance(name, str) or not isinstance(path, str | None):
            return None
        folder = None if path is None else (file.parent / path).resolve()
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RuntimeError):
        return None
    return FunctionSource(name, folder, file.parent.resolve())


def project_of(here: Path) -> Path:
    """The folder that an editor has open: the nearest one above that looks like a project."""
    here = here.resolve()
    for folder in (here, *here.parents):
        if any((folder / name).exists() for name in _PROJECT):
            return folder
    return here
