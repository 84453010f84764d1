"""Who calls from beyond loopback, where the API is served there: nobody, without credentials."""

from __future__ import annotations

import json
import sys
from ipaddress import ip_network

import docker
import pytest

from taskdock.base import ids
from taskdock.base.settings import Settings
from taskdock.base.terminal import printable
from taskdock.server.provision import ensure_images
from taskdock.server.welcome import openness, red
from taskdock.testing.fakes.runtime import FakeRuntime
from tests.service.test_authentication import signed
from tests.support.addresses import own_address
from tests.support.builders import Dock, StartDock
from tests.support.people import Bearer, Person

EVERYWHERE = "0.0.0.0"
LAMBDA = "/2015-03-31/functions"
INVOKE = f"{LAMBDA}/walnut-table/invocations"


def by_way_of(dock: Dock, address: str) -> Person:
    return Person(f"http://{address}:{dock.emulator.port}")


@pytest.fixture
def elsewhere(start_dock: StartDock) -> Dock:
    return start_dock(host=EVERYWHERE)


def test_a_stranger_may_do_nothing_without_credentials(elsewhere: Dock) -> None:
    stranger = by_way_of(elsewhere, own_address())

    for method, path in (
        ("GET", "/tasks/v1/"),
        ("POST", "/tasks/v1/"),
        ("POST", "/tasks/v1/functions/"),
        ("GET", "/auth/v2/applications"),
        ("GET", "/users/v1/me"),
        ("GET", "/status"),
        ("POST", "/tasks/v1/functions/walnut-table/execute"),
        ("GET", "/tasks/v1/api/walnut-table/"),
    ):
        answer = stranger.ask(method, path, {} if method == "POST" else None)

        assert (answer.status_code, answer.json()["code"]) == (401, 104), path
        assert own_address() in answer.json()["message"]
        assert "--open-beyond-loopback" in answer.json()["message"]


@pytest.mark.parametrize(("method", "path"), [("GET", LAMBDA), ("POST", LAMBDA), ("POST", INVOKE)])
def test_the_lambda_api_is_closed_to_a_stranger(elsewhere: Dock, method: str, path: str) -> None:
    answer = by_way_of(elsewhere, own_address()).ask(method, path, {})

    assert answer.status_code == 403
    assert answer.headers["X-Amzn-Errortype"] == "AccessDeniedException"
    assert "--open-beyond-loopback" in answer.json()["Message"]


def test_what_is_anyones_is_a_strangers_too(elsewhere: Dock) -> None:
    stranger = by_way_of(elsewhere, own_address())

    for path in ("/health", "/docs", "/openapi.json", "/users/v1/permissions"):
        assert stranger.ask("GET", path).status_code == 200, path


def test_a_stranger_with_credentials_is_who_they_say(elsewhere: Dock) -> None:
    known = by_way_of(elsewhere, own_address())
    known.auth = signed(elsewhere)
    assert known.ask("GET", "/tasks/v1/").status_code == 200

    known.auth = Bearer("walnut")
    assert known.ask("GET", "/tasks/v1/").json()["code"] == 117


@pytest.mark.parametrize("address", ["127.0.0.1", "127.0.0.9", "localhost"])
def test_all_of_loopback_is_this_machine(elsewhere: Dock, address: str) -> None:
    assert by_way_of(elsewhere, address).ask("GET", "/tasks/v1/").status_code == 200
    assert by_way_of(elsewhere, address).ask("GET", LAMBDA).status_code == 200


def test_a_function_by_its_door_is_no_stranger(dock: Dock) -> None:
    said: list[bytes] = []

    def handler(event: object, runtime: FakeRuntime) -> None:
        with runtime.connect("localhost:9002") as door:
            door.sendall(b"GET /tasks/v1/ HTTP/1.1\r\nHost: localhost:9002\r\n\r\n")
            said.append(door.recv(65536).split(b"\r\n")[0])

    dock.deploy(handler)
    assert dock.execute().status_code == 200

    assert said == [b"HTTP/1.1 200 OK"]


