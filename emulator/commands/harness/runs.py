"""The commands of runs: list, show, save, replay."""

from __future__ import annotations

import json
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import click

from taskdock.base import ids
from taskdock.client.api import RESOURCE_UNKNOWN, Json, TaskService
from taskdock.client.connection import path_part
from taskdock.client.console import exits, options, output, secrets, times
from taskdock.client.console.groups import Group
from taskdock.client.console.tables import values
from taskdock.client.console.tables.layout import Column, Fit
from taskdock.client.errors import NotWritten, ServiceError, WrongCall

_RECORDING = {"taskdock": "run", "version": 1}
_COLUMNS = (
    Column("Id", fit=Fit.WHOLE),
    Column("Function"),
    Column("Kind", rank=3),
    Column("Time (UTC)", rank=1, fit=Fit.WHOLE),
    Column("Duration", "Took", rank=2, fit=Fit.WHOLE, right=True),
    Column("Error", rank=4, fit=Fit.BELOW),
)


@click.group(cls=Group)
def runs() -> None:
    """List and show the runs of functions, save them, and replay them.

    A run has the event, the answer or the error, and the log, whoever asked for it. The server
    keeps the newest ones (--history), with what is secret in them.
    """


@runs.command("list")
@click.option("--function", "function_name", metavar="NAME", help="Runs of this function alone.")
@click.option("--failed", is_flag=True, help="Runs with an error alone.")
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True)
@options.as_json
@options.service
def list_runs(
    function_name: str | None, failed: bool, limit: int, as_json: bool, service: TaskService
) -> None:
    """List runs, the newest first."""
    query: dict[str, Any] = {"limit": limit}
    if function_name is not None:
        query["functionName"] = function_name
    if failed:
        query["failed"] = "true"
    found = service.call("GET", f"/taskdock/runs?{urlencode(query)}")["data"]
    today = times.today(service) if found and not as_json else ""
    output.listing(
        found[::-1],
        as_json=as_json,
        columns=_COLUMNS,
        row=lambda run: [
            run["id"],
            run["functionName"],
            run["kind"],
            values.moment(run["at"], today),
            values.duration(_seconds(run)),
            values.error(run.get("error")),
        ],
        empty="no such runs; make one with: taskdock run NAME",
    )


@runs.command("show")
@click.argument("run_id", metavar="ID")
@options.show_secrets
@options.as_json
@options.service
def show_run(run_id: str, show_secrets: bool, as_json: bool, service: TaskService) -> None:
    """Show one run in full.

    Texts in the event and the answer with names such as "authorization" or "token" are hidden;
    --show-secrets shows them. --json is for programs, and has them.
    """
    run = _run(service, run_id)
    if as_json:
        output.document(run)
        return
    lines = run.pop("log")
    output.secret_fields(run, run if show_secrets else secrets.hidden(run))
    output.plain()
    for line in lines:
        output.plain(output.message(line, terminal=sys.stdout.isatty()))


@runs.command("save")
@click.argument("run_id", metavar="ID")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@options.as_json
@options.service
def save_run(run_id: str, file: Path, as_json: bool, service: TaskService) -> None:
    """Write a run to a JSON FILE, which "taskdock runs replay" and tests take.

    The file has the whole event, with what is secret in it.
    """
    recording = {**_RECORDING, "run": _run(service, run_id)}
    _write(file, json.dumps(recording, indent=2, ensure_ascii=False) + "\n")
    output.done(recording, f"saved  {run_id}  in {file}", as_json=as_json)


@runs.command("replay")
@click.argument("source", metavar="ID|FILE")
@options.as_json
@options.service
def replay_run(source: str, as_json: bool, service: TaskService) -> None:
    """Give the event of a run to its function as it is now, and show where the results differ.

    It is a direct invocation: no task is made, and what the function does, it does again. Exit
    code: 0 when both have the same result, 1 otherwise, 3 when it could not be run.
    """
    replayed = _replay(service, source)
    same = bool(replayed["same"])
    if as_json:
        output.document(replayed)
    elif same:
        output.plain(f"same  {_result(replayed['after'])}")
    else:
        output.plain(f"different from the run of {output.moment(replayed['before'].get('at'))}")
        for line in replayed["difference"]:
            output.plain(f"  {line}")
    after = replayed["after"]
    was_run = after.get("error") is None or "duration" in after
    sys.exit(exits.OK if same else exits.FAILED if was_run else exits.NOT_RUN)


def _write(file: Path, text: str) -> None:
    """All of it, or nothing. Raises `NotWritten`."""
    part = file.with_name(f".{file.name}.part")
    try:
        part.write_text(text, encoding="utf-8")
        part.replace(file)
    except OSError as error:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        raise NotWritten(f"{file} cannot be written: {error.strerror}") from None


def _replay(service: TaskService, source: str) -> Json:
    file = Path(source)
    if file.is_file():
        return service.call("POST", "/taskdock/runs/replay", {"recording": _recording(file)})
    if file.is_dir():
        raise WrongCall(f"{source} is a folder; give the file of a recording, or the id of a run")
    if not ids.is_object_id(source):
        raise WrongCall(f"there is no file {source}, and ids of runs have 24 hexadecimal digits")
    try:
        return service.call("POST", "/taskdock/runs/replay", {"run": source})
    except ServiceError as error:
        if error.code != RESOURCE_UNKNOWN:
            raise
        raise WrongCall(error.message) from None


def _recording(file: Path) -> Json:
    try:
        with file.open("rb") as opened:
            content = options.parse_data(None, opened)
    except OSError as error:
        raise WrongCall(f"{file} cannot be read: {error.strerror}") from None
    except click.UsageError:
        raise WrongCall(
            f"{file} is no JSON, so it is no recording of a run: write one with"
            " taskdock runs save ID FILE"
        ) from None
    if not isinstance(content, dict):
        raise WrongCall(
            f"{file} is no recording of a run: write one with taskdock runs save ID FILE"
        )
    return content


def _run(service: TaskService, run_id: str) -> Json:
    if not ids.is_object_id(run_id):
        raise WrongCall(f"there is no run {run_id}; find its id with: taskdock runs list")
    try:
        return service.call("GET", f"/taskdock/runs/{path_part(run_id)}")
    except ServiceError as error:
        if error.code != RESOURCE_UNKNOWN:
            raise
        raise WrongCall(error.message) from None


def _seconds(run: Json) -> float | None:
    milliseconds = run.get("duration")
    return None if milliseconds is None else milliseconds / 1000


def _result(run: Json) -> str:
    error = run.get("error")
    if error is not None:
        return f"error {error['name']}: {error['message']}"
    return output.as_text(run.get("answer"))
