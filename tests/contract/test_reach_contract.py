"""What every engine keeps of `reach`: a container says by which way it reaches this machine."""

from __future__ import annotations

import http.server
import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest

from emulator import ids, places
from emulator.engines import probe
from emulator.engines.docker import DockerEngine
from emulator.engines.engine import Engine
from emulator.engines.probe import LABEL, Probe
from emulator.engines.reach import Call, Met
from emulator.engines.ways import Way
from tests.support.builders import eventually
from tests.support.fake_engine import FakeEngine


class Answers(http.server.BaseHTTPRequestHandler):
    """200 to the host `me`, 404 to others."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.send_response(200 if self.headers["Host"] == "me" else 404)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def docker_engine(
    docker_client: docker.DockerClient, monkeypatch: pytest.MonkeyPatch
) -> Iterator[DockerEngine]:
    """Nothing is left of what it tries; others may try things on the same engine."""
    label = f"{LABEL}.{ids.word()}"
    monkeypatch.setattr(probe, "LABEL", label)
    cache = places.cache(os.environ)
    yield DockerEngine(docker_client, probe=Probe(docker_client, cache=cache))
    eventually(lambda: not docker_client.api.containers(all=True, filters={"label": label}))


@pytest.fixture(params=["fake", pytest.param("docker", marks=pytest.mark.docker)])
def engine(request: pytest.FixtureRequest) -> Engine:
    if request.param == "fake":
        return FakeEngine()
    found: Engine = request.getfixturevalue("docker_engine")
    return found


@pytest.fixture
def port(engine: Engine) -> Iterator[int]:
    """A server on the engine's first way."""
    server = http.server.ThreadingHTTPServer((engine.ways[0].listen, 0), Answers)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port
    server.shutdown()
    server.server_close()


def _unused(address: str) -> int:
    with socket.socket() as probed:
        probed.bind((address, 0))
        port: int = probed.getsockname()[1]
        return port


def test_a_container_reaches_a_server_on_the_first_way(engine: Engine, port: int) -> None:
    found = engine.reach([Call(port=port, path="/", host="me")])

    assert (found.fault, found.untried) == ("", "")
    assert [(each.way, each.port, each.met) for each in found.attempts] == [
        (engine.ways[0], port, Met.ANSWER)
    ]
    assert engine.way == engine.ways[0]


def test_all_calls_have_to_be_answered(engine: Engine, port: int) -> None:
    nobody = _unused(engine.ways[0].listen)

    found = engine.reach(
        [Call(port=port, path="/", host="me"), Call(port=nobody, path="/", host="me")]
    )

    assert [each.met for each in found.attempts] == [Met.ANSWER, Met.REFUSED]
    assert f"port {nobody}, and met: connection refused" in found.fault
    assert found.remedies


def test_an_answer_of_somebody_else_is_none(engine: Engine, port: int) -> None:
    found = engine.reach([Call(port=port, path="/", host="somebody")])

    assert [each.met for each in found.attempts] == [Met.SOMEBODY_ELSE]
    assert "Something else answers there" in found.fault


def test_the_second_way_is_taken_where_the_first_leads_nowhere(engine: Engine, port: int) -> None:
    there = engine.ways[0]
    engine.ways = (Way(there.listen, "203.0.113.7"), there)  # an address that nobody has
    engine.way = engine.ways[0]

    found = engine.reach([Call(port=port, path="/", host="me")])

    assert found.fault == ""
    assert engine.way == there


@pytest.mark.docker
def test_the_engines_own_address_is_found_in_the_hosts_file(
    docker_engine: DockerEngine, docker_client: docker.DockerClient
) -> None:
    here = docker_engine.ways[0]
    server = http.server.ThreadingHTTPServer((here.listen, 0), Answers)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    docker_engine.ways = (Way(here.listen, "host-gateway"),)
    try:
        found = docker_engine.reach([Call(port=server.server_port, path="/", host="me")])
    finally:
        server.shutdown()
        server.server_close()

    (attempt,) = found.attempts
    assert attempt.words, "it was called, whatever the engine thinks that its address is"
    assert "bad address" not in attempt.words


@pytest.mark.docker
def test_the_probes_image_is_made_in_a_moment_from_nothing(
    docker_client: docker.DockerClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"taskdock/probe-{ids.word()}"
    monkeypatch.setattr(probe, "_IMAGE", name)
    try:
        ran = Probe(docker_client, cache=tmp_path).run('echo "$1"; exit 3', ["hello"])

        (image,) = docker_client.api.images(name)
        assert (ran.output, ran.code) == ("hello\n", 3)
        assert image["Size"] < 4 * 1024 * 1024
    finally:
        for image in docker_client.api.images(name):
            docker_client.api.remove_image(image["RepoTags"][0], force=True)


@pytest.mark.docker
def test_what_the_probe_is_limited_to_is_dockers_to_enforce(
    docker_client: docker.DockerClient,
) -> None:
    eats = "x=0123456789; while :; do x=$x$x; done"

    ran = Probe(docker_client, cache=places.cache(os.environ)).run(
        eats, mem_limit="16m", memswap_limit="16m"
    )

    assert ran.code == 137, (ran, os.uname())
