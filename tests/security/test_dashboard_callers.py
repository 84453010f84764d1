"""Who may call the dashboard, and whose pages: nobody's but its own, whatever a browser is told."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from taskdock.testing.fakes.runtime import FakeRuntime
from taskdock.web.common.endpoint import Gate
from taskdock.web.public import router
from tests.security.test_harness_callers import read_all
from tests.support.addresses import own_address
from tests.support.builders import Dock, StartDock
from tests.support.endpoints import DASHBOARD
from tests.support.people import Person, administrator, nobody, person

NAME = "walnut-table"
OWN = {"Sec-Fetch-Site": "same-origin"}
SIGN_OUT = "/ui/sign-out"  # an action that leaves everything as it is
FOR_ANYONE = {
    "GET /ui/sign-in",
    "POST /ui/sign-in",
    "POST /ui/sign-out",
    "GET /ui/static/*/*",
}
FOREIGN = [
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://localhost:3000"},
    {"Origin": "http://localhost"},
    {"Origin": "https://{host}"},
    {"Origin": "http://localhost:3000", "Sec-Fetch-Site": "same-site"},
    {"Origin": "null", "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"},
    {"Origin": "http://{host}", "Sec-Fetch-Site": "cross-site"},
    {"Origin": "http://localhost:3000", "Sec-Fetch-Site": "same-origin"},
    {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"},
    {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"},
    {"Sec-Fetch-Site": "walnut"},
]


def call_of(endpoint: str) -> tuple[str, str]:
    """A method and a path that lead to this endpoint, and to no other."""
    named = endpoint.replace("/runs/*/", "/runs/task/")  # one of the kinds of runs
    method, path = named.replace("*", "5e9fff9d90135a2a9a718e2f").split(" ")
    return method, path if path != "/ui" else "/ui/"


def calls() -> Iterator[tuple[str, str]]:
    """A method and a path of each endpoint of the dashboard."""
    assert len(DASHBOARD) > 10
    return map(call_of, DASHBOARD)


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory, stop_later: Any) -> Iterator[Dock]:
    dock = Dock(tmp_path_factory.mktemp("strict") / "data", auth="strict")
    yield dock
    stop_later(dock)


def filled(headers: dict[str, str], dock: Dock) -> dict[str, str]:
    host = dock.emulator.url.removeprefix("http://")
    return {name: value.format(host=host) for name, value in headers.items()}


@pytest.mark.parametrize("headers", FOREIGN, ids=str)
def test_a_page_of_another_origin_gets_nothing(shared: Dock, headers: dict[str, str]) -> None:
    for method, path in calls():
        for caller in (nobody(shared), administrator(shared)):
            answer = caller.ask(method, path, headers=filled(headers, shared))

            assert answer.status_code == 403, (method, path)
            assert "another port" in answer.text


def test_a_link_of_any_site_leads_to_a_page_that_the_site_has_no_hand_on(shared: Dock) -> None:
    link = {
        "Sec-Fetch-Site": "cross-site",
        "Sec-Fetch-Mode": "navigate",
        "Sec-Fetch-Dest": "document",
    }

    answer = nobody(shared).ask("GET", "/ui/", headers=link)

    assert answer.status_code == 200
    assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert nobody(shared).ask("POST", SIGN_OUT, headers=link).status_code == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "same-origin", "Origin": "http://{host}"},
        {"Origin": "http://{host}"},
    ],
    ids=str,
)
def test_a_change_may_come_from_a_page_of_the_dashboard(
    shared: Dock, headers: dict[str, str]
) -> None:
    sent = filled(headers, shared)

    answer = nobody(shared).ask("POST", SIGN_OUT, headers=sent, allow_redirects=False)

    assert answer.status_code == 303


def test_a_change_of_a_program_needs_credentials(shared: Dock) -> None:
    for headers in ({}, {"Sec-Fetch-Site": "none"}, {"Sec-Fetch-Mode": "cors"}):
        answer = nobody(shared).ask("POST", SIGN_OUT, headers=headers)

        assert answer.status_code == 403
        assert "programs call the API" in answer.text
    signed = person(shared).ask("POST", SIGN_OUT, allow_redirects=False)
    assert signed.status_code == 303


def test_a_change_is_a_post_and_nothing_else_is(shared: Dock) -> None:
    assert {method for method, _ in calls()} == {"GET", "POST"}
    for headers in ({"X-HTTP-Method-Override": "POST"}, {"X-Method-Override": "POST"}):
        answer = nobody(shared).ask("GET", SIGN_OUT, headers=headers)

        assert answer.status_code == 405


def test_what_is_below_ui_is_of_the_dashboard_and_nothing_else_is() -> None:
    for endpoint, declared in DASHBOARD.items():
        assert declared.path.startswith("/ui/"), endpoint
        assert declared.tag is None, endpoint


def test_the_test_harness_is_for_who_may_use_it() -> None:
    """Actions of the pages Harness and System do what only /taskdock/... does else."""
    for endpoint, declared in DASHBOARD.items():
        if endpoint.startswith(("POST /ui/harness", "POST /ui/system")) or (
            endpoint.startswith("POST") and "clock" in endpoint
        ):
            assert declared.permission is Gate.HARNESS, endpoint


def test_who_may_only_look_changes_nothing() -> None:
    for endpoint, declared in DASHBOARD.items():
        if endpoint.startswith("POST") and isinstance(declared.permission, str):
            asked = declared.asks or (declared.permission,)  # or the view asks for one of several
            assert not [each for each in asked if each.startswith("VIEW_")], endpoint


def test_a_function_is_refused_whatever_it_asks(dock: Dock) -> None:
    answers: list[tuple[str, bytes]] = []

    def handler(event: Any, runtime: FakeRuntime) -> None:
        for method, path in calls():
            head = f"{method} {path} HTTP/1.1\r\nHost: localhost:9002\r\nConnection: close\r\n"
            head += "Sec-Fetch-Site: same-origin\r\nContent-Length: 0\r\n\r\n"
            with runtime.connect("localhost:9002") as door:
                door.sendall(head.encode())
                answers.append((f"{method} {path}", read_all(door)))

    dock.deploy(handler)
    dock.service.warm_up(NAME)

    assert len(answers) == len(DASHBOARD)
    for called, answer in answers:
        assert answer.startswith(b"HTTP/1.1 403 "), called
        assert b"function may not call the dashboard" in answer, called


def test_nobody_sees_anything_of_a_strict_server(strict: Dock) -> None:
    for endpoint, declared in DASHBOARD.items():
        if declared.permission is Gate.ANYONE:
            assert endpoint in FOR_ANYONE
            continue
        method, path = call_of(endpoint)
        page = nobody(strict).ask(
            method, path, headers={**OWN, "Accept": "text/html"}, allow_redirects=False
        )
        part = nobody(strict).ask(method, path, headers={**OWN, "HX-Request": "true"})
        program = nobody(strict).ask(method, path, headers=OWN)

        assert page.status_code == 303, path
        assert page.headers["Location"].startswith("/ui/sign-in"), path
        assert part.status_code == 401, path
        assert part.headers["HX-Redirect"].startswith("/ui/sign-in"), path
        assert program.status_code == 401, path
        assert program.headers["Content-Type"].startswith("text/html"), path


def test_a_stranger_signs_in_to_an_open_server(start_dock: StartDock) -> None:
    open_dock = start_dock(host="0.0.0.0")
    stranger = Person(f"http://{own_address()}:{open_dock.emulator.port}")

    refused = stranger.ask("GET", "/ui/")
    form = stranger.ask("GET", "/ui/sign-in")

    assert refused.status_code == 401
    assert form.status_code == 200
    assert str(open_dock.emulator.foundation.data) not in form.text
    near = nobody(open_dock).ask("GET", "/ui/")
    assert near.status_code == 200


def test_a_dashboard_of_a_server_without_a_harness_does_without(start_dock: StartDock) -> None:
    without = start_dock(harness="off")
    harness = [e.split(" ") for e, d in DASHBOARD.items() if d.permission is Gate.HARNESS]

    for method, path in harness:
        answer = nobody(without).ask(method, path.replace("*", "1"), headers=OWN)

        assert answer.status_code == 403, path
        assert "--harness on" in answer.text


@pytest.mark.parametrize("path", ["/ui/", "/ui/static/x/main.js", "/ui/nowhere", "/ui/stream"])
def test_no_site_embeds_or_reads_a_page(shared: Dock, path: str) -> None:
    answer = nobody(shared).ask("GET", path, headers=OWN, stream=True)
    answer.close()

    assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert not [name for name in answer.headers if name.lower().startswith("access-control-")]
    if answer.headers["Content-Type"].startswith("text/html"):
        policy = answer.headers["Content-Security-Policy"]
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy


def test_every_error_below_ui_is_a_page_and_the_api_s_stay_json(shared: Dock) -> None:
    caller = nobody(shared)
    found = {
        ("GET", "/ui/nowhere"): 404,
        ("GET", "/ui/static/x/nowhere.js"): 404,
        ("DELETE", "/ui/runs"): 405,
        ("POST", "/ui/sign-in"): 403,
    }
    for (method, path), status in found.items():
        answer = caller.ask(method, path)

        assert answer.status_code == status, path
        assert answer.headers["Content-Type"].startswith("text/html"), path
        assert "<h1>" in answer.text
        assert answer.headers["Content-Security-Policy"], path
    assert "There is nothing here" in caller.ask("GET", "/ui/nowhere").text
    assert caller.ask("DELETE", "/ui/runs").headers["Allow"]
    assert caller.ask("GET", "/tasks/v1/nowhere").json()["code"]


def test_an_error_for_htmx_is_shown_above_the_page(shared: Dock) -> None:
    answer = nobody(shared).ask("GET", "/ui/nowhere", headers={**OWN, "HX-Request": "true"})

    assert answer.status_code == 404
    assert (answer.headers["HX-Retarget"], answer.headers["HX-Reswap"]) == ("#refusal", "innerHTML")
    assert "<html" not in answer.text


def test_what_the_application_does_not_see_is_refused_as_a_page_too() -> None:
    for status in (400, 408, 413, 421, 503):
        reply = router.refuse("/ui/runs", status, "<b>walnut</b>")

        assert reply.status == status
        assert isinstance(reply.body, bytes)
        assert b"&lt;b&gt;walnut&lt;/b&gt;." in reply.body
        assert dict(reply.headers)["HX-Reselect"] == "#refused"
    assert router.refuse("/tasks/v1/", 413, "walnut").headers
