"""The command events generate: samples of events, as JSON."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import click

from taskdock.base import strict_json
from taskdock.base.timing.clock import SystemClock, to_milliseconds
from taskdock.client.console import output
from taskdock.client.console.groups import Group
from taskdock.client.console.tables.layout import Column, Fit
from taskdock.web.common.sample_events.sample import Option, OptionType, Sample, Values
from taskdock.web.common.sample_events.samples import SAMPLES


@click.group("generate", cls=Group, invoke_without_command=True)
@click.option("--list", "listed", is_flag=True, help="List the kinds of events.")
@click.pass_context
def generate(context: click.Context, listed: bool) -> None:
    """Print a sample of an event as JSON, with the fields that you choose.

    For example: taskdock events generate s3 --bucket photos --key a.jpg > event.json
    """
    if context.invoked_subcommand is not None:
        return
    if not listed:
        raise click.UsageError(f"which event? There are {', '.join(SAMPLES)}")
    rows = [(name, sample.about) for name, sample in SAMPLES.items()]
    output.table((Column("Event"), Column("Sent when", rank=1, fit=Fit.WRAP)), rows, empty="")


def _command(name: str, sample: Sample) -> click.Command:
    by_key = {option.name.replace("-", "_"): option for option in sample.options}

    def make(time: str | None, region: str, **given: Any) -> None:
        try:
            now = _moment(time)
            values = {key: _value(option, given[key]) for key, option in by_key.items()}
            made = sample.make(Values(values, now, region))
        except ValueError as error:
            raise click.UsageError(str(error)) from None
        output.document(made)

    parameters: list[click.Parameter] = [_parameter(option) for option in sample.options]
    parameters += [
        click.Option(["--time"], metavar="TIME", help="When it happens, in ISO 8601.  [now]"),
        click.Option(["--region"], default="us-east-1", show_default=True, help="AWS's region."),
    ]
    return click.Command(name, callback=make, params=parameters, help=sample.about)


def _parameter(option: Option) -> click.Option:
    shape: dict[str, Any] = {"default": option.default, "show_default": option.default is not None}
    if option.type is OptionType.TEXTS:
        shape["multiple"] = True
    elif option.type is OptionType.NUMBER:
        shape["type"] = int
    elif option.type is OptionType.CHOICE:
        shape["type"] = click.Choice(option.choices, case_sensitive=False)
    elif option.type is OptionType.JSON:
        shape |= {"default": output.as_text(option.default), "metavar": "JSON"}
    return click.Option([f"--{option.name}"], help=option.about, **shape)


def _value(option: Option, given: Any) -> Any:
    """Raises `ValueError`."""
    if option.type is not OptionType.JSON:
        return given
    try:
        value = strict_json.loads(given)
    except ValueError as error:
        raise ValueError(
            f"--{option.name} was given no valid JSON: {strict_json.explained(error)}"
        ) from None
    if not isinstance(value, dict):
        raise ValueError(f'--{option.name} takes a JSON object, such as {{"id": 1}}')
    return value


def _moment(text: str | None) -> datetime:
    """Raises `ValueError`."""
    if text is None:
        return SystemClock().now()
    try:
        moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
        return to_milliseconds(moment.astimezone(timezone.utc))
    except (ValueError, OverflowError):
        raise ValueError(
            f"--time: '{text}' is no ISO 8601 time such as 2026-01-02T03:04:05Z"
        ) from None


for _name, _sample in SAMPLES.items():
    generate.add_command(_command(_name, _sample))
