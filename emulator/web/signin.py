"""Signing in: each request becomes an account, which has to have what its endpoint needs."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from flask import Flask, Request, g, request

from emulator.errors import NoPermission, UnknownToken
from emulator.identity.account import NOBODY, Account
from emulator.identity.directory import Directory
from emulator.identity.function_credentials import Choice
from emulator.web import permissions
from emulator.web.nonces import Nonces
from emulator.web.oauth1 import Verifier
from emulator.web.peers import Peer
from emulator.web.permissions import Gate
from emulator.web.wsgi import PEER

_LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})


def caller() -> Account:
    """Who the current request acts as."""
    account: Account = g.caller
    return account


def protect(
    app: Flask, directory: Directory, *, strict: bool, nonces: Nonces | None = None
) -> None:
    """From now on `app` signs in and checks every request, before its view is called.

    `nonces`: those that were used before.
    """
    verifier = Verifier(directory.tokens, nonces=nonces, functions=directory.functions.find)

    @app.before_request
    def check() -> None:
        if request.url_rule is None:
            return  # there is no such endpoint, and the answer says so
        wanted = permissions.needed(request.method, request.url_rule.rule)
        if wanted is Gate.MACHINE:
            choice = directory.functions.choice
            check_machine(request.headers.get("Origin"), request.remote_addr, strict, choice)
            g.caller = unsigned(_peer(request), directory, strict=False)
            return
        g.caller = _sign_in(request, directory, verifier, strict)
        permissions.check(g.caller, wanted)


def unsigned(peer: Peer, directory: Directory, *, strict: bool) -> Account:
    """Who a request without credentials is from.

    With `strict` nobody. Else what comes by a container's door is a function's, and acts as its
    credentials would; all others are the administrator.
    """
    if strict:
        return NOBODY
    if not peer.address:
        return directory.functions.account(peer.deployers)
    return directory.local.administrator


def _peer(sent: Request) -> Peer:
    """Tests of the application alone have none."""
    return sent.environ.get(PEER) or Peer(sent.remote_addr or "")


def _sign_in(sent: Request, directory: Directory, verifier: Verifier, strict: bool) -> Account:
    """Raises `NotAllowed` for credentials that are not right."""
    header = sent.headers.get("Authorization", "").strip()
    scheme, _, credentials = header.partition(" ")
    if not header:
        if _is_a_website(sent.headers.get("Origin")):
            return NOBODY
        return unsigned(_peer(sent), directory, strict=strict)
    if scheme.lower() == "oauth":
        headers = {"Authorization": header, "Content-Type": sent.mimetype}
        signer = verifier.verify(
            method=sent.method, uri=_uri(sent), body=_form(sent), headers=headers
        )
        if signer.token is None:
            return Account(application_id=signer.application.id)
        account = directory.account_of(signer.token)
        if not account.signed_in:  # its user has gone in between
            raise UnknownToken
        return account
    if scheme.lower() == "bearer":
        token = directory.tokens.bearer(credentials.strip())
        return directory.account_of(token)
    return NOBODY  # credentials of another kind, for a function to judge


def check_machine(
    origin: str | None, address: str | None, strict: bool, functions: Choice = Choice.ALL
) -> None:
    """Raises `NoPermission`. A container's requests come by its door, from no address; `functions`
    says what they may do."""
    if _is_a_website(origin):
        raise NoPermission("a website may not call this")
    if strict and not ipaddress.ip_address(address or "::").is_loopback:
        raise NoPermission(
            "with --auth strict this is for callers on this machine's loopback addresses only"
        )

    if not address and functions is not Choice.ALL:
        raise NoPermission(
            "functions may not call AWS's Lambda API, whose credentials are not checked here:"
            " --function-credentials all lets them"
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
    is_form = sent.mimetype == "application/x-www-form-urlencoded"
    return sent.get_data() if is_form else b""
