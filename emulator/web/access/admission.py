"""Judges a caller by the headers of a request: the name it calls, its address, its website.

A page whose name leads to this machine is same-origin for its browser, so that nothing but the name
in `Host` tells it from one of ours (DNS rebinding). Only headers are used that a page cannot make
its browser send falsely: `Host`, `Origin` and the headers `Sec-Fetch-`
(https://www.w3.org/TR/fetch-metadata/). Other programs may send any headers: they gain nothing by
false ones.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from http import HTTPStatus

from taskdock.base.machine.addresses import is_loopback, parsed
from taskdock.identity.function_credentials import Choice
from taskdock.web.http.messages import Headers, Refuse, Reply, Request

OURS = (("X-Content-Type-Options", "nosniff"), ("Cross-Origin-Resource-Policy", "same-origin"))
"""Headers of this server's own replies: no other site may embed one, or read it as a page."""

OF_CONTAINERS = frozenset(
    {
        "gateway.docker.internal",
        "host.containers.internal",
        "host.docker.internal",
        "host.taskdock",
    }
)
"""Names by which containers find the machine that they run on."""

_MOST_KNOWN = 1024  # values of Host that are remembered
_AUTHORITY = re.compile(
    r"(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*\.?))(:\d{0,5})?"
)
_ABSOLUTE = re.compile(rb"[A-Za-z][A-Za-z0-9+.-]*://([^/?#]*)")  # RFC 9112, 3.2.2
_CERTAIN = re.compile(r"(?:(?:[a-z0-9_-]+\.)*localhost|127\.0\.0\.1|\[::1\])(?::\d*)?")
"""Values of Host with which all browsers say whose a request is. With others, such as localhost. in
Firefox, they do so only where the request has an Origin; an image has none."""
_OF_PAGES = (b"origin", b"sec-fetch-site", b"sec-fetch-dest")
_RESERVED = frozenset({"internal", "local", "localhost", "test"})
"""Names that nobody can have on the internet, nor one below them."""
_ORIGIN = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://([^/?#@\\\s]*)/?")


@dataclass(frozen=True)
class Openness:
    """The callers that the server serves without credentials."""

    strict: bool
    """Whether nobody is served without credentials."""
    beyond_loopback: bool = False
    """Whether callers from other addresses than loopback are served too, where `strict` is
    false."""
    harness: bool = False
    """Whether the test harness is served, to programs on this machine."""
    functions: Choice = Choice.ALL
    """The rights of functions, which come by their containers' doors, where `strict` is false."""

    def is_stranger(self, address: str) -> bool:
        """Whether a caller has to sign in for its address alone. "": a container by its door."""
        return not self.beyond_loopback and address != "" and not is_loopback(address)


class Hosts:
    """The names that this server goes by."""

    def __init__(self, names: Iterable[str], *, is_here: Callable[[str], bool]) -> None:
        """`names`: beside those that it always has; as `read_name` gives them. `is_here`: whether
        this machine has an address."""
        given = frozenset(names)
        self._endings = tuple(name for name in given if name.startswith("."))
        self._names = OF_CONTAINERS | given.difference(self._endings)
        self._is_here = is_here
        self._known: set[str] = set()

    def allows(self, authority: str, server: str) -> bool:
        """`authority`: a name or address, maybe with a port, as it was sent. `server`: the address
        that was called."""
        if authority in self._known:
            return True
        host = host_of(authority)
        allowed = host is not None and self._is_ours(host, server)
        if allowed:
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            self._known.add(authority)
        return allowed

    def _is_ours(self, host: str, server: str) -> bool:
        if is_local(host) or host in self._names or host.endswith(self._endings):
            return True
        address = parsed(host)
        if address is None or address.is_unspecified or address.is_multicast:
            # Browsers take 0.0.0.0 to loopback, and say of a page's request to it not whose it is.
            return False
        return host == server.partition("%")[0] or self._is_here(host)


class HeaderCheck:
    """Refuses requests that are for another server, or whose headers contradict each other."""

    def __init__(self, hosts: Hosts, refuse: Refuse) -> None:
        self._hosts = hosts
        self._refuse = refuse

    def __call__(self, request: Request) -> Reply | None:
        """The refusal, or None."""
        wrong = self._wrong(request)
        return None if wrong is None else self._refuse(request.path, *wrong)

    def _wrong(self, request: Request) -> tuple[int, str] | None:
        named = [value for name, value in request.headers if name == b"host"]
        absolute = None if request.target[:1] == b"/" else _ABSOLUTE.match(request.target)
        asked = (absolute[1] if absolute else named[0] if named else b"").decode("latin-1")
        if len(named) != 1 or not self._hosts.allows(asked, request.server[0]):
            # A client of HTTP/1.0 knows no 421: it came with RFC 7540.
            old = request.version == "1.0"
            status = HTTPStatus.FORBIDDEN if old else HTTPStatus.MISDIRECTED_REQUEST
            return status, _foreign(asked, len(named))
        origins = [value for name, value in request.headers if name == b"origin"]
        if len(origins) > 1:
            return HTTPStatus.BAD_REQUEST, "the request has more than one header Origin"
        if origins and not _is_origin(origins[0].decode("latin-1")):
            return (
                HTTPStatus.BAD_REQUEST,
                "the header Origin names no origin, such as http://localhost",
            )
        return None