@pytest.mark.parametrize("name", ["X-Forwarded-For", "X-Real-IP", "Forwarded", "Client-IP"])
def test_no_header_makes_a_stranger_a_neighbour(elsewhere: Dock, name: str) -> None:
    stranger = by_way_of(elsewhere, own_address())
    headers = {name: "for=127.0.0.1" if name == "Forwarded" else "127.0.0.1"}

    assert stranger.ask("GET", "/tasks/v1/", headers=headers).status_code == 401
    assert stranger.ask("GET", LAMBDA, headers=headers).status_code == 403


def test_a_server_may_be_open_to_everybody_if_it_is_told_so(start_dock: StartDock) -> None:
    dock = start_dock(host=EVERYWHERE, open_beyond_loopback=True)
    stranger = by_way_of(dock, own_address())

    assert stranger.ask("GET", "/tasks/v1/").status_code == 200
    assert stranger.ask("GET", LAMBDA).status_code == 200


def test_a_strict_server_is_open_to_nobody_by_that(start_dock: StartDock) -> None:
    dock = start_dock(host=EVERYWHERE, open_beyond_loopback=True, auth="strict")

    for address in ("127.0.0.1", own_address()):
        assert by_way_of(dock, address).ask("GET", "/tasks/v1/").status_code == 401
    assert by_way_of(dock, own_address()).ask("GET", LAMBDA).status_code == 403


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, ""),
        ({"host": EVERYWHERE}, ""),
        ({"host": EVERYWHERE, "open_beyond_loopback": True}, "whoever reaches 0.0.0.0 port 8080"),
        ({"open_beyond_loopback": True}, "means nothing here"),
        ({"host": "::1", "open_beyond_loopback": True}, "means nothing here"),
        (
            {"host": EVERYWHERE, "open_beyond_loopback": True, "auth": "strict"},
            "means nothing with --auth strict",
        ),
    ],
)
def test_the_start_says_who_is_served_without_credentials(
    given: dict[str, object], said: str
) -> None:
    warning = openness(Settings.load(given, {}))

    assert said in warning
    assert bool(warning) is bool(said)


def test_the_warning_is_red_on_a_terminal_and_plain_elsewhere(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    warning = openness(Settings.load({"host": EVERYWHERE, "open_beyond_loopback": True}, {}))

    plain = red(warning)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    coloured = red(warning)

    assert plain == warning
    assert printable(coloured) == f"\x1b[31m{warning}\x1b[0m"


def gateway_of(config: dict[str, str]) -> str:
    """Docker leaves it out of the bridge's description until its second start (moby 26799)."""
    return config.get("Gateway") or str(next(ip_network(config["Subnet"]).hosts()))


@pytest.mark.docker
def test_a_container_of_another_network_is_a_stranger(
    elsewhere: Dock, docker_client: docker.DockerClient
) -> None:
    image = ensure_images(["python3.11"])["python3.11"].reference
    network = docker_client.networks.create(
        f"taskdock-test-strangers-{ids.word(8)}", driver="bridge"
    )
    try:
        gateways = [
            gateway_of(each.attrs["IPAM"]["Config"][0])
            for each in (
                docker_client.networks.get("bridge"),
                docker_client.networks.get(network.id),
            )
        ]
        urls = [f"http://{gateway}:{elsewhere.emulator.port}" for gateway in gateways]
        printed = docker_client.containers.run(
            image,
            entrypoint=["python3", "-c", _CALLS, json.dumps(urls)],
            network=network.id,
            remove=True,
        )
    finally:
        network.remove()

    assert json.loads(printed) == {"/tasks/v1/": [401, 401], LAMBDA: [403, 403]}


_CALLS = f"""
import json, sys, urllib.request, urllib.error
def status(url):
    try:
        return urllib.request.urlopen(url, timeout=20).status
    except urllib.error.HTTPError as error:
        return error.code
urls = json.loads(sys.argv[1])
paths = ("/tasks/v1/", "{LAMBDA}")
print(json.dumps({{path: [status(url + path) for url in urls] for path in paths}}))
"""
