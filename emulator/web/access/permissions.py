"""Lets a caller call an endpoint, or not: the endpoint's declaration names the permission."""

from __future__ import annotations

from werkzeug.routing import Map, Rule

from taskdock.identity.account import Account, require, require_user
from taskdock.web.common import endpoint
from taskdock.web.common.endpoint import Gate

ELSEWHERE = ("CREATE_EVENTS",)
"""Permissions of the service whose endpoints are not here: roles can have them all the same."""


def needed(rule: Rule, method: str) -> str | Gate:
    """The permission for a request by `method` to a route.

    Raises `TaskdockError` for a route without a declaration, so that nobody may call it.
    """
    return endpoint.declared(rule).needs(method)


def names(routes: Map) -> list[str]:
    """Every permission that a role can have, sorted."""
    found = set(ELSEWHERE)
    for each in endpoint.every(routes):
        asked = (each.permission, each.runs, *each.asks)
        found.update(name for name in asked if isinstance(name, str))
    return sorted(found)


def check(account: Account, needs: str | Gate) -> None:
    """Raises `NotSignedIn` or `NoPermission`."""
    if needs is Gate.USER:
        require_user(account)
    elif isinstance(needs, str):
        require(account, needs)
