"""The words of a server at its start: its address, whom it serves, and what it made at first."""

from __future__ import annotations

import contextlib
import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from taskdock import __version__
from taskdock.base import terminal
from taskdock.base.files import own_files, own_folder
from taskdock.base.settings import Settings
from taskdock.identity.directory import ADMINISTRATOR
from taskdock.server.app import Emulator
from taskdock.web.access.admission import is_local
from taskdock.web.ui.page import ROOT as DASHBOARD


def say(text: str, stream: TextIO | None = None) -> None:
    """Writes a line, to stdout unless told otherwise. Harmless where the terminal has gone, which
    may be why the server ends."""
    with contextlib.suppress(OSError, ValueError):
        terminal.write_line(text, stream or sys.stdout)


def red(text: str) -> str:
    """The text in red where stderr is a terminal that may have colours."""
    plain = os.environ.get("NO_COLOR") or not sys.stderr.isatty()
    return text if plain else f"\033[31m{text}\033[0m"


def openness(settings: Settings) -> str:
    """The warning that people beyond this machine are served without credentials; "" means none."""
    if not settings.open_beyond_loopback:
        return ""
    if settings.auth == "strict":
        return "--open-beyond-loopback means nothing with --auth strict: everybody has to sign in"
    if is_local(settings.host):
        return f"--open-beyond-loopback means nothing here: {settings.host} is loopback alone"
    return (
        f"warning: --open-beyond-loopback: whoever reaches {settings.host} port {settings.port} may"
        " deploy and run functions, without credentials"
    )


def welcome(emulator: Emulator, degraded: Sequence[str], log: Path | None = None) -> str:
    """Writes the banner, and returns it. `degraded`: what works worse here, in a few words each.
    `log`: the file that a detached server logs into."""
    made = made_at_first(emulator, is_terminal=sys.stdout.isatty())  # before anybody reads on
    strict = emulator.settings.auth == "strict"
    sign_in = "strict, as the real service" if strict else "open, no credentials needed"
    if not (strict or emulator.settings.open_beyond_loopback or is_local(emulator.settings.host)):
        sign_in = "open to loopback, no credentials needed; who calls from elsewhere signs in"
    data = emulator.settings.data_dir.resolve()  # the command is typed in other folders, too
    folder = shlex.quote(str(data))
    lines = [
        f"taskdock {__version__}",
        f"  Task Service  {emulator.url}",
        f"  Dashboard     {emulator.url}{DASHBOARD}",
        f"  Data          {data}",
        f"  Sign-in       {sign_in}",
        f'  Credentials   eval "$(taskdock env --data-dir {folder})"',
        *made,
    ]
    if degraded:
        lines.append(f"  Degraded      {', '.join(degraded)}; more: taskdock doctor")
    if log is not None:
        lines.append(f"  Log           {log}")
    lines.append(f"  Stop          {f'taskdock stop --data-dir {folder}' if log else 'Ctrl-C'}")
    banner = "\n".join(lines)
    # In one piece: tasks that were queued run already, and each has its line in the log.
    terminal.write_line(banner, sys.stdout)
    return banner


def made_at_first(emulator: Emulator, *, is_terminal: bool) -> list[str]:
    """The lines about the administrator that a first start has made; none at a later start.

    The password has to be kept now, also where the start fails: the next start does not know it any
    more. On a terminal, whose reader is there, the lines have it. Otherwise, as in CI's log, which
    others read later, a file has it before this returns.
    """
    local = emulator.directory.local
    if local.password is None:
        return []
    if is_terminal:
        return [
            "  Made at this first start, and shown only now:",
            f"    e-mail {ADMINISTRATOR}, password {local.password}",
            f"    OAuth2 client id {local.application.client_id},",
            f"      client secret {local.application.client_secret}",
        ]
    file = emulator.settings.data_dir.resolve() / own_folder.ADMINISTRATOR
    values = {
        "EMAIL": ADMINISTRATOR,
        "PASSWORD": local.password,
        "CLIENT_ID": local.application.client_id,
        "CLIENT_SECRET": local.application.client_secret,
    }
    try:
        own_files.write(file, "".join(f"{name}={value}\n" for name, value in values.items()))
    except OSError as error:
        return [
            f"  Administrator {ADMINISTRATOR}; its password is lost: {file} cannot be written,",
            f"                {error.strerror}; it still signs in by: taskdock env",
        ]
    return [
        f"  Administrator {ADMINISTRATOR}, made at this first start;",
        f"                its password and the OAuth2 client are in {file}",
    ]
