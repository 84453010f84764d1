"""Pulls one image: announces its progress, lets it go on as long as bytes come, and ends it and
tries again when none have come for a while. The whole time that it takes has no limit.
"""

from __future__ import annotations

import json
import queue
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import urllib3.exceptions
from docker import DockerClient, auth
from docker.utils import parse_repository_tag
from requests import Response
from requests.exceptions import ConnectionError as NotConnected
from requests.exceptions import ReadTimeout

from taskdock.engines.docker import logins
from taskdock.engines.docker.images.inquiries import message
from taskdock.engines.docker.images.registry import (
    PullFault,
    PullRefusal,
    refusal_of,
    registry_of,
)
from taskdock.engines.images import Announce, Progress

STALL = 60.0  # seconds without a byte after which a pull is ended
ATTEMPTS = 3  # in a row, none of which came further than those before
HEARTBEAT = 5.0  # seconds without news after which it is said that we wait

Json = Mapping[str, Any]


class Stalled(Exception):
    """Nothing came for as long as we wait."""


class Puller:
    def __init__(
        self,
        client: DockerClient,
        announce: Announce,
        *,
        stall: float = STALL,
        heartbeat: float = HEARTBEAT,
    ) -> None:
        """`stall`, `heartbeat`: seconds."""
        self._api = client.api
        self._announce = announce
        self._stall = stall
        self._heartbeat = heartbeat

    def pull(self, reference: str, platform: str | None = None) -> PullRefusal | None:
        """None: the engine has the image now. Raises what requests raises of an engine that is
        gone."""
        furthest, failures = 0, 0
        while True:
            layers = Layers()
            refusal = self._attempt(reference, platform, layers)
            if refusal is None or not _is_passing(refusal, layers):
                return refusal
            failures = 1 if layers.fetched > furthest else failures + 1
            furthest = max(furthest, layers.fetched)
            if failures >= ATTEMPTS:
                return refusal
            self._announce(Progress(f"pulling {reference} again: {refusal.message}"))

    def _attempt(self, reference: str, platform: str | None, layers: Layers) -> PullRefusal | None:
        def wait(seconds: float) -> None:
            what = f"pulling {reference}: waiting for {registry_of(reference)}: {seconds:.0f} s"
            self._announce(Progress(what))

        try:
            for line in awaited(self._lines(reference, platform), wait, self._heartbeat):
                if "error" in line:
                    return refusal_of(reference, str(line["error"]))
                layers.note(line)
                for progress in layers.progress(reference):
                    self._announce(progress)
        except Stalled:
            came = f", after {layers.fetched / 1e6:.1f} MB" if layers.fetched else ""
            return PullRefusal(
                PullFault.SLOW,
                f"{registry_of(reference)} {PullFault.SLOW.value}"
                f" (nothing came for {self._stall:g} s{came})",
            )
        return None

    def _lines(self, reference: str, platform: str | None) -> Iterator[Json]:
        """The engine's report. Leaving it ends the pull."""
        try:
            with self._begin(reference, platform) as reply:
                if not reply.ok:
                    yield {"error": message(reply) or f"HTTP {reply.status_code}"}
                    return
                rest = b""
                for piece in reply.iter_content(None):
                    *lines, rest = (rest + piece).split(b"\n")
                    yield from map(_parsed, lines)
                yield _parsed(rest)
        except ReadTimeout:
            raise Stalled from None
        except NotConnected as error:
            if error.args and isinstance(error.args[0], urllib3.exceptions.ReadTimeoutError):
                raise Stalled from None
            raise

    def _begin(self, reference: str, platform: str | None) -> Response:
        """Not by the client's own `pull`, which waits for ever."""
        api = self._api
        repository, tag = parse_repository_tag(reference)
        params = {"fromImage": repository, "tag": tag or "latest"}
        if platform is not None:
            params["platform"] = platform
        registry, _ = auth.resolve_repository_name(repository)
        signed = auth.get_config_header(api, registry)
        if fault := logins.fault(api):
            self._announce(Progress(f"pulling {reference} without signing in: {fault}"))
        headers = {"X-Registry-Auth": signed} if signed else {}
        url = f"{api.base_url}/v{api.api_version}/images/create"
        return api.post(url, params=params, headers=headers, stream=True, timeout=self._stall)


