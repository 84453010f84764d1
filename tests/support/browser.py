"""A real browser without a window. Only a browser shows which calls a page can make to a server."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from functools import cache

from tests.support.live import REPOSITORY
from tests.support.parts import missing

_NAMES = ("chromium-headless-shell", "chromium", "google-chrome", "chromium-browser")
_LIMIT = 60.0  # seconds


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
