"""Webhooks: the server calls nobody for a caller who could not call them, and never itself."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from functools import partial
from http.server import BaseHTTPRequestHandler
from itertools import islice
from typing import Any

import pytest
import requests

from taskdock.base import ids
from taskdock.base.machine.addresses import is_of_this_machine
from taskdock.lambdas.environment import spec
from taskdock.store.tables import SubscriptionRow
from taskdock.tasks.events import webhook_client
from taskdock.tasks.events.reach import Reach
from taskdock.testing.dock import new_function
from taskdock.testing.fakes.runtime import FakeRuntime, serve
from taskdock.testing.waiting import eventually
from taskdock.web.http.wsgi import THREADS
from tests.acceptance.conftest import engine, images, server  # noqa: F401
from tests.support.addresses import own_address
from tests.support.aws import ROLE
from tests.support.builders import Dock, Json, StartDock, summary
from tests.support.hook import Hook, answer
from tests.support.live import LiveServer
from tests.support.people import administrator, person

FROM_HERE = Reach(this_machine=True, own_ports=())


@pytest.fixture
def hook() -> Iterator[Hook]:
    with Hook() as hook:
        yield hook


def names_of(dock: Dock) -> list[str]:
    return [name for name, _ in dock.notices]


def subscription(url: str) -> Json:
    return {"eventTypes": ["task_failed"], "url": url}


def subscribe(dock: Dock, url: str) -> requests.Response:
    return dock.call("POST", "/subscriptions", base="/events/v1", json=subscription(url))


def from_a_container(dock: Dock, url: str) -> tuple[int, Json]:
    """The answer to a function that subscribes the URL, by its container's door."""
    return posted_by_a_container(dock, "/events/v1/subscriptions", subscription(url))


def posted_by_a_container(dock: Dock, path: str, posted: Json) -> tuple[int, Json]:
    """The answer to a function that posts something, by its container's door."""

    def asks(event: Any, runtime: FakeRuntime) -> Any:
        port = next(p for p, way in runtime.spec.forwards.items() if way == spec.TASK_SERVICE)
        connection = http.client.HTTPConnection("localhost", port)
        connection.sock = runtime.connect(f"localhost:{port}")
        connection.sock.settimeout(30)
        body = json.dumps(posted)
        headers = {"Content-Type": "application/json", "X-Forwarded-For": "127.0.0.1"}
        with contextlib.closing(connection):
            connection.request("POST", path, body, headers)
            answered = connection.getresponse()
            return [answered.status, json.loads(answered.read())]

    name = f"asks-{ids.word()}"
    dock.deploy(asks, name)
    done = dock.execute(name)
    assert done.status_code == 200, done.text
    status, said = done.json()["result"]
    return int(status), said


def fail_a_task(dock: Dock) -> None:
    dock.finish(dock.create_task("nobody-has-this-function"))


# Who subscribes


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "127.0.0.1",
        "127.8.8.8",
        "0x7f.1",
        "2130706433",
        "017700000001",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[0:0:0:0:0:ffff:7f00:1]",
    ],
)
def test_a_function_has_the_server_call_nothing_on_its_machine(dock: Dock, host: str) -> None:
    status, said = from_a_container(dock, f"http://{host}:9/anything")

    assert (status, said["code"]) == (400, 15)
    assert "made from a loopback address" in said["message"]
    assert dock.call("GET", "/subscriptions", base="/events/v1").json()["data"] == []


def test_a_function_may_subscribe_what_is_in_a_private_network(dock: Dock) -> None:
    status, said = from_a_container(dock, "http://10.255.255.1:9/hook")

    assert (status, said.get("url")) == (200, "http://10.255.255.1:9/hook")


def test_a_function_without_a_network_has_the_server_call_nobody(start_dock: StartDock) -> None:
    dock = start_dock(network="none")

    status, said = from_a_container(dock, "http://10.255.255.1:9/hook")

    assert (status, said["code"]) == (400, 15)
    assert "--network none" in said["message"]
    assert subscribe(dock, "http://10.255.255.1:9/hook").status_code == 200


@pytest.mark.parametrize(
    "registry",
    ["localhost:9", "127.0.0.1:9", "127.8.8.8", "[::1]:9", "LOCALHOST", "0x7f.1", "2130706433:9"],
)
def test_a_function_has_the_engine_call_nothing_on_its_machine(dock: Dock, registry: str) -> None:
    image = f"{registry}/anything:all"

    status, said = posted_by_a_container(
        dock, "/tasks/v1/functions/", {"name": "elm", "image": image}
    )
    assert (status, said["code"]) == (400, 1402)
    assert "taskdock deploy --image" in said["message"]

    status, said = posted_by_a_container(
        dock,
        "/2015-03-31/functions",
        {"FunctionName": "elm", "PackageType": "Image", "Code": {"ImageUri": image}, "Role": ROLE},
    )
    assert status == 400
    assert "taskdock deploy --image" in said["message"]
    assert dock.get("/functions/elm").status_code == 404


