"""Pages of API functions, which come from the API's own host and port, and our own answers."""

from __future__ import annotations

import html
import json
import re
from typing import Any

import pytest

from taskdock.tasks.api_functions.gateway_event import GatewayRequest
from taskdock.tasks.api_functions.gateway_response import GatewayResponse
from taskdock.testing.fakes.runtime import FakeRuntime
from taskdock.testing.waiting import eventually
from taskdock.web.task_api import sandbox
from tests.support.browser import opened
from tests.support.builders import Dock
from tests.support.people import nobody

NAME = "walnut-table"
AT = f"/tasks/v1/api/{NAME}"
LAMBDA = "/2015-03-31/functions"
PUBLIC = {"permissionMode": "public"}


def answering(**headers: str) -> Any:
    """A handler whose answers have these headers, with - for _."""
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda event, runtime: {"statusCode": 200, "headers": given, "body": "<b>walnut</b>"}


def policies(dock: Dock, path: str = AT) -> list[str]:
    answer = nobody(dock).ask("GET", path)
    assert answer.status_code == 200
    return answer.raw.headers.getlist("Content-Security-Policy")  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    "kind",
    [
        "text/html",
        "TEXT/HTML; charset=utf-8",
        "application/xhtml+xml",
        "image/svg+xml",
        "text/xml",
        "application/xml",
        "application/rss+xml",
        "multipart/x-mixed-replace; boundary=x",
        "text/plain, text/html",
        "text/plain; a=b, text/html",
        "image/walnut+xml",
        "walnut",
        "walnut+json",
        "image/",
        "image/ html",
        "image/png/html",
        "*/*",
        "",
    ],
)
def test_what_a_browser_may_make_a_page_of_has_an_origin_of_its_own(kind: str) -> None:
    assert ("Content-Security-Policy", sandbox.POLICY) in sandbox.guarded([("content-type", kind)])


@pytest.mark.parametrize(
    "kind",
    [
        "application/json",
        "application/problem+json",
        "text/plain; charset=utf-8",
        "text/css",
        "text/javascript",
        "image/png",
        "image/vnd.microsoft.icon",
        "font/woff2",
        "video/mp4",
        "application/pdf",
    ],
)
def test_other_answers_stay_as_they_are(kind: str) -> None:
    assert sandbox.guarded([("content-type", kind)]) == [("content-type", kind)]


def test_two_types_are_not_weighed() -> None:
    said = [("Content-Type", "text/plain"), ("content-type", "text/html")]

    assert len(sandbox.guarded(said)) == 3


def test_a_sandbox_never_has_the_apis_origin() -> None:
    assert sandbox.POLICY.startswith("sandbox ")
    assert "allow-same-origin" not in sandbox.POLICY


def asked(method: str = "GET", **headers: str) -> GatewayRequest:
    return GatewayRequest(
        method=method,
        path="/",
        query="",
        headers={name.replace("_", "-"): value for name, value in headers.items()},
        body=b"",
        protocol="HTTP/1.1",
        source_ip="127.0.0.1",
    )


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        (asked(), ()),
        (asked(origin="https://evil.example"), ()),
        (asked(origin="null"), (("Access-Control-Allow-Origin", "https://app.example.org"),)),
        (asked("OPTIONS", origin="null"), (("ACCESS-CONTROL-ALLOW-ORIGIN", "https://a.example"),)),
    ],
)
def test_what_a_function_says_of_other_origins_stays(
    request_: GatewayRequest, said: tuple[tuple[str, str], ...]
) -> None:
    answer = GatewayResponse(status=200, headers=said, body=b"")

    assert sandbox.shared(answer, request_) is answer


def test_a_functions_own_policy_stays_beside_the_sandbox(dock: Dock) -> None:
    own = "default-src 'self'; sandbox allow-scripts allow-same-origin"
    dock.deploy(answering(content_type="text/html", content_security_policy=own))

    assert policies(dock) == [own, sandbox.POLICY]


def test_an_api_function_cannot_have_service_workers_for_the_api(dock: Dock) -> None:
    dock.deploy(answering(content_type="text/javascript", service_worker_allowed="/"))

    answer = nobody(dock).ask("GET", f"{AT}/worker.js", headers={"Service-Worker": "script"})

    assert answer.status_code == 200
    assert "Service-Worker-Allowed" not in answer.headers


def test_a_functions_headers_cannot_be_split(dock: Dock) -> None:
    dock.deploy(answering(x_wood="oak\r\nX-Evil: 1"))

    answer = nobody(dock).ask("GET", AT)

    assert (answer.status_code, answer.json()["code"]) == (400, 1409)
    assert "X-Evil" not in answer.headers


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/health", 200),
        ("GET", "/tasks/v1/", 200),
        ("GET", "/docs", 200),
        ("GET", "/docs/index.js", 200),
        ("GET", "/openapi.json", 200),
        ("GET", "/nowhere", 404),
        ("DELETE", "/health", 405),
        ("OPTIONS", "/tasks/v1/", 200),
        ("POST", "/tasks/v1/", 400),
        ("GET", "/tasks/v1/api/nowhere/", 404),
        ("GET", LAMBDA, 200),
        ("GET", f"{LAMBDA}/nowhere", 404),
        ("POST", f"{LAMBDA}/nowhere/invocations", 404),
        ("TABLE", "/", 405),
    ],
)
def test_what_this_server_says_itself_is_for_its_own_pages_alone(
    shared: Dock, method: str, path: str, status: int
) -> None:
    answer = nobody(shared).ask(method, path)

    assert answer.status_code == status
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"


