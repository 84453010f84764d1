"""The path of every page and every part of the dashboard, for tests that ask for them all."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from urllib.parse import quote

from taskdock.web.common.endpoint import Endpoint
from tests.support.endpoints import DASHBOARD
from tests.support.hostile import HostileServer

VARIABLE = re.compile("<[^>]*>")
CHOICE = re.compile(r"<any\(([^)]*)\):[^>]*>")
STREAM, STATIC = "/ui/stream", "/ui/static/<asked>/<file>"


def shown() -> list[Endpoint]:
    """Every page and part."""
    found = [each for each in DASHBOARD.values() if each.method == "GET"]
    assert len(found) > 8
    return [each for each in found if each.path not in (STREAM, STATIC)]


def variants(endpoint: Endpoint) -> Iterator[str]:
    """The path with each word in a variable that takes some words alone."""
    first, *others = CHOICE.split(endpoint.path)
    choices = [re.split(r",\s*", words) for words in others[::2]]
    for chosen in itertools.product(*choices):
        yield first + "".join(map("".join, zip(chosen, others[1::2], strict=True)))


def paths(path: str, server: HostileServer) -> Iterator[str]:
    """The path with each value in its variables, one of which is of the right kind."""
    first, *others = VARIABLE.split(path)
    for values in itertools.product(dict.fromkeys(server.values()), repeat=len(others)):
        filled = [quote(value, safe="") + rest for value, rest in zip(values, others, strict=True)]
        yield first + "".join(filled)
