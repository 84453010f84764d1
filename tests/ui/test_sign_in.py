"""Signing in, and a lost server, in a real browser."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from taskdock.identity.directory import ADMINISTRATOR
from taskdock.testing.dock import new_function
from taskdock.testing.fakes.runtime import FakeRuntime, serve
from taskdock.testing.waiting import eventually
from tests.support.builders import Dock
from tests.support.people import administrator
from tests.ui.conftest import OpenPage, serious_faults

NAME = "walnut-table"
WIDTH = 390


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def strict(folder: Path) -> Iterator[Dock]:
    dock = Dock(folder, auth="strict")
    yield dock
    dock.stop()


def sign_in(page: Page, dock: Dock) -> None:
    page.goto(f"{dock.url}/ui/sign-in")
    page.get_by_label("E-mail address").fill(ADMINISTRATOR)
    page.get_by_label("Password").fill(dock.emulator.directory.local.password or "")
    page.get_by_label("Password").press("Enter")
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()


def test_a_page_asks_for_a_sign_in_and_leads_back(strict: Dock, new_page: OpenPage) -> None:
    page = new_page(width=WIDTH, height=844)
    origins: list[str | None] = []
    page.on(
        "request",
        lambda sent: origins.append(sent.header_value("origin")) if sent.method == "POST" else None,
    )

    page.goto(f"{strict.url}/ui/functions?present=1")
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
    expect(page.get_by_role("navigation").get_by_role("link")).to_have_count(0)
    assert serious_faults(page) == []
    expect(page.get_by_label("E-mail address")).to_be_focused()
    page.keyboard.type(ADMINISTRATOR)
    page.keyboard.press("Tab")
    page.keyboard.type("oak-chair-77")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert").filter(has_text="do not belong together")).to_be_visible()
    expect(page.get_by_label("Password")).to_be_focused()
    page.keyboard.type(strict.emulator.directory.local.password or "")
    page.keyboard.press("Enter")

    expect(page.get_by_role("heading", level=1)).to_have_text("Functions")
    assert page.url.endswith("/ui/functions?present=1")
    expect(page.get_by_text(ADMINISTRATOR)).to_have_count(0)  # a room looks
    page.goto(f"{strict.url}/ui/functions")
    expect(page.get_by_text(ADMINISTRATOR)).to_be_visible()
    assert serious_faults(page) == []
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
    page.goto(f"{strict.url}/ui/functions")
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
    # So a browser that does not send Sec-Fetch-Site says by this whose page it is.
    assert origins == [strict.url] * 3


def test_an_open_page_says_when_its_session_is_over(strict: Dock, new_page: OpenPage) -> None:
    directory = strict.emulator.directory
    page, other = new_page(), new_page()
    for each in (page, other):
        sign_in(each, strict)
        expect(each.locator("#connection")).to_have_text("live")
    account = directory.accounts.account(directory.local.administrator.user_id or "", None)
    password = directory.local.password or ""
    directory.change_password(account, password, f"{password}-7")

    # A part that is shown anew leads the whole page to the sign-in.
    page.evaluate(_REFRESH)
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")

    # A page that nothing changes on says so, when it listens again.
    other.evaluate(_HIDE, True)
    other.evaluate(_HIDE, False)
    said = other.locator("#connection")
    expect(said).to_contain_text("signed out")
    said.get_by_role("link", name="sign in").click()
    expect(other.get_by_role("heading", level=1)).to_have_text("Sign in")


_REFRESH = """() => document.querySelectorAll('[data-live]')
  .forEach(part => part.dispatchEvent(new CustomEvent('refresh')))"""
_HIDE = """hidden => {
  Object.defineProperty(document, 'hidden', {value: hidden, configurable: true});
  document.dispatchEvent(new Event('visibilitychange'));
}"""


def test_a_lost_server_is_shown_and_the_page_recovers(folder: Path, new_page: OpenPage) -> None:
    first = Dock(folder)
    port = first.emulator.port
    page = new_page()
    refreshed: list[str] = []
    page.on(
        "request",
        lambda sent: refreshed.append(sent.url) if "hx-request" in sent.headers else None,
    )

    def wait_for_more(seen: int) -> None:
        eventually(lambda: page.wait_for_timeout(50) or len(refreshed) > seen)

    try:
        page.goto(f"{first.url}/ui/")
        expect(page.locator("#connection")).to_have_text("live")
        wait_for_more(0)  # a page that has just been opened may have missed a change
        page.evaluate(_HIDE, True)  # a hidden page rests
        refreshed.clear()
        first.deploy_program(lambda runtime: runtime.hang(), NAME)
        first.create_task(NAME, startTimestamp="2199-01-01T00:00:00Z")
        page.wait_for_timeout(1500)
        assert refreshed == []
        page.evaluate(_HIDE, False)
        wait_for_more(0)
        expect(page.locator("#connection")).to_have_text("live")
    finally:
        first.stop()
    expect(page.locator("#connection")).to_have_text("connection lost, trying again")

    second = Dock(folder, port=port)
    try:
        seen = len(refreshed)
        expect(page.locator("#connection")).to_have_text("live")
        wait_for_more(seen)
    finally:
        second.stop()


_ATTACK = """<!doctype html><pre id=out></pre>
<iframe name=frame></iframe><iframe src="HERE/ui/"></iframe>
<form target=frame method=post action="HERE/ui/sign-out"><input name=a value=b></form>
<script>
(async () => {
  const said = [];
  const attempt = async (what) => {
    try { said.push(String(await what())); } catch (error) { said.push(error.name); }
  };
  const post = {method: 'POST', mode: 'no-cors', credentials: 'include'};
  await attempt(async () => (await fetch('HERE/ui/sign-out', post)).type);
  await attempt(async () => (await fetch('HERE/ui/', {credentials: 'include'})).status);
  await attempt(() => new Promise(done => {
    const source = new EventSource('HERE/ui/stream', {withCredentials: true});
    source.addEventListener('hello', () => done('heard'));
    source.onerror = () => { source.close(); done('nothing'); };
  }));
  document.forms[0].submit();
  await new Promise(done => setTimeout(done, 500));
  document.getElementById('out').textContent = 'ended ' + said;
})();
</script>"""


@contextmanager
def neighbour(page: str) -> Iterator[str]:
    """Serves a page on another port; yields its URL."""

    class Site(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(page.encode())

        def log_message(self, *_: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Site)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://localhost:{server.server_port}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_page_of_another_port_or_of_an_api_function_does_nothing(
    strict: Dock, browser: Browser
) -> None:
    """The user is signed in, and the browser sends the cookie to any page of this host's ports."""
    attack = _ATTACK.replace("HERE", strict.url)

    def site(event: Any, runtime: FakeRuntime) -> Any:
        return {"statusCode": 200, "headers": {"content-type": "text/html"}, "body": attack}

    page = browser.new_context().new_page()  # which has the browser's errors on its console
    sign_in(page, strict)
    strict.fake.programs[NAME] = serve(site)
    administrator(strict).post(
        "/tasks/v1/functions/",
        new_function(NAME, entryPoint=NAME, executionOptions={"permissionMode": "public"}),
    )
    with neighbour(attack) as url:
        for foreign in (url, f"{strict.url}/tasks/v1/api/{NAME}/"):
            page.goto(foreign)

            expect(page.locator("#out")).to_contain_text("ended")
            # What is sent without CORS is answered, and nobody can read it.
            assert page.locator("#out").inner_text() in (
                "ended opaque,TypeError,nothing",
                "ended TypeError,TypeError,nothing",
            )
            page.goto(f"{strict.url}/ui/")
            expect(page.get_by_role("button", name="Sign out")).to_be_visible()
    page.context.close()
