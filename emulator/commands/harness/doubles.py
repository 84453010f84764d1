"""The commands of doubles, which answer in place of services that are not here."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

import click

from taskdock.base import resources, strict_json
from taskdock.client.api import Json, TaskService
from taskdock.client.console import options, output, secrets
from taskdock.client.console.groups import Failed, Group
from taskdock.client.console.tables import values
from taskdock.client.console.tables.layout import Column, Fit
from taskdock.commands.harness.removing import remove
from taskdock.web.doubles.rules.file_content import with_content

_PATH = "/taskdock/doubles"
_CONDITIONS = ("query", "rql", "headers", "body")


@click.group(cls=Group)
def doubles() -> None:
    """Answer calls of services that are not here, such as the data or the mail service."""


@doubles.command("init")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False), default=Path("doubles"))
def copy_samples(folder: Path) -> None:
    """Copy two samples into a FOLDER: documents in memory, and an outbox for mails.

    A file that is there already stays as it is.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for sample in sorted((resources.folder("sample_functions") / "doubles").glob("*.yaml")):
            copy = folder / sample.name
            try:
                with copy.open("x", encoding="utf-8") as made:
                    made.write(sample.read_text(encoding="utf-8"))
            except FileExistsError:
                output.plain(f"kept    {copy}")
            else:
                output.plain(f"copied  {copy}")
    except OSError as error:
        raise Failed(f"{error.filename or folder}: {error.strerror}") from None
    output.note(f"start the server with: taskdock serve --doubles {folder}")


@doubles.command("add")
@click.argument("method")
@click.argument("path")
@click.option("--answer", metavar="JSON", help="The body of the answer, as JSON.")
@click.option("--text", help="The body of the answer, as text.")
@click.option("--file", "file", type=click.File("rb"), help="The body of the answer; - is stdin.")
@click.option("--status", type=int, help="Of the answer.  [default: 200]")
@click.option("--delay", type=options.NUMBER, help="Seconds until the answer.")
@click.option("--failure", help="connection_reset, no_answer, or a status such as 503.")
@click.option("--rql", help="RQL that a call has to have, whatever its spelling.")
@click.option("--body", metavar="JSON", help="A part that the body of a call has to have.")
@click.option("--times", type=int, help="How many calls it answers.  [default: all]")
@options.as_json
@options.service
def add_double(
    *, method: str, path: str, as_json: bool, service: TaskService, **given: Any
) -> None:
    """Answer calls by a METHOD of a PATH, such as /data/v1/{schema}/documents; print its id.

    The newest double that a call matches answers it.
    """
    body = _parsed(given["body"], "--body")
    asked = {"rql": given["rql"], "body": body, "times": given["times"]}
    double = {
        "method": method,
        "path": path,
        **{name: value for name, value in asked.items() if value is not None},
        "answer": _answer(given),
    }
    added = service.call("POST", _PATH, double)
    output.done(added, added["id"], as_json=as_json)


@doubles.command("list")
@options.as_json
@options.service
def list_doubles(as_json: bool, service: TaskService) -> None:
    """List the doubles, in the order in which they are asked, with how often each was used."""
    output.listing(
        service.call("GET", _PATH)["data"],
        as_json=as_json,
        columns=(
            Column("Id"),
            Column("Method", rank=1, fit=Fit.WHOLE),
            Column("Path"),
            Column("Asks for", rank=4, fit=Fit.END),
            Column("Answers", rank=3, fit=Fit.END),
            Column("Used", rank=2, fit=Fit.WHOLE),
        ),
        row=lambda one: [
            one["id"],
            one.get("method", ""),
            one["path"],
            _conditions(one),
            _answers(one),
            _used(one),
        ],
        empty="no doubles; copy samples with: taskdock doubles init",
    )


@doubles.command("calls")
@click.option("--double", "double_id", metavar="ID", help="Only those that this double answered.")
@click.option("--unmatched", is_flag=True, help="Only those that no double answered.")
@options.as_json
@options.service
def list_calls(double_id: str | None, unmatched: bool, as_json: bool, service: TaskService) -> None:
    """List the latest calls of services that are not here, the oldest first."""
    query = "&".join(
        part
        for part in (
            f"double={quote(double_id, safe='')}" if double_id else "",
            "unmatched=true" if unmatched else "",
        )
        if part
    )
    output.listing(
        service.call("GET", f"{_PATH}/calls?{query}".rstrip("?"))["data"],
        as_json=as_json,
        columns=(
            Column("Time (UTC)", rank=2, fit=Fit.WHOLE),
            Column("Call"),
            Column("Status", fit=Fit.WHOLE),
            Column("Double", rank=1),
            Column("Function", rank=3),
            Column("Task", rank=4),
        ),
        row=lambda one: [
            values.moment(one["at"]),
            f"{one['method']} {one['path']}{_query(one)}",
            one["status"] or one.get("failure", ""),
            one["double"] or "none",
            one["functionName"] or "",
            one["taskId"] or "",
        ],
        empty="no calls yet: no function has called a service that is not here",
    )


@doubles.command("clear")
@click.argument("double_id", metavar="[ID]", required=False)
@options.as_json
@options.service
def clear_doubles(double_id: str | None, as_json: bool, service: TaskService) -> None:
    """Remove the double with this ID; or all but those of files, and forget the calls."""
    remove(service, _PATH, double_id, "double", as_json=as_json)


def _query(call: Json) -> str:
    return secrets.hidden_in_query(f"?{call['query']}") if call["query"] else ""


def _answer(given: dict[str, Any]) -> Json:
    answer: Json = {
        "json": _parsed(given["answer"], "--answer"),
        "text": given["text"],
        "status": given["status"],
        "delay": given["delay"],
        "failure": _failure(given["failure"]),
    }
    file = given["file"]
    if file is not None:
        answer = with_content(answer, str(getattr(file, "name", "")), file.read())
    return {name: value for name, value in answer.items() if value is not None}


def _failure(text: str | None) -> str | int | None:
    return int(text) if text is not None and text.isdecimal() else text


def _parsed(text: str | None, option: str) -> Any:
    if text is None:
        return None
    try:
        return strict_json.loads(text)
    except ValueError as error:
        raise click.UsageError(
            f"{option} was given no valid JSON: {strict_json.explained(error)}"
        ) from None


def _conditions(one: Json) -> str:
    parts = [
        f"{name} {one[name] if name == 'rql' else json.dumps(one[name])}"
        for name in _CONDITIONS
        if one.get(name) is not None
    ]
    return ", ".join(parts)


def _answers(one: Json) -> str:
    if "collection" in one:
        return f"collection {one['collection']}"
    answers = one.get("answers") or [one["answer"]]
    return ", ".join(str(each.get("failure", each.get("status", 200))) for each in answers)


def _used(one: Json) -> str:
    return f"{one['used']} of {one['times']}" if one.get("times") else str(one["used"])
