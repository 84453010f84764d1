"""Questions to an engine about its own state: its registry, its clock, its disk."""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass
from datetime import datetime, timezone
from http import HTTPStatus
from pathlib import Path
from urllib.parse import quote

import docker
import requests
from docker.errors import DockerException
from requests.exceptions import ReadTimeout, RequestException

from taskdock.base.errors import EngineUnreachable
from taskdock.base.timing.clock import Clock, SystemClock
from taskdock.engines.docker.facts import text
from taskdock.engines.docker.images.registry import PullFault, fault_of, registry_of

REGISTRY_LIMIT = 20.0  # seconds that a registry has for its answer
_CLOCK = SystemClock()  # a registry takes real time
_LONGEST = 200  # characters of the engine's words
_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d{1,6})?\d*(Z|[+-]\d\d:\d\d)")  # RFC 3339


@dataclass(frozen=True)
class Asked:
    """A registry that the engine was made to ask, as for a pull."""

    registry: str
    seconds: float
    fault: PullFault | None = None
    words: str = ""  # the engine's own, of the fault


@dataclass(frozen=True)
class OwnWord:
    """The parts of an engine's own description that change."""

    ahead: float | None  # seconds that its clock is ahead of ours; None: it does not tell
    root: Path | None  # where it keeps images, on its own machine


def ask_registry(client: docker.DockerClient, reference: str) -> Asked | None:
    """None: this engine cannot be made to ask (Podman). Raises `EngineUnreachable`."""
    api = client.api
    host = registry_of(reference)
    named = quote(reference, safe="/:@")
    url = f"{api.base_url}/v{api.api_version}/distribution/{named}/json"
    begun = _CLOCK.monotonic()
    try:
        reply = api.get(url, timeout=REGISTRY_LIMIT)
    except ReadTimeout:
        words = f"no answer within {REGISTRY_LIMIT:g} s"
        return Asked(host, REGISTRY_LIMIT, PullFault.SLOW, words)
    except RequestException as error:
        raise EngineUnreachable(f"the Docker Engine does not answer: {error}") from None
    seconds = _CLOCK.monotonic() - begun
    if reply.status_code == HTTPStatus.NOT_FOUND and not message(reply):
        return None  # not the registry's word, but the engine's own: there is no such path
    if reply.status_code < HTTPStatus.INTERNAL_SERVER_ERROR:
        return Asked(host, seconds)
    words = message(reply) or reply.text or f"HTTP status {reply.status_code}"
    return Asked(host, seconds, fault_of(words), words[:_LONGEST])


def own_word(client: docker.DockerClient, clock: Clock) -> OwnWord:
    """Raises `EngineUnreachable`."""
    before = clock.now()
    try:
        info = client.api.info()
    except (DockerException, RequestException) as error:
        raise EngineUnreachable(f"the Docker Engine does not answer: {error}") from None
    middle = before + (clock.now() - before) / 2
    theirs = moment(text(info, "SystemTime"))
    root = text(info, "DockerRootDir")
    return OwnWord(
        ahead=None if theirs is None else (theirs - middle).total_seconds(),
        root=Path(root) if root else None,
    )


def moment(written: str) -> datetime | None:
    """From a time with nanoseconds, as Go writes it; None: it is none."""
    match = _TIME.fullmatch(written)
    if match is None:
        return None
    seconds, fraction, zone = match.groups()
    with contextlib.suppress(ValueError):
        digits = (fraction or ".0").ljust(7, "0")
        offset = "+00:00" if zone == "Z" else zone
        return datetime.fromisoformat(f"{seconds}{digits}{offset}").astimezone(timezone.utc)
    return None


def message(reply: requests.Response) -> str:
    """The engine's words in a refusal; "" if there are none."""
    try:
        return text(reply.json(), "message")
    except ValueError:
        return ""
