"""The commands of faults, which tests inject into the invocations of a function."""

from __future__ import annotations

import click

from taskdock.base.errors import BadField
from taskdock.client.api import Json, TaskService
from taskdock.client.connection import path_part
from taskdock.client.console import options, output
from taskdock.client.console.groups import Group
from taskdock.client.errors import WrongCall
from taskdock.commands.harness.removing import remove
from taskdock.lambdas.invoke.faults import FaultType, Odds, fault_of

_PATH = "/taskdock/faults"
_KINDS = ", ".join(kind.value for kind in FaultType)


@click.group(cls=Group)
def faults() -> None:
    """Have the next invocations of a function fail, to see what its callers do about it."""


@faults.command("add", epilog=f"Kinds of faults: {_KINDS}.")
@click.argument("function")
@click.argument("kind")
@click.option("--name", help="Of an error: its type, such as SmtpDown.")
@click.option("--message", help="Of an error.")
@click.option("--seconds", type=options.NUMBER, help="Of a delay.")
@click.option("--times", type=int, help="How many invocations get it.  [default: all]")
@click.option("--probability", type=options.NUMBER, help="The share of invocations, such as 0.1.")
@click.option("--seed", type=int, help="The same seed gives the same sequence of random faults.")
@options.as_json
@options.service
def add_fault(
    *,
    function: str,
    kind: str,
    name: str | None,
    message: str | None,
    seconds: float | None,
    times: int | None,
    probability: float | None,
    seed: int | None,
    as_json: bool,
    service: TaskService,
) -> None:
    """Inject a fault of a KIND into the next invocations of a FUNCTION; print the fault's id."""
    body = {
        "functionName": function,
        "fault": kind,
        "name": name,
        "message": message,
        "seconds": seconds,
        "times": times,
        "probability": probability,
        "seed": seed,
    }
    try:
        fault_of(kind, name=name, message=message, seconds=seconds)
        Odds(times=times, probability=probability, seed=seed)
    except BadField as error:
        raise WrongCall(error.message) from None
    service.function(function)  # it knows the name that may be meant
    given = {key: value for key, value in body.items() if value is not None}
    added = service.call("POST", _PATH, given)
    output.done(added, added["id"], as_json=as_json)


@faults.command("list")
@options.as_json
@options.service
def list_faults(as_json: bool, service: TaskService) -> None:
    """List the injected faults, the oldest first, with how often each was used."""
    output.listing(
        service.call("GET", _PATH)["data"],
        as_json=as_json,
        columns=("Id", "Function", "Fault", "Used", "Of"),
        row=lambda one: [one["id"], one["functionName"], _words(one), one["used"], _limit(one)],
        empty="no faults; inject one with: taskdock faults add FUNCTION KIND",
    )


@faults.command("off")
@click.argument("fault_id", metavar="ID")
@options.as_json
@options.service
def switch_off(fault_id: str, as_json: bool, service: TaskService) -> None:
    """Switch a fault off: no invocation gets it, and its uses stay counted."""
    _switch(service, fault_id, enabled=False, as_json=as_json)


@faults.command("on")
@click.argument("fault_id", metavar="ID")
@options.as_json
@options.service
def switch_on(fault_id: str, as_json: bool, service: TaskService) -> None:
    """Switch a fault on again."""
    _switch(service, fault_id, enabled=True, as_json=as_json)


@faults.command("clear")
@click.argument("fault_id", metavar="[ID]", required=False)
@options.as_json
@options.service
def clear_faults(fault_id: str | None, as_json: bool, service: TaskService) -> None:
    """Remove the fault with this ID, or all of them."""
    remove(service, _PATH, fault_id, "fault", as_json=as_json)


def _switch(service: TaskService, fault_id: str, *, enabled: bool, as_json: bool) -> None:
    switched = service.call("PUT", f"{_PATH}/{path_part(fault_id)}", {"enabled": enabled})
    words = f"{_words(switched)} of {switched['functionName']} is {'on' if enabled else 'off'}"
    output.done(switched, words, as_json=as_json)


def _words(one: Json) -> str:
    seconds = f"of {one['seconds']:g} s" if "seconds" in one else None
    return " ".join(word for word in (one["fault"], one.get("name"), seconds) if word)


def _limit(one: Json) -> str:
    """The number of invocations that it is for, or their share."""
    if not one.get("enabled", True):
        return "off"
    if "probability" in one:
        share = f"{one['probability']:g} of all, seed {one['seed']}"
        return f"{one['times']}, {share}" if "times" in one else share
    return str(one.get("times", "all"))