def test_the_answer_of_an_api_function_is_left_to_it(dock: Dock) -> None:
    dock.deploy(answering(x_content_type_options="walnut"))

    answer = nobody(dock).ask("GET", AT)

    assert answer.headers["X-Content-Type-Options"] == "walnut"
    assert "Cross-Origin-Resource-Policy" not in answer.headers


def test_no_site_may_frame_the_documentation(shared: Dock) -> None:
    policy = nobody(shared).ask("GET", "/docs").headers["Content-Security-Policy"]

    assert "frame-ancestors 'none'" in policy
    assert "base-uri 'none'" in policy
    assert "form-action 'none'" in policy
    assert "unsafe-eval" not in policy
    assert "'unsafe-inline'" not in re.findall("script-src[^;]*", policy)[0]


_PAGE = """<!doctype html><link rel=stylesheet href=style.css><b id=styled></b>
<script src=classic.js></script><script type=module src=module.js></script>
<img id=image src=image.svg><iframe name=frame></iframe>
<form target=frame method=post action=form><input name=wood value=oak></form><pre id=out></pre>
<script>
const said = {};
async function attempt(name, what) {
  try { said[name] = String(await what()); } catch (error) { said[name] = error.name; }
}
const text = async (path, options) => (await fetch(path, options)).text();
const json = {method: 'POST', headers: {'Content-Type': 'application/json'}, body: '{}'};
onload = async () => {
  await attempt('script', () => window.classic);
  await attempt('module', () => window.module);
  await attempt('style', () => getComputedStyle(document.getElementById('styled')).fontWeight);
  await attempt('image', () => document.getElementById('image').naturalWidth);
  await attempt('fetch', () => text('data'));
  await attempt('json', () => text('data', json));
  await attempt('applications', () => text('/auth/v2/applications'));
  await attempt('lambda', () => text('/2015-03-31/functions'));
  await attempt('other', () => text('/tasks/v1/api/private/'));
  await attempt('task', () => text('/tasks/v1/', {...json, body: '{"functionName":"private"}'}));
  await attempt('storage', () => localStorage.length);
  await attempt('cookie', () => document.cookie);
  await attempt('worker', () => navigator.serviceWorker.register('classic.js'));
  document.forms[0].submit();
  await new Promise(done => setTimeout(done, 500));
  document.getElementById('out').textContent = JSON.stringify(said);
};
</script>"""
_FILES = {
    "/page": ("text/html", _PAGE),
    "/style.css": ("text/css", "#styled {font-weight: 900}"),
    "/classic.js": ("text/javascript", "window.classic = 'ran'"),
    "/module.js": ("text/javascript", "window.module = 'ran'"),
    "/image.svg": (
        "image/svg+xml",
        '<svg xmlns="http://www.w3.org/2000/svg" width="7" height="7"/>',
    ),
}


def test_a_page_has_its_own_function_and_nothing_of_the_api_in_a_real_browser(dock: Dock) -> None:
    called: list[tuple[str, str]] = []
    others: list[str] = []

    def pages(event: Any, runtime: FakeRuntime) -> Any:
        method = event["requestContext"]["http"]["method"]
        called.append((method, event["rawPath"]))
        kind, body = _FILES.get(event["rawPath"], ("text/plain", f"{method} answered"))
        return {"statusCode": 200, "headers": {"content-type": kind}, "body": body}

    def private(event: Any, runtime: FakeRuntime) -> Any:
        others.append("called")
        return {"statusCode": 200, "body": ""}

    dock.deploy(pages, executionOptions=PUBLIC)
    dock.deploy(private, "private")

    shown = opened(f"{dock.emulator.url}{AT}/page")
    found = re.search('<pre id="out">(.*)</pre>', shown)

    assert found is not None, shown
    assert json.loads(html.unescape(found[1])) == {
        "script": "ran",
        "module": "ran",
        "style": "900",
        "image": "7",
        "fetch": "GET answered",
        "json": "POST answered",
        "applications": "TypeError",
        "lambda": "TypeError",
        "other": "TypeError",
        "task": "TypeError",
        "storage": "SecurityError",
        "cookie": "SecurityError",
        "worker": "SecurityError",
    }
    assert ("POST", "/form") in called
    assert others == []
    assert dock.get("/").json()["data"] == []


def test_the_documentation_works_in_a_real_browser(shared: Dock) -> None:
    eventually(lambda: "opblock-summary" in opened(f"{shared.emulator.url}/docs"))
