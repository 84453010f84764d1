"""A new function of the user's own, as a copy of a sample."""

from __future__ import annotations

import json
from pathlib import Path

from taskdock.base import resources
from taskdock.client.deployment.config.task_config import FILE_NAME
from taskdock.client.errors import NotWritten, WrongCall

_SAMPLES = {"nodejs": "hello-world-javascript", "python": "hello-world-python"}


def create(folder: Path, *, name: str, runtime: str) -> list[Path]:
    """Writes a task-config.json and a small handler into the folder; returns both files' paths.

    Raises `WrongCall` if the folder has one of these files already, or if there is no sample for
    the runtime; nothing is written then. Raises `NotWritten` if the disk refuses a file.
    """
    sample = next((_SAMPLES[word] for word in _SAMPLES if runtime.startswith(word)), None)
    if sample is None:
        raise WrongCall(
            f"there is no sample for the runtime {runtime}, only for those of Node.js and Python,"
            " such as nodejs22.x and python3.13"
        )
    source = resources.folder("sample_functions") / sample
    config = json.loads((source / FILE_NAME).read_text(encoding="utf-8"))
    config |= {"name": name, "description": "", "runtime": runtime}
    (code,) = (source / config["path"]).glob("index.*")
    contents = {
        folder / FILE_NAME: json.dumps(config, indent=2) + "\n",
        folder / config["path"] / code.name: code.read_text(encoding="utf-8"),
    }
    there = [file for file in contents if file.exists() or file.is_symlink()]
    if there:
        raise WrongCall(f"{there[0]} is there already; nothing was written")
    try:
        for file, content in contents.items():
            file.parent.mkdir(parents=True, exist_ok=True)
            with file.open("x", encoding="utf-8") as made:
                made.write(content)
    except OSError as error:
        raise NotWritten(
            f"{error.filename or folder} cannot be written: {error.strerror}"
        ) from None
    return list(contents)