class Layers:
    """The progress of a pull's layers, in bytes. Announced progress never goes back."""

    def __init__(self) -> None:
        self.retrying = ""
        """The engine's words, while it waits to take up what broke off."""
        self._announced: set[str] = set()
        self._downloads: dict[str, tuple[int, int]] = {}  # done and total
        self._unpacked: dict[str, tuple[int, int]] = {}
        self._furthest = 0.0

    def note(self, line: Json) -> None:
        """One line of the engine's report. Engines leave out what they have nothing to say of."""
        layer, status = str(line.get("id", "")), str(line.get("status", ""))
        detail = line.get("progressDetail") or {}
        done, total = int(detail.get("current") or 0), int(detail.get("total") or 0)
        self.retrying = status if status.startswith("Retrying") else ""
        if status == "Pulling fs layer":
            self._announced.add(layer)
        elif status == "Downloading" and total:
            self._download(layer, done, total)
        elif status == "Extracting" and total:
            self._complete(layer)
            self._unpacked[layer] = (done, total)
        elif status in ("Download complete", "Pull complete"):
            self._complete(layer)
            if status == "Pull complete" and layer in self._downloads:
                self._unpacked[layer] = self._downloads[layer]
        self._furthest = max(self._furthest, self.fetched / (self._total or 1))

    def _download(self, layer: str, done: int, total: int) -> None:
        """The engine takes up a download that broke off, and tells of the rest only. Before that,
        it says that all is there: so this alone does not make it complete."""
        before, whole = self._downloads.get(layer, (0, total))
        whole = max(whole, total)
        self._downloads[layer] = (before if done == total else whole - total + done, whole)

    def _complete(self, layer: str) -> None:
        if layer in self._downloads:
            self._downloads[layer] = (self._downloads[layer][1],) * 2

    @property
    def fetched(self) -> int:
        return sum(done for done, _ in self._downloads.values())

    @property
    def _total(self) -> int:
        """Layers of which no size is known yet are taken for as large as the others."""
        known = sum(total for _, total in self._downloads.values())
        unknown = len(self._announced - self._downloads.keys())
        return known + known * unknown // (len(self._downloads) or 1)

    def progress(self, reference: str) -> list[Progress]:
        if self.retrying:
            return [Progress(f"pulling {reference}: it broke off. {self.retrying}")]
        total = self._total
        if not total:
            return [Progress(f"pulling {reference}")]
        pulling = Progress(f"pulling {reference}", int(self._furthest * total), total)
        if self.fetched < total or not self._unpacked:
            return [pulling]
        unpacked = sum(done for done, _ in self._unpacked.values())
        return [pulling, Progress(f"unpacking {reference}", unpacked, max(total, unpacked))]


def awaited(
    lines: Iterator[Json], wait: Callable[[float], None], heartbeat: float
) -> Iterator[Json]:
    """The lines as they come; `wait` is told each `heartbeat` seconds for how long none has."""
    coming: queue.SimpleQueue[Json | BaseException | None] = queue.SimpleQueue()

    def read() -> None:
        try:
            for line in lines:
                coming.put(line)
            coming.put(None)
        except BaseException as error:
            coming.put(error)

    threading.Thread(target=read, name="pull", daemon=True).start()
    silence = 0.0
    while True:
        try:
            line = coming.get(timeout=heartbeat)
        except queue.Empty:
            silence += heartbeat
            wait(silence)
            continue
        if line is None:
            return
        if isinstance(line, BaseException):
            raise line
        silence = 0.0
        yield line


def _is_passing(refusal: PullRefusal, layers: Layers) -> bool:
    """Whether another attempt may bring what this one did not."""
    if refusal.fault is PullFault.UNREACHABLE:
        return layers.fetched > 0  # it was there a moment ago
    return refusal.fault in (PullFault.SLOW, PullFault.BROKEN)


def _parsed(line: bytes) -> Json:
    """Empty for what is no part of a report, such as the end of one that was cut."""
    try:
        read = json.loads(line)
    except ValueError:
        return {}
    return read if isinstance(read, dict) else {}
