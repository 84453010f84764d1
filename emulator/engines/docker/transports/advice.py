"""Why a container does not reach this machine by the network, and what mends it. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from taskdock.engines.docker.transports.routes import ENGINES_OWN, Route

_MET = {
    100: "no network",  # Linux's numbers, wherever this runs
    101: "no network",
    110: "no answer in time",
    111: "connection refused",
    113: "no route to it",
}


def explain(errno: int, routes: Sequence[Route]) -> str:
    """A sentence, then its remedies, one a line. `errno`: the error, in Linux's number, that a
    container met by the last of these routes."""
    met = _MET.get(errno, f"error {errno}")
    where = " and ".join(map(_named, routes))
    return "\n".join(
        [
            "containers cannot reach this server: the engine sees another machine's files, or has"
            f" another kernel, and a container that called {where} met: {met}.",
            "To mend it:",
            "    run taskdock where the engine runs, or set DOCKER_HOST to an engine of its own",
            "    or have this machine's firewall let through what comes from the engine's",
        ]
    )


def turned_away(address: str) -> str:
    """One more remedy, where a caller from this address was turned away. `address`: empty: none
    was."""
    if not address:
        return ""
    return (
        f"\n    or, if {address} is where the engine's containers call from, which was turned away"
        f" as no address of the engine's: taskdock serve --container-callers {address}"
    )


def _named(route: Route) -> str:
    if route.reach == ENGINES_OWN:
        return "this machine's address, as the engine has it (host-gateway),"
    return route.reach
