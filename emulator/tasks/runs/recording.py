"""Recordings: a run as a file that outlives its server. Pure."""

from __future__ import annotations

from typing import Any

from taskdock.base.errors import BadField
from taskdock.lambdas.functions.function import check_name

KIND, VERSION = "run", 1
_ADVICE = "write one with: taskdock runs save ID FILE"


def to_recording(run: Any) -> dict[str, Any]:
    """The content of the file of a run that is shown as JSON."""
    return {"taskdock": KIND, "version": VERSION, "run": dict(run)}


def read_recording(value: Any) -> dict[str, Any]:
    """The run in a recording: with a function's name, and an event. Raises `BadField` for what is
    no recording, or is one of a newer taskdock."""
    if not isinstance(value, dict) or value.get("taskdock") != KIND:
        raise BadField(f'this is no recording of a run, which has "taskdock": "run"; {_ADVICE}')
    version, run = value.get("version"), value.get("run")
    if type(version) is not int or version < 1:
        raise BadField(f"this recording has no version, such as 1; {_ADVICE}")
    if version > VERSION:
        raise BadField(
            f"this recording has version {version}, and this taskdock reads {VERSION}: use the one"
            " that has written it, or a newer one"
        )
    if not isinstance(run, dict):
        raise BadField(f"this recording has no run; {_ADVICE}")
    for name in ("functionName", "event"):
        if name not in run:
            raise BadField(f"the run in this recording has no {name}; {_ADVICE}")
    if not isinstance(run["functionName"], str):
        raise BadField("the functionName of the run in this recording is no text")
    check_name(run["functionName"])
    if "error" in run and not isinstance(run["error"], dict):
        raise BadField("the error of the run in this recording is no object with name and message")
    return run
