"""A real browser for the dashboard's pages, on a real server with real containers.

Every request of a page to another host fails its test; a test that fails keeps a screenshot in
`build/screenshots`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import (
    Browser,
    BrowserContext,
    Page,
    Request,
    expect,
    sync_playwright,
)

from taskdock.testing import running
from taskdock.testing.dock import Dock, ServerHere
from tests.support.browser import launched
from tests.support.builders import Dock as FakeDock
from tests.support.hostile import HostileServer
from tests.support.live import REPOSITORY, make_images

SCREENSHOTS = REPOSITORY / "build" / "screenshots"
HERE = ("localhost", "127.0.0.1")
NO_OTHER_HOST = (
    f"--host-resolver-rules=MAP * ~NOTFOUND, {', '.join(f'EXCLUDE {host}' for host in HERE)}"
)
"""Names and addresses of other hosts lead nowhere. (Playwright's routes would stop a request too,
but they take each one through this process, and Chromium's cache away.)"""
INSIDE = ("data", "blob")  # schemes that ask nobody
LIMIT = 60_000  # milliseconds that anything on a page may take, beside all the other tests
expect.set_options(timeout=LIMIT)

OpenPage = Callable[..., Page]


# Of the package and not of the session: while Playwright's loop runs, no other test of this process
# can have one of its own, and a server and a browser take memory.
@pytest.fixture(scope="package")
def shared_dock() -> Iterator[ServerHere]:
    """A server with real containers: one for each worker."""
    make_images("python3.11", "nodejs20.x")
    with running() as dock:
        yield dock


@pytest.fixture
def dock(shared_dock: ServerHere) -> ServerHere:
    """That server with nothing in it but functions that other tests have deployed; a test uses
    names of its own."""
    shared_dock.reset()
    return shared_dock


@pytest.fixture(scope="package")
def still_dock() -> Iterator[Dock]:
    """One whose clock stands still until a test moves it."""
    make_images("python3.11")
    with running(clock="manual") as dock:
        yield dock


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HostileServer]:
    dock = FakeDock(tmp_path_factory.mktemp("hostile") / "data")
    yield HostileServer(dock)
    dock.stop()


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        opened = launched(playwright, NO_OTHER_HOST)
        yield opened
        opened.close()


@pytest.fixture
def new_page(browser: Browser, request: pytest.FixtureRequest) -> Iterator[OpenPage]:
    """Opens pages whose scripts must not fail and that must not ask another host."""
    contexts: list[BrowserContext] = []
    wrong: list[str] = []

    def open_page(*, width: int = 1280, height: int = 720, **options: object) -> Page:
        context = browser.new_context(viewport={"width": width, "height": height}, **options)  # type: ignore[arg-type]
        context.set_default_timeout(LIMIT)
        context.on("request", lambda sent: _hear(sent, wrong))
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: wrong.append(f"a script failed: {error}"))
        page.on(
            "console",
            lambda said: (
                wrong.append(said.text)
                if said.type == "error" and "Content Security Policy" in said.text
                else None
            ),
        )
        return page

    yield open_page
    failed = getattr(request.node, "failed", False)
    for number, context in enumerate(contexts):
        for page in context.pages:
            if failed:
                SCREENSHOTS.mkdir(parents=True, exist_ok=True)
                name = re.sub(r"[^\w.-]+", "-", request.node.nodeid)[-150:]
                file = SCREENSHOTS / f"{name}-{number}.png"
                page.screenshot(path=file, full_page=True)
                print(f"a screenshot is in {file.relative_to(REPOSITORY)}")
        context.close()
    assert wrong == []


def _hear(sent: Request, wrong: list[str]) -> None:
    url = urlsplit(sent.url)
    if url.scheme not in INSIDE and url.hostname not in HERE:
        wrong.append(f"a page asked another host: {sent.url}")


@pytest.fixture
def page(new_page: OpenPage) -> Page:
    return new_page()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[object]):  # type: ignore[no-untyped-def]
    report = yield
    if report.when == "call":
        item.failed = report.failed  # type: ignore[attr-defined]
    return report


def serious_faults(page: Page) -> list[str]:
    """Faults of accessibility on the page that axe calls serious or critical."""
    found = Axe().run(page).response["violations"]
    return [
        f"{fault['id']}: {fault['help']}: {fault['nodes'][0]['html'][:200]}"
        for fault in found
        if fault["impact"] in ("serious", "critical")
    ]
