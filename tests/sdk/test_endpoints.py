"""Every endpoint that the SDK calls is here, or is told to be elsewhere."""

from __future__ import annotations

import re

from taskdock.web.access import elsewhere
from tests.support.endpoints import ENDPOINTS
from tests.support.sdk import installed

SOURCE = "node_modules/@extrahorizon/javascript-sdk/build/index.mjs"
CALL = re.compile(
    r"\b(?:\w*[cC]lient|http|httpWithAuth)\.(get|post|put|patch|delete)"
    r"\((\w+, )?(?:`([^`]*)`|'([^']*)'|([A-Z_]+(?:\$\d)?)\b)"
)


def called() -> set[str]:
    """A method and a path each, with * for what varies, as the SDK's bundle has them.

    A service's functions stand before the line with its base path.
    """
    source = (installed() / SOURCE).read_text()
    bases = dict(re.findall(r"^const (\w+_BASE) = '([^']+)';", source, re.M))
    named = {
        name: bases[base] + rest
        for name, base, rest in re.findall(
            r"^const ([\w$]+) = `\$\{(\w+_BASE)\}([^`]*)`;", source, re.M
        )
    }
    known = {**bases, **named}
    scopes = [(each.start(), bases[each[1]]) for each in re.finditer(r"basePath: (\w+)", source)]
    found = set()
    for call in CALL.finditer(source):
        method, through_a_client, template, text, constant = call.groups()
        path = known.get(constant) or template or text or ""
        path = re.sub(r"\$\{([\w$]+)\}", lambda name: known.get(name[1], name[0]), path)
        path = re.sub(r"\$\{[^{}]*rql[^{}]*\}", "", path)
        path = re.sub(r"(\$\{[^{}]*\})+", "*", path)
        if through_a_client and not path.startswith(tuple(bases.values())):
            path = next(base for at, base in scopes if at > call.start()) + path
        found.add(f"{method.upper()} {path.rstrip('/')}")
    return found


def test_each_is_here_or_is_told_to_be_elsewhere() -> None:
    endpoints = called()
    api = {each for each in endpoints if each.endswith(" /tasks/v1/api/*")}
    of_services = {each for each in endpoints if each.split("/")[1] in elsewhere.SERVICES}

    assert len(endpoints) > 250
    assert len(api) == 5
    assert {each.split("/")[1] for each in of_services} == elsewhere.SERVICES
    here = endpoints - api - of_services - elsewhere.ENDPOINTS
    assert here - ENDPOINTS.keys() == set()
    assert elsewhere.ENDPOINTS - endpoints == set()