def of_website(headers: Headers, *, everybody: bool = False) -> bool:
    """Whether a browser makes the request for a page that is not of this machine.

    Any page can send requests to localhost; none shall act as the administrator. `everybody`:
    whoever reaches this server may call it without credentials.
    """
    fields = dict(headers)  # there once: `HeaderCheck` has seen to it
    host = fields.get(b"host", b"").decode("latin-1").lower()
    origin = fields.get(b"origin")
    if origin is not None and not _is_local_origin(origin.decode("latin-1").lower(), host):
        return True
    sites = {value.lower() for name, value in headers if name == b"sec-fetch-site"}
    if b"cross-site" in sites:
        return True
    if _CERTAIN.fullmatch(host):
        return False
    name = host_of(host) or ""
    if b"same-site" in sites and not is_local(name):
        return True  # a neighbour's page in the same domain; of localhost all are this machine's
    silent = origin is None and not sites and fields.get(b"user-agent", b"")[:8] == b"Mozilla/"
    return silent and (name in OF_CONTAINERS or is_local(name) or not everybody)


def of_page(headers: Headers) -> bool:
    """Whether a browser makes the request for a page, be it one of this machine.

    `Sec-Fetch-Mode` alone is no sign of it: the `fetch` of Node.js sends that header, and browsers
    send `Sec-Fetch-Site` with it (Fetch Metadata Request Headers, 2).
    """
    told = any(name in _OF_PAGES for name, _ in headers)
    return told or of_website(headers, everybody=True)


def host_of(authority: str) -> str | None:
    """The name or address in it, in its one spelling: without port, brackets and last dot."""
    found = _AUTHORITY.fullmatch(authority)
    if found is None:
        return None
    if found[1] is None:
        return found[2].lower().rstrip(".")
    address = parsed(found[1])
    if address is None or address.version == 4 or address.ipv4_mapped is not None:
        return None  # browsers differ in whether they take ::ffff:127.0.0.1 for loopback
    return str(address)


def names(host: str, allowed: Iterable[str]) -> list[str]:
    """The names for `Hosts` where the API is served on `host`. Raises `ValueError`."""
    served = parsed(host)
    own = [] if served is not None and served.is_unspecified else [host]
    return [_name(text) for text in (*own, *allowed)]


def _name(text: str) -> str:
    """One spelling of an address, a name, or, beginning with a dot or *., all names below one."""
    text = text.strip().lower().rstrip(".")
    address = parsed(text.strip("[]"))
    if address is not None:
        return str(address)
    bare = re.sub(r"^\*?\.", "", text)
    if bare != text and "." not in bare and bare not in _RESERVED:
        raise ValueError(f"{text!r} would allow every name below it, and so any website's")
    try:
        plain = bare.encode("idna").decode()
    except UnicodeError:
        plain = ""
    if host_of(plain) != plain or not plain:
        raise ValueError(
            f"{text!r} is no host: give a name or an address without a port, as in app.example.org,"
            " or .example.org for all names below it"
        )
    return plain if bare == text else f".{plain}"


def is_local(host: str) -> bool:
    """Whether the host means this machine's loopback, on every machine. `host`: as by `host_of`."""
    return host == "localhost" or host.endswith(".localhost") or is_loopback(host)


def _is_origin(text: str) -> bool:
    """An origin as browsers write it (RFC 6454, 7), or nothing, or with the slash that people
    add."""
    if text in ("", "null"):
        return True
    found = _ORIGIN.fullmatch(text)
    if found is None:
        return False
    return found[1].lower() not in ("http", "https") or host_of(found[2]) is not None


def _is_local_origin(origin: str, host: str) -> bool:
    """Of this machine, or of the very server that is asked, by a name that it allows."""
    found = _ORIGIN.fullmatch(origin)
    if found is None:
        return False
    return is_local(host_of(found[2]) or "") or (found[1], found[2]) == ("http", host)


def _foreign(asked: str, named: int) -> str:
    if named == 0:
        return "the request has no header Host, which has to name this server, as in localhost"
    if named > 1:
        return "the request has more than one header Host"
    return (
        f"{asked[:200]!r} is not a name of this server, so that no website can pass for it:"
        " call it by localhost, or start it with --allowed-host NAME (TASKDOCK_ALLOWED_HOST)"
    )