def test_a_function_may_deploy_other_images_and_who_is_here_any(dock: Dock) -> None:
    for name, image in (("elm", "walnut/table"), ("oak", "registry.example/walnut:1")):
        status, said = posted_by_a_container(
            dock, "/tasks/v1/functions/", {"name": name, "image": image}
        )
        assert (status, said["image"]) == (200, image)

    assert dock.post("/functions/", {"name": "ash", "image": "localhost:9/x"}).status_code == 200


def test_names_that_take_long_to_look_up_do_not_hold_all_threads(
    dock: Dock, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on, look_up = threading.Event(), socket.getaddrinfo

    def slow(host: Any, *rest: Any, **more: Any) -> Any:
        if str(host).endswith(".slow.example"):
            go_on.wait(30)
            raise socket.gaierror(socket.EAI_AGAIN, "no server answers")
        return look_up(host, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    with ThreadPoolExecutor(THREADS) as pool:
        calls = [
            pool.submit(subscribe, dock, f"http://n{number}.slow.example/")
            for number in range(THREADS)
        ]
        try:
            said = [each.result() for each in islice(as_completed(calls, 30), THREADS - 4)]
            assert dock.call("GET", "/", base="/users/v1").status_code == 200
        finally:
            go_on.set()

    assert {summary(each) for each in said} == {(400, 15)}
    assert all("try again" in each.json()["message"] for each in said)


def test_who_comes_by_another_address_names_nothing_on_this_machine(
    start_dock: StartDock, hook: Hook
) -> None:
    dock = start_dock(host=own_address())

    refused = administrator(dock).ask("POST", "/events/v1/subscriptions", subscription(hook.url))

    assert summary(refused) == (400, 15)
    assert "taskdock events subscribe" in refused.json()["message"]


def test_a_subscription_of_before_counts_as_made_here(dock: Dock) -> None:
    store = dock.emulator.foundation.store
    with store.transaction():
        store.db.execute_sql(
            "INSERT INTO subscription (id, event_types, url, creation_timestamp, update_timestamp)"
            " VALUES ('0123456789abcdef01234567', '[]', 'http://localhost:9/', '', '')"
        )

    (row,) = SubscriptionRow.select(SubscriptionRow.from_loopback).execute(store.db)

    assert row.from_loopback is True


def test_what_was_made_here_stays_so_after_a_restart_and_what_was_not_too(
    start_dock: StartDock, hook: Hook
) -> None:
    first = start_dock()
    assert subscribe(first, hook.url).status_code == 200
    first.stop()
    second = start_dock()

    fail_a_task(second)

    second.eventually(lambda: "event_delivered" in names_of(second))
    assert len(hook.calls) == 1


# What is called


def test_a_name_that_has_come_to_mean_this_machine_is_given_up_at_once(
    dock: Dock, hook: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = int(hook.url.split(":")[2].partition("/")[0])
    look_up = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", _as("10.255.255.1", look_up))
    status, said = from_a_container(dock, f"http://hook.example:{port}/")
    assert status == 200, said

    monkeypatch.setattr(socket, "getaddrinfo", _as("127.0.0.1", look_up))
    fail_a_task(dock)

    dock.eventually(lambda: "delivery_given_up" in names_of(dock))
    (facts,) = [facts for name, facts in dock.notices if name == "delivery_given_up"]
    assert "127.0.0.1 is this machine" in facts["error"]
    assert "delivery_failed" not in names_of(dock)
    assert hook.calls == []


def _as(address: str, look_up: Callable[..., Any]) -> Callable[..., Any]:
    """A look-up by which hook.example is there."""
    return lambda host, *more, **by_name: look_up(
        address if host == "hook.example" else host, *more, **by_name
    )


def test_between_the_check_and_the_connection_nothing_is_looked_up_again(
    hook: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = int(hook.url.split(":")[2].partition("/")[0])
    asked: list[str] = []
    look_up = socket.getaddrinfo

    def resolve(host: str, *more: Any, **by_name: Any) -> Any:
        asked.append(host)
        return look_up("127.0.0.1" if host == "hook.example" else host, *more, **by_name)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)

    assert (
        webhook_client.WebhookClient().post(f"http://hook.example:{port}/", b"{}", FROM_HERE)
        is None
    )

    assert asked == ["hook.example", "127.0.0.1"]  # the second is a number already


def test_the_address_that_is_connected_to_is_judged_before_anything_is_sent(
    hook: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = int(hook.url.split(":")[2].partition("/")[0])
    monkeypatch.setattr(webhook_client, "_addresses", lambda *_: ["127.0.0.1"])  # unchecked

    with pytest.raises(webhook_client.Refused, match="this machine"):
        webhook_client.WebhookClient().post(
            hook.url, b"{}", Reach(this_machine=False, own_ports=())
        )
    with pytest.raises(webhook_client.Refused, match="does not call itself"):
        webhook_client.WebhookClient().post(
            hook.url, b"{}", Reach(this_machine=True, own_ports={port})
        )

    assert hook.calls == []


@pytest.mark.parametrize("order", [["10.1.2.3", "8.8.8.8"], ["8.8.8.8", "10.1.2.3"]])
def test_a_name_with_a_near_and_a_far_address_is_refused(
    dock: Dock, monkeypatch: pytest.MonkeyPatch, order: list[str]
) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", _answering(order, socket.getaddrinfo))

    refused = subscribe(dock, "http://hook.example/")

    assert summary(refused) == (400, 15)
    assert "8.8.8.8 is not on this machine or in a private network" in refused.json()["message"]


def _answering(addresses: list[str], look_up: Callable[..., Any]) -> Callable[..., Any]:
    def resolve(host: str, *more: Any, **by_name: Any) -> Any:
        hosts = addresses if host == "hook.example" else [host]
        return [found for each in hosts for found in look_up(each, *more, **by_name)]

    return resolve


# This server itself


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "127.0.0.1",
        "127.1.2.3",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "0x7f000001",
        "app.localhost",
    ],
)
@pytest.mark.parametrize("path", ["", "/2015-03-31/functions/oak/invocations", "/tasks/v1/"])
def test_no_webhook_is_this_server_whatever_its_name(shared: Dock, host: str, path: str) -> None:
    refused = subscribe(shared, f"http://{host}:{shared.emulator.port}{path}")

    assert summary(refused) == (400, 15)


def test_no_webhook_is_this_server_at_another_address_of_its_machine(shared: Dock) -> None:
    port = shared.emulator.port
    mine = Reach(this_machine=True, own_ports={port})

    assert is_of_this_machine(own_address())
    assert not is_of_this_machine("10.255.255.1")
    refused = [mine.refusal(each, port) for each in ("127.0.0.1", "127.8.8.8", "::1")]
    assert all(each is not None and "does not call itself" in each for each in refused)
    assert mine.refusal("127.0.0.1", port + 1) is None


def test_a_strict_user_of_small_rights_does_not_have_the_server_call_its_own_lambda_api(
    start_dock: StartDock,
) -> None:
    called = threading.Event()
    dock = start_dock(auth="strict")
    admin = administrator(dock)
    dock.engine.programs["oak"] = serve(lambda event, runtime: called.set())
    admin.post("/tasks/v1/functions/", new_function("oak", entryPoint="oak"))
    ada = person(dock, "CREATE_SUBSCRIPTIONS", "CREATE_TASKS", "VIEW_EVENTS")
    loop = f"http://127.0.0.1:{dock.emulator.port}/2015-03-31/functions/oak/invocations"

    refused = ada.ask("POST", "/events/v1/subscriptions", subscription(loop))
    assert summary(refused) == (400, 15)
    assert "does not call itself" in refused.json()["message"]

    # One that a server of before has let in does not get through either.
    kept = ada.post("/events/v1/subscriptions", subscription("http://127.0.0.1:9/"))
    with dock.emulator.foundation.store.transaction():
        SubscriptionRow.update(url=loop).where(SubscriptionRow.id == kept["id"]).execute(
            dock.emulator.foundation.store.db
        )
    ada.post("/tasks/v1/", {"functionName": "nobody-has-this"})
    eventually(lambda: "delivery_given_up" in names_of(dock))
    assert not called.is_set()


# Where clouds keep credentials


@pytest.mark.parametrize(
    "address",
    [
        "169.254.169.254",  # AWS, Google Cloud, Azure and others
        "169.254.170.2",  # AWS ECS
        "169.254.42.42",  # Scaleway
        "100.100.100.200",  # Alibaba Cloud
        "192.0.0.192",  # Oracle Cloud Classic
        "168.63.129.16",  # Azure's WireServer
        "::ffff:169.254.169.254",
        "::169.254.169.254",
        "fe80::a9fe:a9fe",  # OpenStack
        "fe80::a9fe:a9fe%eth0",
        "fd00:ec2::254",  # AWS
        "fd00:ec2::23",  # AWS EKS
        "fd00:ec2:0:0:0:0:0:fe",
        "fd20:ce::254",  # Google Cloud
        "fd00:42::42",  # Scaleway
        "fd00:c1::a9fe:a9fe",  # Oracle Cloud
        "fd00:a9fe:a9fe::1",  # Linode
        "fd00:100::100:200",  # Alibaba Cloud
    ],
)
def test_a_metadata_service_is_never_called(address: str) -> None:
    refusal = FROM_HERE.refusal(address, 80)

    assert refusal is not None
    assert "is not on this machine or in a private network" in refusal


@pytest.mark.parametrize(
    "address",
    [
        "64:ff9b::7f00:1",  # NAT64: RFC 6052
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::7f00:1",  # RFC 8215
        "2002:7f00:1::",  # 6to4: RFC 3056
        "2002:a9fe:a9fe::",
        "2001:0:7f00:1::",  # Teredo: RFC 4380
        "::7f00:1",  # "IPv4-compatible": RFC 4291, 2.5.5.1
        "::ffff:0:7f00:1",  # "IPv4-translated": RFC 2765
        "::ffff:0.0.0.0",
        "::",
        "0.0.0.0",
        "0.0.0.1",
        "255.255.255.255",
        "224.0.0.1",
        "ff02::1",
    ],
)
def test_an_address_in_another_one_leads_nowhere(address: str) -> None:
    assert FROM_HERE.refusal(address, 80) is not None


@pytest.mark.parametrize(
    "host",
    [
        "[::1%25lo]",
        "[fe80::1%25eth0]",
        "[64:ff9b::7f00:1]",
        "0",
        "0.0.0.0",
        "[::]",
        "2852039166",
        "0xa9fea9fe",
    ],
)
def test_a_url_with_such_an_address_is_refused(shared: Dock, host: str) -> None:
    assert summary(subscribe(shared, f"http://{host}/")) == (400, 15)


# What was resisted already


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_never_followed(hook: Hook, status: int) -> None:
    with Hook() as other:
        hook.behaviours = [partial(answer, status=status, Location=other.url)]

        problem = webhook_client.WebhookClient().post(hook.url, b"{}", FROM_HERE)

        assert problem == f"HTTP status {status}"
        assert (len(hook.calls), other.calls) == (1, [])


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost:9/\r\nX-More: 1",
        "http://localhost:9/\nX-More:1",
        "http://localhost:9\r\nX-More:1/",
        "http://localhost:9/ HTTP/1.1",
        "http://localhost:9/\t",
        "http://localhost:9/\x00",
        "http://localhost:9/%0d%0a\u010d\u010a",
        "http://user:password@localhost:9/",
        "http://user@localhost:9/",
        "http://localhost:9@10.1.2.3/",
        "http://10.1.2.3:9\\@localhost/",
        "https://localhost:9/",
        "gopher://localhost:9/",
        "file:///etc/passwd",
        "http:///etc/passwd",
    ],
)
def test_no_url_smuggles_a_header_credentials_or_another_scheme(shared: Dock, url: str) -> None:
    assert summary(subscribe(shared, url)) == (400, 15)


