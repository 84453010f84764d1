"""A real browser without a window. Only a browser shows which calls a page can make to a server."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from functools import cache
from typing import Any

from playwright.sync_api import Error, Page, Response

from tests.support.live import REPOSITORY
from tests.support.parts import missing

_NAMES = ("chromium-headless-shell", "chromium", "google-chrome", "chromium-browser")
_LIMIT = 60.0  # seconds
_CHANGED = re.compile("ERR_NETWORK_CHANGED|interrupted by another navigation")
_TRIES = 10  # to open a page
_PAUSE = 500  # milliseconds between two of them


@cache
def program() -> str:
    """Installed where it is not there, for root; else the test is skipped at home."""
    for name in _NAMES:
        if found := shutil.which(name):
            return found
    script = str(REPOSITORY / "scripts" / "test-needs")
    done = subprocess.run([script, _NAMES[0]], capture_output=True, text=True, check=False)
    return shutil.which(_NAMES[0]) or missing(f"Chromium: {done.stderr}")


def opened(url: str, *, elsewhere: str = "evil.example") -> str:
    """The document that comes of a page when it has loaded, its scripts included.

    `elsewhere`: a name that leads to this machine's loopback, as one of an attacker's may do. No
    other name leads anywhere.
    """
    with tempfile.TemporaryDirectory() as profile:
        done = subprocess.run(
            [
                program(),
                "--headless",
                "--no-sandbox",  # of Chromium's own processes: it refuses to be root with it
                "--disable-gpu",
                f"--user-data-dir={profile}",
                f"--host-resolver-rules=MAP {elsewhere} 127.0.0.1, MAP * ~NOTFOUND,"
                " EXCLUDE localhost",
                "--no-proxy-server",
                "--timeout=20000",
                "--virtual-time-budget=5000",
                "--dump-dom",
                url,
            ],
            capture_output=True,
            text=True,
            timeout=_LIMIT,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    return done.stdout


def open_again(page: Page) -> None:
    """Has `page.goto` open a page again where the page or a script of it was lost because a
    container's network came or went meanwhile: Chromium ends every request then. A reader would
    reload it."""
    lost: list[str] = []
    page.on(
        "requestfailed",
        lambda sent: lost.append(sent.url) if sent.failure == "net::ERR_NETWORK_CHANGED" else None,
    )
    really = page.goto

    def goto(url: str, **options: Any) -> Response | None:
        for _ in range(_TRIES):
            lost.clear()
            try:
                answer = really(url, **options)
            except Error as error:
                if not _CHANGED.search(error.message):
                    raise
                page.wait_for_timeout(_PAUSE)
            else:
                if not any("/ui/static/" in each for each in lost):
                    return answer
        raise AssertionError(f"the machine's networks changed each time that {url} was opened")

    page.goto = goto  # type: ignore[method-assign]
