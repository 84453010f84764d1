"""The reasons why tasks do not run although they are due, as sentences. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from taskdock.web.harness_api.observing.queue import QueueJson
from taskdock.web.task_api.status_json import HindrancesJson

STANDS_STILL = "The clock stands still: what waits for a time waits until the clock is moved."


def obstacles(
    queue: QueueJson,
    hindrances: HindrancesJson,
    functions: Mapping[str, bool | None],
    *,
    stands_still: bool,
) -> list[str]:
    """`functions`: of the tasks that are new, whether each is enabled; None: there is none of this
    name."""
    memory = hindrances["memory"]
    found = [f"{each['name']}: {each['reason']}" for each in hindrances["troubles"]]
    for calls in hindrances["waiting"]:
        found.append(
            f"{_counted(calls['calls'], 'call')} of {calls['functionName']}"
            f" {'waits' if calls['calls'] == 1 else 'wait'} for"
            f" {calls['reason']}; {memory['held']} of {memory['budget']} MB are held."
        )
    for name, enabled in functions.items():
        if enabled is None:
            found.append(f"There is no function {name}: its tasks fail when they are claimed.")
        elif not enabled:
            found.append(f"The function {name} is disabled: its tasks fail when they are claimed.")
    places = queue["places"]
    if queue["due"] and places["taken"] >= places["all"]:
        found.append(
            f"{_counted(places['all'], 'task')} may run side by side, and as many do: the next one"
            " begins when one of them ends."
        )
    if stands_still and (queue["waiting"] or queue["retries"]):
        found.append(STANDS_STILL)
    return found


def _counted(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"
