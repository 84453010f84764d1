"""The endpoints that the server declares, for tests that check each of them."""

from __future__ import annotations

import re
from types import SimpleNamespace

from taskdock.web.common.endpoint import Endpoint, every
from taskdock.web.lambda_api.invoke import FUNCTIONS
from taskdock.web.lambda_api.model.request import for_machine
from taskdock.web.public.openapi import builder
from tests.support.builders import app_of

_NOTHING = SimpleNamespace(find=None)
APPLICATION = app_of(SimpleNamespace(accounts=None, roles=None, tokens=None, functions=_NOTHING))
"""The public application with nothing behind its endpoints."""
_INVOKE = for_machine("POST", f"{FUNCTIONS}/<name>/invocations")  # on the reactor, past Flask


def shape_of(path: str) -> str:
    """A path with a * for each variable part."""
    return re.sub(r"<[^>]*>|\{[^}]*\}", "*", path).rstrip("/")


def _named(endpoint: Endpoint) -> list[str]:
    method = "ANY" if len(endpoint.methods) > 1 else endpoint.methods[0]
    paths = endpoint.described_paths or (endpoint.path,)
    return [f"{method} {shape_of(path)}" for path in paths]


ENDPOINTS: dict[str, Endpoint] = {
    name: endpoint
    for endpoint in (*every(APPLICATION.url_map), _INVOKE)
    if not endpoint.of_dashboard
    for name in _named(endpoint)
}
"""Those of the APIs, by a method and a path with a * for each variable part. ANY: one of several
methods."""
DASHBOARD: dict[str, Endpoint] = {
    name: endpoint
    for endpoint in every(APPLICATION.url_map)
    if endpoint.of_dashboard
    for name in _named(endpoint)
}
"""Those of the dashboard, which browsers alone call, by a method and a path in the same form."""
OPERATIONS: dict[str, Endpoint] = {
    f"{method} {path}": endpoint
    for method, path, endpoint in builder.operations(
        each for each in every(APPLICATION.url_map) if each.tag is not None
    )
}
"""Those in /openapi.json, by method and path as they are there."""
PERMISSIONS = {
    endpoint.permission for endpoint in ENDPOINTS.values() if isinstance(endpoint.permission, str)
}
"""The permissions that endpoints need, without those that views ask for themselves."""
