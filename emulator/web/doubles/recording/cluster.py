"""A real cluster, which calls without a double are handed on to. Its credentials sign them anew."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

import requests
from oauthlib import oauth1

from taskdock.base.errors import StartupError
from taskdock.base.timing.clock import SystemClock
from taskdock.web.doubles.call import ServiceCall

VARIABLES = "TASKDOCK_RECORD_"
_CREDENTIALS = ("CONSUMER_KEY", "CONSUMER_SECRET", "TOKEN", "TOKEN_SECRET")
_MARK = "x-taskdock-recording"
"""A header of calls that were handed on: a taskdock that gets one hands it on to nobody."""
_NOT_HANDED_ON = frozenset(
    {
        *("accept-encoding", "authorization", "connection", "content-length", "cookie", "expect"),
        *("forwarded", "host", "keep-alive", "origin", "proxy-authorization", "referer", "te"),
        *("trailer", "transfer-encoding", "upgrade"),
    }
)
_SIGNED = "%!$&'()*+,/:;=?@~"  # characters of a query that are signed as they are
_TO_CONNECT = 10.0  # seconds
_LIMIT = 60.0  # seconds for a whole call
_MOST = 72 * 1024 * 1024  # bytes of an answer
_PIECE = 64 * 1024


class NotReached(Exception):
    """The cluster has not answered; the message is a sentence."""


@dataclass(frozen=True)
class ClusterAnswer:
    status: int
    headers: Mapping[str, str]
    """Names are in lower case."""
    body: bytes


class Cluster:
    def __init__(self, address: str, environment: Mapping[str, str], own_port: int) -> None:
        """`environment`: has the credentials in TASKDOCK_RECORD_CONSUMER_KEY and so on. Raises
        `StartupError` for an address that is none, this server's own, or half of the credentials.
        """
        self.address = _checked(address, own_port)
        self.host = urlsplit(self.address).hostname or ""
        given = {name: environment.get(VARIABLES + name, "") for name in _CREDENTIALS}
        self.secrets = [value for value in given.values() if value]
        self._client = _client(given)

    def takes(self, call: ServiceCall) -> bool:
        """Whether the call may be handed on: not one that was handed on, and no target that would
        change the host."""
        return call.header(_MARK) is None and call.target.startswith("/")

    def answer(self, call: ServiceCall, target: str, body: bytes) -> ClusterAnswer:
        """`target`: path and query, percent-encoded. Raises `NotReached`."""
        url = self.address + target
        headers = {
            name: value
            for name, value in call.headers
            if name not in _NOT_HANDED_ON and not name.startswith(("sec-", "proxy-", "x-forwarded"))
        }
        headers |= {"Accept-Encoding": "identity", _MARK: "1", **self._signature(call, url, body)}
        try:
            return self._send(call.method, url, headers, body)
        except (requests.RequestException, OSError) as error:
            raise NotReached(
                f"{self.address}, which --doubles-record names, has not answered: {_reason(error)};"
                " nothing was recorded"
            ) from None

    def _signature(self, call: ServiceCall, url: str, body: bytes) -> dict[str, str]:
        if self._client is None:
            return {}
        base, mark, query = url.partition("?")
        kind = call.header("content-type") or ""
        is_form = kind.partition(";")[0].strip().lower() == "application/x-www-form-urlencoded"
        try:
            _, signed, _ = self._client.sign(
                base + mark + quote(query, safe=_SIGNED),
                http_method=call.method,
                body=body.decode("latin-1") if is_form else None,
                headers={"Content-Type": kind} if is_form else {},
            )
        except ValueError as error:
            raise NotReached(f"the call cannot be signed: {error}; nothing was recorded") from None
        return {"Authorization": signed["Authorization"]}

    def _send(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes
    ) -> ClusterAnswer:
        clock = SystemClock()  # a function's own waits are real
        give_up = clock.monotonic() + _LIMIT
        with requests.Session() as session:
            session.trust_env = False  # a .netrc would sign, too
            session.proxies.update(requests.utils.get_environ_proxies(url))
            prepared = requests.Request(method, url, headers=dict(headers), data=body or None)
            sent = session.prepare_request(prepared)
            sent.url = url  # as it was signed
            with session.send(
                sent,
                timeout=(_TO_CONNECT, _LIMIT),
                verify=os.environ.get("REQUESTS_CA_BUNDLE") or True,
                proxies=dict(session.proxies),
                allow_redirects=False,
                stream=True,
            ) as answer:
                content = b""
                for piece in answer.iter_content(_PIECE):
                    content += piece
                    if len(content) > _MOST:
                        raise OSError(f"its answer has more than {_MOST} bytes")
                    if clock.monotonic() > give_up:
                        raise OSError(f"its answer took more than {_LIMIT:g} s")
                found = {name.lower(): value for name, value in answer.headers.items()}
                return ClusterAnswer(answer.status_code, found, content)


def _checked(address: str, own_port: int) -> str:
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        raise StartupError(_no_address(address)) from None
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
        raise StartupError(_no_address(address))
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise StartupError(_no_address(address))
    if parts.hostname in ("localhost", "127.0.0.1", "::1") and port == own_port:
        raise StartupError(f"--doubles-record names this server itself: {address}")
    return f"{parts.scheme}://{parts.netloc}"


def _no_address(address: str) -> str:
    return (
        f"--doubles-record takes the address of a cluster, such as https://api.example.com, and"
        f" nothing behind it, not {address[:200]!r}; credentials are taken from {VARIABLES}"
        f"{', '.join(_CREDENTIALS)}"
    )


def _client(given: Mapping[str, str]) -> oauth1.Client | None:
    key, secret, token, token_secret = (given[name] for name in _CREDENTIALS)
    if not any(given.values()):
        return None
    if not key or not secret or bool(token) != bool(token_secret):
        missing = next(
            name
            for name in _CREDENTIALS
            if not given[name] and (name.startswith("CONSUMER") or token or token_secret)
        )
        raise StartupError(f"{VARIABLES}{missing} is not set, and others of the credentials are")
    return oauth1.Client(
        key,
        client_secret=secret,
        resource_owner_key=token or None,
        resource_owner_secret=token_secret or None,
    )


def _reason(error: Exception) -> str:
    inner: BaseException = error
    while inner.__context__ is not None or inner.__cause__ is not None:
        inner = inner.__cause__ or inner.__context__ or inner
    return str(inner) or type(inner).__name__