def test_an_answer_without_an_end_is_not_read(hook: Hook) -> None:
    sent = 0

    def flood(request: BaseHTTPRequestHandler) -> None:
        nonlocal sent
        answer(request, 200)
        try:
            while not hook.ended.is_set():
                sent += request.wfile.write(b"x" * 65536)
        except OSError:  # we have hung up
            request.close_connection = True

    hook.behaviours = [flood]

    assert webhook_client.WebhookClient().post(hook.url, b"{}", FROM_HERE) is None
    assert sent < 64 << 20  # what the kernel takes in for us


def test_headers_without_an_end_are_a_failed_attempt(hook: Hook) -> None:
    def flood(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.flush_headers()
        try:
            while not hook.ended.is_set():
                request.wfile.write(b"X-Wood: oak\r\n")
        except OSError:
            request.close_connection = True

    hook.behaviours = [flood]

    problem = webhook_client.WebhookClient(limit=5).post(hook.url, b"{}", FROM_HERE)

    assert problem is not None
    assert "100 headers" in problem


# In a real container

_SUBSCRIBES = """
import json, os, urllib.error, urllib.request
def handler(task, context):
    body = json.dumps({"eventTypes": ["task_failed"], "url": task["data"]["url"]}).encode()
    request = urllib.request.Request(
        os.environ["API_HOST"] + "/events/v1/subscriptions",
        body,
        {"Content-Type": "application/json", "X-Forwarded-For": "127.0.0.1"},
    )
    try:
        with urllib.request.urlopen(request) as answer:
            return [answer.status, answer.read().decode()]
    except urllib.error.HTTPError as error:
        return [error.code, error.read().decode()]
"""


@pytest.mark.docker
@pytest.mark.timeout(900)
def test_a_function_in_a_container_names_nothing_on_its_host(
    server: LiveServer,  # noqa: F811
) -> None:
    server.service.deploy("subscribes-here", {"main.py": _SUBSCRIBES})

    for url in ("http://localhost:9/anything", f"http://{own_address()}:9/", server.service.url):
        done = server.service.execute("subscribes-here", {"url": url})

        status, said = done["result"]
        assert (status, json.loads(said)["code"]) == (400, 15), url
