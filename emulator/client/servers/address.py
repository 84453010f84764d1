"""The address of the server that a command talks to: read as people write it, and chosen.

The first of these names the server: --url, before or after the command; the variable TASKDOCK_URL;
API_HOST with its credentials, which `eval "$(taskdock env)"` sets, where it is on this machine; a
server that runs on the data folder of this folder, or of the nearest folder above; else
http://localhost:8080. That is refused where such a data folder has no server, and the one at 8080
is of another data folder: whoever is in a project means that project's server.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from taskdock.client.api import DEFAULT_URL
from taskdock.client.errors import WrongCall

if TYPE_CHECKING:
    from pathlib import Path

_DEFAULT_PORT = DEFAULT_URL.rpartition(":")[2]
_WHOLE = re.compile(
    r"(?:(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://)?(?P<authority>[^/?#]*)(?P<rest>.*)"
)
_AUTHORITY = re.compile(r"(?P<host>\[[^\]]*\]|[^:\[\]]*)(?::(?P<port>[^:]*))?")
_NAME = re.compile(r"[A-Za-z0-9._-]{1,253}")
_ANY = ("0.0.0.0", "::")  # noqa: S104 - what servers listen on, and nobody can call
_DEFAULT, _BY_VARIABLE = "the default", "from TASKDOCK_URL"
_HOW = "write one such as http://localhost:8080, localhost:8080 or :8080"


@dataclass(frozen=True)
class Address:
    """A server's URL, and who has named it: a few words for messages, empty for --url."""

    url: str
    named: str = ""

    @property
    def shown(self) -> str:
        """The URL, and who has named it."""
        return f"{self.url} ({self.named})" if self.named else self.url

    @property
    def is_asked_for(self) -> bool:
        """Whether the caller has named this server, for this call or by TASKDOCK_URL."""
        return self.named in ("", _BY_VARIABLE)

    @property
    def is_default(self) -> bool:
        return self.named == _DEFAULT


def choose(given: str | None, environment: Mapping[str, str]) -> Address:
    """The server of a command. `given`: what --url says, None: there was none. Raises `WrongCall`
    for an address that is none, and for the default where that is another folder's server."""
    return named(given, environment) or near(environment) or _default(environment)


def named(given: str | None, environment: Mapping[str, str]) -> Address | None:
    """The server that the caller names, by the option or a variable. Raises `WrongCall`."""
    if given is not None:
        return Address(parse(given, "--url"))
    if url := environment.get("TASKDOCK_URL"):
        return Address(parse(url, "TASKDOCK_URL"), _BY_VARIABLE)
    host = environment.get("API_HOST", "")
    if host and environment.get("API_OAUTH_TOKEN"):
        from taskdock.client.servers import credentials  # noqa: PLC0415 - late: few need it

        if credentials.is_url_here(host):
            return Address(parse(host, "API_HOST"), "from API_HOST, as taskdock env has set it")
    return None


def near(environment: Mapping[str, str]) -> Address | None:
    """The server that runs on the data folder of this folder, or of the nearest one above."""
    from taskdock.client.servers import running  # noqa: PLC0415 - late: nothing of it is needed

    found = running.nearest(environment)
    return None if found is None else Address(found.url, f"of {found.folder}")


def _default(environment: Mapping[str, str]) -> Address:
    from taskdock.client.servers import running  # noqa: PLC0415 - late, as above

    own = running.data_folder(environment)
    other = running.at(DEFAULT_URL, environment) if own is not None else None
    if own is not None and other is not None and other.folder != own.resolve():
        raise WrongCall(
            f"the server of {own.absolute()} does not run, and the one at {other.url} is that of"
            f" {other.folder}; start yours with: {_serve(own, environment)}; or call that one by"
            f" --url :{_DEFAULT_PORT}"
        )
    return Address(DEFAULT_URL, _DEFAULT)


def _serve(folder: Path, environment: Mapping[str, str]) -> str:
    """The command that starts the server of this data folder beside one that has the usual port."""
    from taskdock.base.files import own_folder  # noqa: PLC0415 - late, as above

    is_usual = folder == own_folder.DEFAULT or bool(environment.get("TASKDOCK_DATA_DIR"))
    where = "" if is_usual else f" --data-dir {shlex.quote(str(folder))}"
    return f"taskdock serve --port 0{where}"


def parse(text: str, source: str) -> str:
    """The URL that somebody means: http://HOST:PORT, or https. `source`: who wrote it, for errors.

    Without a scheme it is http, and the port is 8080 unless it is there. A port alone is one of
    localhost. An address that servers listen on, and that nobody can call, is localhost too.
    Raises `WrongCall`.
    """
    shown = f"{source} {text}" if source.startswith("-") else f"{source} is {text}"
    whole = _WHOLE.fullmatch(text.strip())
    if whole is None:
        raise WrongCall(f"{shown!r}: this is no server's address; {_HOW}")
    scheme, authority = (whole["scheme"] or "").lower(), whole["authority"]
    if scheme not in ("", "http", "https"):
        raise WrongCall(f"{shown}: a server is called by http, not by {scheme}; {_HOW}")
    if "@" in authority:  # it is not repeated, since it may be a password
        raise WrongCall(
            f"{source}: an address has no user and no password; sign in by: taskdock env"
        )
    if whole["rest"].strip("/"):
        raise WrongCall(f"{shown}: a server's address ends with its port; {_HOW}")
    host, port = _divided(authority)
    if host is None:
        raise WrongCall(f"{shown}: this is no server's address; {_HOW}")
    if port and not (port.isascii() and port.isdecimal() and 0 < int(port[:6]) < 65536):
        raise WrongCall(f"{shown}: {port} is no port: write 1 to 65535")
    if not port and not scheme:
        port = _DEFAULT_PORT
    return f"{scheme or 'http'}://{host}{f':{int(port)}' if port else ''}"


def _divided(authority: str) -> tuple[str | None, str]:
    """Host and port; the host is None where there is none, and the port empty."""
    if authority.isdecimal():
        return "localhost", authority
    if authority.count(":") > 1 and not authority.startswith("["):
        authority = f"[{authority}]"
    found = _AUTHORITY.fullmatch(authority)
    if found is None or not authority:
        return None, ""
    host, port = found["host"].lower(), found["port"] or ""
    if host.startswith("["):
        return _ipv6(host[1:-1]), port
    if not host or host in _ANY:
        return "localhost", port
    return (host if _NAME.fullmatch(host) else None), port


def _ipv6(text: str) -> str | None:
    from taskdock.base.machine.addresses import parsed  # noqa: PLC0415 - late: ipaddress is slow

    found = parsed(text)
    if found is None or found.version != 6 or "%" in text:
        return None
    return "localhost" if str(found) in _ANY else f"[{found}]"
