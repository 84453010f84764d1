"""What a server says at its start: where it is, who is served, and what was made at first."""

from __future__ import annotations

import contextlib
import os
import shlex
import sys
from collections.abc import Sequence
from typing import TextIO

from emulator import __version__
from emulator.base import terminal
from emulator.base.files import own_files, own_folder
from emulator.base.settings import Settings
from emulator.identity.directory import ADMINISTRATOR
from emulator.server.app import Emulator
from emulator.web.access.admission import is_local


def say(text: str, stream: TextIO | None = None) -> None:
    """To whoever still listens: the terminal may have gone, which is why we end."""
    with contextlib.suppress(OSError, ValueError):
        terminal.write_line(text, stream or sys.stdout)


def red(text: str) -> str:
    plain = os.environ.get("NO_COLOR") or not sys.stderr.isatty()
    return text if plain else f"\033[31m{text}\033[0m"


def openness(settings: Settings) -> str:
    """What the start says of who is served without credentials beyond this machine; or nothing."""
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


def welcome(emulator: Emulator, without: Sequence[str]) -> None:
    """`without`: what is degraded here, in a few words each."""
    made = made_at_first(emulator, is_terminal=sys.stdout.isatty())  # before anybody reads on
    strict = emulator.settings.auth == "strict"
    meant = "strict, as the real service" if strict else "open, no credentials needed"
    if not (strict or emulator.settings.open_beyond_loopback or is_local(emulator.settings.host)):
        meant = "open to loopback, no credentials needed; who calls from elsewhere signs in"
    folder = shlex.quote(str(emulator.settings.data_dir))
    lines = [
        f"taskdock {__version__}",
        f"  Task Service  {emulator.url}",
        f"  Data          {emulator.settings.data_dir.resolve()}",
        f"  Sign-in       {meant}",
        f'  Credentials   eval "$(taskdock env --data-dir {folder})"',
        *made,
    ]
    if without:
        lines.append(f"  Degraded      {', '.join(without)}; more: taskdock doctor")
    lines.append("  Stop          Ctrl-C")
    # In one piece: tasks that were queued run already, and each has its line in the log.
    terminal.write_line("\n".join(lines), sys.stdout)


def made_at_first(emulator: Emulator, *, is_terminal: bool) -> list[str]:
    """What is said at the first start, and where that fails: the next one does not know the
    password any more. It is in a file before this returns, or in the lines.

    `is_terminal`: who reads it is there. A log, such as CI's, is read later, and by others.
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
