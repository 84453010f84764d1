"""The commands of API requests: list, show, logs."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click

from taskdock.base import ids
from taskdock.client.api import Json, TaskService, encoded, equals
from taskdock.client.console import options, output, secrets, times
from taskdock.client.console.groups import Group
from taskdock.client.console.tables import values
from taskdock.client.console.tables.layout import Cell, Column, Fit
from taskdock.client.errors import WrongCall

_COLUMNS = (
    Column("Id", fit=Fit.WHOLE),
    Column("Function", rank=5),
    Column("Method", rank=1, fit=Fit.WHOLE),
    Column("Path"),
    Column("Status", fit=Fit.WHOLE, right=True),
    Column("Time (UTC)", rank=3, fit=Fit.WHOLE),
    Column("Duration", "Took", rank=2, fit=Fit.WHOLE, right=True),
    Column("Error", rank=6, fit=Fit.BELOW),
)


@click.group(cls=Group)
def api_requests() -> None:
    """List and show the API requests that functions have had.

    An API request is a call of a function at /tasks/v1/api/FUNCTION/PATH, such as with curl.
    """


@api_requests.command("list")
@click.option("--function", "function_name", metavar="NAME", help="Those to this function alone.")
@click.option("--failed", is_flag=True, help="Those with an error, or a status of 400 and above.")
@times.since
@click.option("--limit", type=click.IntRange(1, 50), default=20, show_default=True)
@options.as_json
@options.service
def list_api_requests(
    *,
    function_name: str | None,
    failed: bool,
    since: str | None,
    limit: int,
    as_json: bool,
    service: TaskService,
) -> None:
    """List API requests, the newest first."""
    conditions = [] if function_name is None else [equals("functionName", function_name)]
    if failed:
        conditions.append("ge(statusCode,400)")
    beginning = times.beginning(since, service)
    if beginning is not None:
        conditions.append(f"ge(timestamp,{encoded(beginning)})")
    found = service.api_requests("&".join([*conditions, "sort(-timestamp)", f"limit({limit})"]))
    if as_json:
        output.document(found)
        return
    today = times.today(service) if found else ""
    output.table(
        _COLUMNS,
        [_row(request, today) for request in found],
        empty=f"no such API requests; make one with: curl {service.url}/tasks/v1/api/FUNCTION/PATH",
    )


@api_requests.command("show")
@click.argument("request_id", metavar="ID")
@options.show_secrets
@options.as_json
@options.service
def show_api_request(
    request_id: str, show_secrets: bool, as_json: bool, service: TaskService
) -> None:
    """Show one API request in full.

    Parameters of the query with names such as "token" are hidden; --show-secrets shows them.
    --json is for programs, and has them.
    """
    found = _api_request(service, request_id)
    if as_json:
        output.document(found)
    else:
        hidden = {**found, "path": secrets.hidden_in_query(found["path"])}
        output.secret_fields(found, found if show_secrets else hidden)


@api_requests.command("logs")
@click.argument("request_id", metavar="ID")
@options.as_json
@options.service
def show_log(request_id: str, as_json: bool, service: TaskService) -> None:
    """Print the log of an API request, as "taskdock logs ID" does."""
    lines = list(service.api_request_logs(_api_request(service, request_id)["id"]))
    if as_json:
        output.document(lines)
        return
    for line in lines:
        message = output.message(line["message"], terminal=sys.stdout.isatty())
        output.plain(f"{line['timestamp']}  {message}")


def _api_request(service: TaskService, id: str) -> Json:
    """Raises `WrongCall` for an id that no API request has."""
    found = service.api_requests(equals("id", id)) if ids.is_object_id(id) else []
    if not found:
        raise WrongCall(
            f"there is no API request {id}; find its id with: taskdock api-requests list"
        )
    return found[0]


def _row(request: Json, today: str) -> Sequence[Cell]:
    return [
        Cell(request["id"]),
        Cell(request["functionName"]),
        Cell(request["method"]),
        Cell(secrets.hidden_in_query(f"/{request['path']}")),
        values.http_status(request["statusCode"]),
        values.moment(request["timestamp"], today),
        values.duration(request["duration"]),
        values.error(request.get("error")),
    ]
