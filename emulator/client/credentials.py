"""Credentials of a server: read from its data folder, handed to a shell or to the exh command.

A server's file has the form of ~/.exh/credentials, which the exh command reads: NAME=value lines.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path

import requests
from oauthlib import oauth1
from requests.auth import AuthBase

from emulator.client.errors import NoServer

FILE = "credentials"  # in the data folder, while the server runs
_KEYS = ("CONSUMER_KEY", "CONSUMER_SECRET", "TOKEN", "TOKEN_SECRET")


def read(data_dir: Path) -> dict[str, str]:
    """The variables of the server that uses the folder, API_HOST first. Raises `NoServer`."""
    try:
        lines = (data_dir / FILE).read_text().splitlines()
    except OSError:
        raise NoServer(data_dir) from None
    return dict(line.split("=", 1) for line in lines if "=" in line)


def as_exports(variables: Mapping[str, str]) -> str:
    return "\n".join(f"export {name}={shlex.quote(value)}" for name, value in variables.items())


def as_file(variables: Mapping[str, str]) -> str:
    return "".join(f"{name}={value}\n" for name, value in variables.items())


def exh_file(home: Path) -> Path:
    return home / ".exh" / "credentials"


def write_exh(file: Path, variables: Mapping[str, str]) -> None:
    file.parent.mkdir(exist_ok=True)
    file.touch()
    file.chmod(0o600)  # before there is anything to read
    file.write_text(as_file(variables))


def signature(url: str, environment: Mapping[str, str]) -> AuthBase | None:
    """Signs with the environment's credentials, if they are for `url`: others never leave."""
    if environment.get("API_HOST", "").rstrip("/") != url.rstrip("/"):
        return None
    values = [environment.get(f"API_OAUTH_{key}", "") for key in _KEYS]
    return _Signature(*values) if all(values) else None


class _Signature(AuthBase):
    def __init__(self, key: str, secret: str, token: str, token_secret: str) -> None:
        self._client = oauth1.Client(key, secret, token, token_secret)

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        _, headers, _ = self._client.sign(request.url, request.method)
        request.headers.update(headers)
        return request
