"""What pages of other sites make a browser send: nobody's, without credentials."""

from __future__ import annotations

import base64
import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from taskdock.testing.fakes.runtime import FakeRuntime
from taskdock.testing.waiting import eventually
from taskdock.web.common.endpoint import Gate
from tests.security.test_hosts import say
from tests.support.browser import opened
from tests.support.builders import Dock
from tests.support.endpoints import ENDPOINTS
from tests.support.people import administrator, nobody, person

NAME = "walnut-table"
LAMBDA = "/2015-03-31/functions"
ME = "/users/v1/me"
REGISTER = "/users/v1/register"
ADA = {
    "email": "ada@example.com",
    "password": "walnut-table-7",
    "firstName": "Ada",
    "lastName": "Walnut",
    "phoneNumber": "1",
    "language": "EN",
    "timeZone": "UTC",
}

FOREIGN = [
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"},
    {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"},
]
TYPES = [
    "application/json",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "text/plain",
    "application/octet-stream",
    "",
]


@pytest.fixture
def called(dock: Dock) -> list[str]:
    """The paths by which an API function of the administrator's is called."""
    paths: list[str] = []

    def handler(event: Any, runtime: FakeRuntime) -> Any:
        paths.append(event["rawPath"])
        return {"statusCode": 200, "body": "walnut"}

    dock.deploy(handler)
    return paths


@pytest.mark.parametrize("headers", FOREIGN)
@pytest.mark.parametrize("kind", TYPES)
def test_a_page_of_another_site_changes_nothing_by_any_type_of_body(
    shared: Dock, headers: dict[str, str], kind: str
) -> None:
    sent = {**headers, "Content-Type": kind}
    body = json.dumps({"functionName": NAME})

    for path in ("/tasks/v1/", "/tasks/v1/functions/", "/events/v1/subscriptions", REGISTER):
        answer = nobody(shared).ask("POST", path, headers=sent, data=body)

        assert (answer.status_code, answer.json()["code"]) == (401, 104), path
        assert "another site" in answer.json()["message"]
    answer = nobody(shared).ask("POST", LAMBDA, headers=sent, data=body)
    assert answer.status_code == 403
    assert shared.get("/").json()["data"] == []


@pytest.mark.parametrize("headers", FOREIGN)
def test_a_page_of_another_site_reads_nothing_that_is_not_anyones(
    shared: Dock, headers: dict[str, str]
) -> None:
    for endpoint, declared in ENDPOINTS.items():
        method, path = endpoint.split(" ")
        if declared.permission is Gate.ANYONE or "*" in path:
            continue
        answer = nobody(shared).ask(method, path, headers=headers)

        assert answer.status_code == (403 if declared.permission is Gate.MACHINE else 401), endpoint


@pytest.mark.parametrize("headers", FOREIGN)
def test_what_anyone_may_change_is_closed_to_pages_of_other_sites(
    shared: Dock, headers: dict[str, str]
) -> None:
    for endpoint, declared in ENDPOINTS.items():
        method, path = endpoint.split(" ")
        if declared.permission is Gate.ANYONE and method != "GET":
            answer = nobody(shared).ask(method, path, ADA, headers=headers)

            assert (answer.status_code, answer.json()["code"]) == (401, 104), endpoint


def test_it_is_open_to_a_page_that_has_credentials_and_to_everybody_else(dock: Dock) -> None:
    foreign = {"Origin": "https://app.example.org"}
    local = dock.emulator.directory.local.application
    basic = base64.b64encode(f"{local.client_id}:{local.client_secret}".encode()).decode()
    grant = {"grant_type": "password", "username": ADA["email"], "password": ADA["password"]}

    assert nobody(dock).ask("POST", REGISTER, ADA).status_code == 200
    given = nobody(dock).ask(
        "POST",
        "/auth/v2/oauth2/tokens",
        grant,
        headers={**foreign, "Authorization": f"Basic {basic}"},
    )

    assert given.status_code == 200, given.text
    bob = {**ADA, "email": "bob@example.com"}
    assert administrator(dock).ask("POST", REGISTER, bob, headers=foreign).status_code == 200


def test_a_signed_request_counts_from_any_page(shared: Dock) -> None:
    for headers in FOREIGN:
        assert person(shared, "VIEW_TASKS").ask("GET", "/tasks/v1/", headers=headers).ok


@pytest.mark.parametrize("headers", FOREIGN)
def test_an_api_function_that_is_not_public_is_not_run_by_an_image(
    dock: Dock, called: list[str], headers: dict[str, str]
) -> None:
    answer = nobody(dock).ask("GET", f"/tasks/v1/api/{NAME}/a.png", headers=headers)

    assert answer.status_code == 401
    assert "permissionMode" in answer.json()["message"]
    assert called == []


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "http://localhost:3000", "Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Dest": "image"},
        {"Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate"},
        {"Sec-Fetch-Site": "same-origin"},
    ],
)
def test_pages_of_this_machine_and_typed_addresses_are_served(
    dock: Dock, called: list[str], headers: dict[str, str]
) -> None:
    assert nobody(dock).ask("GET", f"/tasks/v1/api/{NAME}/a", headers=headers).status_code == 200
    assert nobody(dock).ask("GET", LAMBDA, headers=headers).status_code == 200
    assert called == ["/a"]


