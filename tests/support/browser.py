"""A real browser without a window, for which the machine's networks stand still.

Only a browser shows which calls a page can make to a server.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from functools import cache

from playwright.sync_api import Browser, Playwright

from tests.support.live import REPOSITORY
from tests.support.parts import missing

_NAMES = ("chromium-headless-shell", "chromium", "google-chrome", "chromium-browser")
_LIMIT = 60.0  # seconds
_STILL = str(REPOSITORY / "scripts" / "still-browser")
_ARGUMENTS = (
    "--no-sandbox",  # of Chromium's own processes: it refuses to be root with it
    "--disable-gpu",
    "--no-proxy-server",
)


@cache
def program() -> str:
    """Installed where it is not there, for root; else the test is skipped at home."""
    for name in _NAMES:
        if found := shutil.which(name):
            return found
    script = str(REPOSITORY / "scripts" / "test-needs")
    done = subprocess.run([script, _NAMES[0]], capture_output=True, text=True, check=False)
    return shutil.which(_NAMES[0]) or missing(f"Chromium: {done.stderr}")


def launched(playwright: Playwright, *arguments: str) -> Browser:
    """A browser that Playwright drives. `arguments`: Chromium's own, beside those of every test."""
    return playwright.chromium.launch(
        executable_path=_STILL, args=[*_ARGUMENTS, *arguments], env=_environment()
    )


def opened(url: str, *, elsewhere: str = "evil.example") -> str:
    """The document that comes of a page when it has loaded, its scripts included.

    `elsewhere`: a name that leads to this machine's loopback, as one of an attacker's may do. No
    other name leads anywhere.
    """
    with tempfile.TemporaryDirectory() as profile:
        done = subprocess.run(
            [
                _STILL,
                "--headless",
                *_ARGUMENTS,
                f"--user-data-dir={profile}",
                f"--host-resolver-rules=MAP {elsewhere} 127.0.0.1, MAP * ~NOTFOUND,"
                " EXCLUDE localhost",
                "--timeout=20000",
                "--virtual-time-budget=5000",
                "--dump-dom",
                url,
            ],
            capture_output=True,
            text=True,
            timeout=_LIMIT,
            check=False,
            env=_environment(),
        )
    assert done.returncode == 0, done.stderr
    return done.stdout


def _environment() -> dict[str, str]:
    """This one's, with what `scripts/still-browser` asks for."""
    path = os.pathsep.join((os.path.dirname(sys.executable), os.environ.get("PATH", os.defpath)))
    return {**os.environ, "BROWSER": program(), "PATH": path}
