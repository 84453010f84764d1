"""Signing in: each request becomes an account, which has to have what its endpoint needs."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from urllib.parse import urlsplit

from flask import Flask, Request, g, request

from emulator.errors import NoPermission
from emulator.identity.account import NOBODY, Account
from emulator.identity.directory import Directory
from emulator.web import permissions
from emulator.web.oauth1 import Verifier
from emulator.web.permissions import Gate

_LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})
JUDGED = "taskdock.judged"
"""The key of what is known of a request already, a dictionary: `CALLER`, once it is signed in. A
signature counts once, and a request may be judged twice: before its body is read, and with it."""
CALLER = "caller"
BODY_TO_COME = "taskdock.body_to_come"
"""The key of whether the request's body is not there yet."""


def caller() -> Account:
    """Who the current request acts as."""
    account: Account = g.caller
    return account


def knows(judged: Mapping[str, object]) -> bool:
    """Whether who is asking is somebody, by what is known of a request: see `JUDGED`."""
    return judged.get(CALLER, NOBODY) != NOBODY


def protect(app: Flask, directory: Directory, *, strict: bool) -> None:
    """From now on `app` signs in and checks every request, before its view is called.

    A request without credentials is the local administrator's, or with `strict` nobody's.
    """
    verifier = Verifier(directory.tokens)
    unsigned = NOBODY if strict else directory.local.administrator

    @app.before_request
    def check() -> None:
        if request.url_rule is None:
            return  # there is no such endpoint, and the answer says so
        wanted = permissions.needed(request.method, request.url_rule.rule)
        known = request.environ.get(JUDGED, {})
        if wanted is Gate.MACHINE:
            check_machine(request.headers.get("Origin"), request.remote_addr, strict)
            g.caller = known[CALLER] = directory.local.administrator
            return
        if CALLER not in known:
            if request.environ.get(BODY_TO_COME) and _signs_its_body(request):
                return
            known[CALLER] = _sign_in(request, directory, verifier, unsigned)
        g.caller = known[CALLER]
        permissions.check(g.caller, wanted)


def _sign_in(sent: Request, directory: Directory, verifier: Verifier, unsigned: Account) -> Account:
    """Raises `NotAllowed` for credentials that are not right."""
    header = sent.headers.get("Authorization", "").strip()
    scheme, _, credentials = header.partition(" ")
    if not header:
        return NOBODY if _is_a_website(sent.headers.get("Origin")) else unsigned
    if scheme.lower() == "oauth":
        headers = {"Authorization": header, "Content-Type": sent.mimetype}
        signer = verifier.verify(
            method=sent.method, uri=_uri(sent), body=_form(sent), headers=headers
        )
        if signer.token is None:
            return Account(application_id=signer.application.id)
        return directory.accounts.account(signer.token.user_id, signer.application.id)
    if scheme.lower() == "bearer":
        token = directory.tokens.bearer(credentials.strip())
        return directory.accounts.account(token.user_id, token.application_id)
    return NOBODY  # credentials of another kind, for a function to judge


def check_machine(origin: str | None, address: str | None, strict: bool) -> None:
    """Raises `NoPermission`. A container's requests come by its door, from no address."""
    if _is_a_website(origin):
        raise NoPermission("a website may not call this")
    if strict and not ipaddress.ip_address(address or "::").is_loopback:
        raise NoPermission(
            "with --auth strict this is for callers on this machine's loopback addresses only"
        )


def _is_a_website(origin: str | None) -> bool:
    """Whether a browser says that a page which is not of this machine makes the request.

    Any page can send requests to localhost; none shall act as the administrator.
    """
    if origin is None:
        return False
    host = urlsplit(origin).hostname or ""
    return host not in _LOCAL and not host.endswith(".localhost")


def _uri(sent: Request) -> str:
    """The URI as the client wrote and signed it: Flask's own has been decoded."""
    target = str(sent.environ["REQUEST_URI"])
    return target if target.startswith("http") else f"{sent.scheme}://{sent.host}{target}"


def _form(sent: Request) -> bytes:
    """The body, if it is of the one kind that a signature covers."""
    return sent.get_data() if _is_form(sent) else b""


def _is_form(sent: Request) -> bool:
    return sent.mimetype == "application/x-www-form-urlencoded"


def _signs_its_body(sent: Request) -> bool:
    scheme = sent.headers.get("Authorization", "").strip().partition(" ")[0]
    return scheme.lower() == "oauth" and _is_form(sent)
