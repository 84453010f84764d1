"""Signing in: each request becomes an account, which has to have what its endpoint needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from flask import Flask, Request, g, request
from flask.typing import ResponseReturnValue

from taskdock.base.errors import NoPermission, NotSignedIn, UnknownToken
from taskdock.base.machine.addresses import is_loopback
from taskdock.identity.account import NOBODY, Account
from taskdock.identity.directory import Directory
from taskdock.identity.function_credentials import Choice
from taskdock.web.access import permissions
from taskdock.web.access.admission import Openness, of_page, of_website
from taskdock.web.access.nonces import Nonces
from taskdock.web.access.oauth1 import Verifier
from taskdock.web.common import problems
from taskdock.web.common.endpoint import Gate
from taskdock.web.http.connection_limit import Peer
from taskdock.web.http.messages import Headers
from taskdock.web.http.wsgi import HEADERS, JUDGED, PEER

_WEBSITE = (
    "a page of another site, or of an API function, may not call this without credentials; it may"
    " call API functions that are public (executionOptions.permissionMode)"
)
_NO_RIGHTS = (
    "a function may do nothing here without credentials: who deployed it is not known or not here"
    " any more, so that deploying it again may help, or --function-credentials none is set"
)
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})  # RFC 9110, 9.2.1
CALLER = "caller"
BODY_TO_COME = "taskdock.body_to_come"
"""The key of whether the request's body is not there yet."""


def caller() -> Account:
    """The account of the current request."""
    account: Account = g.caller
    return account


def knows(judged: Mapping[str, object]) -> bool:
    """True when the caller is known. `judged`: the facts of a request, see `JUDGED`."""
    return judged.get(CALLER, NOBODY) != NOBODY


@dataclass(frozen=True)
class Guard:
    """The accounts that can sign in, and the callers that need not."""

    directory: Directory
    openness: Openness
    nonces: Nonces | None = None
    """The nonces of signed requests before the start."""


def protect(app: Flask, guard: Guard) -> None:
    """Has `app` sign in and check every request from now on, before its view is called."""
    directory, openness = guard.directory, guard.openness
    verifier = Verifier(directory.tokens, nonces=guard.nonces, functions=directory.functions.find)

    @app.before_request
    def check() -> None:
        if request.url_rule is None:
            return  # there is no such endpoint, and the answer says so
        needs = permissions.needed(request.url_rule, request.method)
        known = request.environ.get(JUDGED, {})
        headers: Headers = request.environ[HEADERS]
        peer = _peer(request)
        if needs is Gate.MACHINE:
            check_machine(headers, peer.address, openness)
            g.caller = known[CALLER] = _at(directory, peer)
            return
        if needs is Gate.HARNESS:
            check_harness(headers, peer.address, openness)
            g.caller = known[CALLER] = directory.local.administrator
            return
        unsigned, g.why_nobody = _unsigned(directory, headers, peer, openness)
        if CALLER not in known:
            if request.environ.get(BODY_TO_COME) and _signs_its_body(request):
                return
            foreign = unsigned if needs is Gate.DOUBLE else NOBODY
            known[CALLER] = _sign_in(request, directory, verifier, unsigned, foreign)
        g.caller = known[CALLER]
        if g.why_nobody == _WEBSITE and _is_open_door(request, needs):
            raise NotSignedIn
        permissions.check(g.caller, needs)

    @app.errorhandler(NotSignedIn)
    def say_why(error: NotSignedIn) -> ResponseReturnValue:
        return problems.answer(NotSignedIn(g.get("why_nobody") or error.message))


def _unsigned(
    directory: Directory, headers: Headers, peer: Peer, openness: Openness
) -> tuple[Account, str]:
    """The account of a request without credentials, and where that is nobody, the reason."""
    if of_website(headers, everybody=openness.beyond_loopback):
        return NOBODY, _WEBSITE
    if openness.strict:
        return NOBODY, ""  # nobody has signed in, and that is all
    if openness.is_stranger(peer.address):
        return NOBODY, (
            f"{peer.address} is no loopback address, and who calls from elsewhere has to sign in;"
            " with --open-beyond-loopback (TASKDOCK_OPEN_BEYOND_LOOPBACK) the server serves"
            " everybody"
        )
    account = _at(directory, peer)
    return account, "" if account.signed_in else _NO_RIGHTS


def _is_open_door(sent: Request, needs: str | Gate) -> bool:
    """True for a change that anyone may make, without credentials: it may be a form on any page."""
    has_credentials = bool(sent.headers.get("Authorization", "").strip())
    return needs is Gate.ANYONE and sent.method not in _SAFE and not has_credentials


def _at(directory: Directory, peer: Peer) -> Account:
    """The account where credentials do not count.

    A caller by a container's door is a function, which acts as its credentials would. All others
    are the administrator.
    """
    if not peer.address:
        return directory.functions.account(peer.deployers)
    return directory.local.administrator


def _peer(sent: Request) -> Peer:
    """The caller's connection; tests that call the application itself have none."""
    return sent.environ.get(PEER) or Peer(sent.remote_addr or "")


def _sign_in(
    sent: Request, directory: Directory, verifier: Verifier, unsigned: Account, foreign: Account
) -> Account:
    """The account of the request's credentials; `unsigned` when it has none, `foreign` when they
    are of another kind, for a function or a double to judge.

    Raises `NotAllowed` for credentials that are not right.
    """
    header = sent.headers.get("Authorization", "").strip()
    scheme, _, credentials = header.partition(" ")
    if not header:
        return unsigned
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
    return foreign


def check_machine(headers: Headers, address: str, openness: Openness) -> None:
    """Raises `NoPermission`. `address`: "" is a container, by its door."""
    if of_website(headers, everybody=openness.beyond_loopback):
        raise NoPermission("a website may not call this")
    if openness.strict and (address == "" or openness.is_stranger(address)):
        raise NoPermission(
            "with --auth strict this is for callers on this machine's loopback addresses only"
        )
    if address == "" and openness.functions is not Choice.ALL:
        raise NoPermission(
            "functions may not call AWS's Lambda API, whose credentials are not checked here:"
            " --function-credentials all (TASKDOCK_FUNCTION_CREDENTIALS) lets them"
        )
    if openness.is_stranger(address):
        raise NoPermission(
            f"{address} is no loopback address, and AWS's credentials cannot be checked here; with"
            " --open-beyond-loopback (TASKDOCK_OPEN_BEYOND_LOOPBACK) the server serves everybody"
        )


def check_harness(headers: Headers, address: str, openness: Openness) -> None:
    """Raises `NoPermission`. `address`: "" is a container, by its door."""
    if not openness.harness:
        raise NoPermission(
            "the test harness is off: --harness on (TASKDOCK_HARNESS) serves it, with --auth strict"
            " too"
        )
    if of_page(headers):
        raise NoPermission("a web page may not call the test harness")
    if address == "":
        raise NoPermission("a function may not call the test harness")
    if not is_loopback(address):
        raise NoPermission(f"the test harness is for this machine alone, and {address} is not it")


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
