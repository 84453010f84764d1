"""Credentials of a server: read from the data folder, handed to a shell or to the exh command.

The file in the data folder has the form of ~/.exh/credentials, which the exh command reads: lines
`NAME=value`.
"""

from __future__ import annotations

import contextlib
import fcntl
import re
import shlex
import socket
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from taskdock.base.errors import ForeignFile
from taskdock.base.files import own_files, own_folder
from taskdock.base.machine.addresses import is_of_this_machine
from taskdock.client.connection import Sign
from taskdock.client.errors import ForeignCredentials, NoServer, NotWritten

FILE = own_folder.CREDENTIALS  # in the data folder, while the server runs
_KEYS = ("CONSUMER_KEY", "CONSUMER_SECRET", "TOKEN", "TOKEN_SECRET")
_NAMES = ("API_HOST", *(f"API_OAUTH_{key}" for key in _KEYS))
_VALUE = re.compile(r"[A-Za-z0-9._~+/=-]{1,200}")
_HOST = re.compile(
    r"http://(?P<host>[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?P<port>:[0-9]{1,5})?"
)


def read(data_dir: Path) -> dict[str, str]:
    """The variables of the server that uses the data folder, API_HOST first.

    The folder and the file must belong to the user, and the file must have exactly the lines that
    a server of this machine writes: a shell evaluates the values, and requests go to API_HOST.
    Raises `NoServer` or `ForeignCredentials`.
    """
    try:
        folder = own_folder.check(data_dir)
        file = folder / FILE
        text = own_files.read(file)
    except ForeignFile as error:
        raise ForeignCredentials(error.message) from None
    except OSError:
        raise NoServer(data_dir) from None
    lines = text.split("\n")
    variables = dict(line.split("=", 1) for line in lines[:-1] if "=" in line)
    names = tuple(variables)
    if names != _NAMES or len(lines) != len(_NAMES) + 1 or lines[-1]:
        raise _refusal(file, f"it has other lines than {', '.join(_NAMES)}")
    for name in _NAMES[1:]:
        if not _VALUE.fullmatch(variables[name]):
            raise _refusal(file, f"{name} has characters that no server puts there")
    host = _HOST.fullmatch(variables["API_HOST"])
    if host is None:
        raise _refusal(file, "API_HOST is no http://HOST:PORT")
    if not is_here(host["host"]) and not is_held(folder / own_folder.LOCK):
        raise _refusal(file, f"API_HOST {variables['API_HOST']} is no address of this machine")
    return variables


def is_here(host: str) -> bool:
    """Whether a host is certainly this machine.

    No name server is asked: whoever wrote the name may control that name server, and the next
    answer may be another one.
    """
    name = host.strip("[]").lower().rstrip(".")
    if name in ("localhost", socket.gethostname().lower()) or name.endswith(".localhost"):
        return True
    return is_of_this_machine(name)


def is_url_here(url: str) -> bool:
    """Whether a URL is certainly of this machine."""
    found = _HOST.fullmatch(url.rstrip("/"))
    return found is not None and is_here(found["host"])


def is_same_place(one: str, other: str) -> bool:
    """Whether two URLs are of one server: the same, or two names of this machine with one port."""
    if one.rstrip("/") == other.rstrip("/"):
        return True
    found = [_HOST.fullmatch(url.rstrip("/")) for url in (one, other)]
    hosts = {match and match["host"] for match in found}
    ports = {match and (match["port"] or ":80") for match in found}
    return len(ports) == 1 and all(host and is_here(host) for host in hosts)


def is_held(lock: Path) -> bool:
    """Whether a server of this machine holds the data folder's lock, and so wrote its files."""
    try:
        with open(own_files.open_file(lock)) as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except (OSError, ForeignFile):
        pass
    return False


def _refusal(file: Path, what: str) -> ForeignCredentials:
    return ForeignCredentials(
        f"{file} was not written by a taskdock server of this machine: {what}; nothing was taken"
        " from it: if no server runs there, remove it"
    )


def as_exports(variables: Mapping[str, str]) -> str:
    return "\n".join(f"export {name}={shlex.quote(value)}" for name, value in variables.items())


def as_file(variables: Mapping[str, str]) -> str:
    return "".join(f"{name}={value}\n" for name, value in variables.items())


def exh_file(home: Path) -> Path:
    return home / ".exh" / "credentials"


def has_another(file: Path, variables: Mapping[str, str]) -> bool:
    """Whether there is a file with other content, which `write_exh` would replace."""
    try:
        return own_files.read(file) != as_file(variables)
    except FileNotFoundError:
        return False
    except (OSError, ForeignFile):
        return True


def write_exh(file: Path, variables: Mapping[str, str]) -> None:
    """Writes the file as a whole or not at all; only the user can ever read the file.

    A symbolic link in the file's place is replaced, and the link's target is left alone. Raises
    `NotWritten`.
    """
    try:
        with contextlib.suppress(FileExistsError):
            file.parent.mkdir(mode=0o700)
        own_files.check(file.parent, stat.S_IFDIR)
        own_files.write(file, as_file(variables))
    except ForeignFile:
        raise NotWritten(
            f"{file.parent} is no folder of this user's own (it may be a link), so nothing was"
            ' written there; without that file: eval "$(taskdock env)"'
        ) from None
    except OSError as error:
        raise NotWritten(f"{file} cannot be written: {error.strerror or error}") from None


def signature(url: str, environment: Mapping[str, str]) -> Sign | None:
    """A signature by the credentials in `environment`, or None if they are not for `url`.

    So credentials are never sent to another server than their own.
    """
    if environment.get("API_HOST", "").rstrip("/") != url.rstrip("/"):
        return None
    values = [environment.get(f"API_OAUTH_{key}", "") for key in _KEYS]
    return _Signature(*values) if all(values) else None


class _Signature:
    """OAuth1, as the service's SDK signs."""

    def __init__(self, key: str, secret: str, token: str, token_secret: str) -> None:
        from oauthlib import oauth1  # noqa: PLC0415 - late: most calls are not signed

        self._client = oauth1.Client(key, secret, token, token_secret)

    def __call__(self, request: Any) -> Any:
        _, headers, _ = self._client.sign(request.url, request.method)
        request.headers.update(headers)
        return request