def test_a_link_on_any_page_leads_to_the_documentation(shared: Dock) -> None:
    link = FOREIGN[-1]

    assert nobody(shared).ask("GET", "/docs", headers=link).status_code == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
@pytest.mark.parametrize("path", ["/tasks/v1/", "/tasks/v1/functions/", LAMBDA, REGISTER, ME])
def test_a_preflight_allows_nothing(shared: Dock, path: str, method: str) -> None:
    answer = nobody(shared).ask(
        "OPTIONS",
        path,
        headers={
            "Origin": "https://evil.example",
            "Access-Control-Request-Method": method,
            "Access-Control-Request-Headers": "content-type, authorization",
            "Access-Control-Request-Private-Network": "true",
        },
    )

    assert answer.status_code in (200, 403)
    assert not [name for name in answer.headers if name.lower().startswith("access-control-")]


@pytest.mark.parametrize(
    "origins",
    [
        ["http://["],
        ["http://]"],
        ["http://[::1"],
        ["http://localhost:port"],
        ["walnut"],
        ["http://localhost http://evil.example"],
        ["http://localhost", "https://evil.example"],
        ["https://evil.example", "http://localhost"],
        ["http://localhost", "http://localhost"],
    ],
)
@pytest.mark.parametrize("path", ["/health", ME, LAMBDA, f"{LAMBDA}/{NAME}/invocations", "/no"])
def test_two_origins_or_one_that_is_none_are_refused(
    shared: Dock, path: str, origins: list[str]
) -> None:
    lines = "".join(f"\nOrigin: {origin}" for origin in origins)

    status, headers, said = say(shared, f"POST {path} HTTP/1.1\nHost: localhost{lines}")

    assert status == 400
    assert headers["content-type"] == "application/json"
    assert "Origin" in (said.get("message") or said["Message"])


@contextmanager
def website(page: str) -> Iterator[str]:
    """Serves a page; yields its URL on the site evil.example."""

    class Site(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(page.encode())

        def log_message(self, *_: Any) -> None: ...

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Site)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://evil.example:{server.server_port}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


_PAGE = """<!doctype html><pre id=out>began</pre>
<img src="HERE/tasks/v1/api/walnut-table/image"><script src="HERE/tasks/v1/api/walnut-table/script">
</script><iframe name=frame src="HERE/tasks/v1/api/walnut-table/frame"></iframe>
<form target=frame method=post enctype=text/plain action="HERE/tasks/v1/">
<input name='{"functionName":"walnut-table","data":{"x":"' value='"}}'></form>
<script>
onload = async () => {
  const said = [];
  const sent = {method: 'POST', mode: 'no-cors', body: '{"functionName":"walnut-table"}'};
  for (const [path, options] of [
    ['/tasks/v1/', sent], ['/auth/v2/applications', {}], ['/2015-03-31/functions', {}],
    ['/tasks/v1/api/walnut-table/fetch', {mode: 'no-cors'}],
  ]) {
    try { said.push((await (await fetch('HERE' + path, options)).text()).length); }
    catch (error) { said.push('refused'); }
  }
  document.forms[0].submit();
  await new Promise(done => setTimeout(done, 500));
  document.getElementById('out').textContent = 'ended ' + said;
};
</script>"""


def test_a_page_of_another_site_does_nothing_by_a_real_browser(
    dock: Dock, called: list[str]
) -> None:
    with website(_PAGE.replace("HERE", dock.emulator.url)) as url:
        shown = opened(url)

    assert "ended refused,refused,refused,refused" in shown
    assert called == []
    assert dock.get("/").json()["data"] == []


def test_the_same_is_done_for_a_page_of_this_machine(dock: Dock, called: list[str]) -> None:
    """So the test above is one of the site, and of nothing else that may be wrong with the page."""
    with website(_PAGE.replace("HERE", dock.emulator.url)) as url:
        opened(url.replace("evil.example", "localhost"))

    assert {"/image", "/script", "/frame", "/fetch"} <= set(called)
    eventually(lambda: len(dock.get("/").json()["data"]) == 2)
