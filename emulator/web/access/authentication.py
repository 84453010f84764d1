"""Signing in: each request becomes an account, which has to have what its endpoint needs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from flask import Flask, Request, g, request
from flask.typing import ResponseReturnValue

from taskdock.base.errors import NoPermission, NotSignedIn, TaskdockError
from taskdock.base.machine.addresses import is_loopback
from taskdock.identity.account import NOBODY, Account
from taskdock.identity.directory import Directory
from taskdock.identity.function_credentials import Choice
from taskdock.web.access import credentials, permissions, unsigned
from taskdock.web.access.admission import Openness, of_page, of_website
from taskdock.web.access.credentials import BODY_TO_COME, CALLER
from taskdock.web.access.dashboard_guard import guard_dashboard
from taskdock.web.access.nonces import Nonces
from taskdock.web.access.oauth1 import Verifier
from taskdock.web.common import problems
from taskdock.web.common.endpoint import Gate, declared
from taskdock.web.http.messages import Headers
from taskdock.web.http.wsgi import HEADERS, JUDGED

Answer = Callable[[TaskdockError], ResponseReturnValue]
"""Makes the response of an error."""

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})  # RFC 9110, 9.2.1


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


def protect(app: Flask, guard: Guard, answer: Answer = problems.answer) -> None:
    """Has `app` sign in and check every request from now on, before its view is called."""
    directory, openness = guard.directory, guard.openness
    verifier = Verifier(directory.tokens, nonces=guard.nonces, functions=directory.functions.find)

    @app.before_request
    def check() -> None:
        if request.url_rule is None or declared(request.url_rule).of_dashboard:
            return  # there is no such endpoint, and the answer says so; or it is guarded below
        needs = permissions.needed(request.url_rule, request.method)
        known = request.environ.get(JUDGED, {})
        headers: Headers = request.environ[HEADERS]
        peer = unsigned.peer_of(request)
        if needs is Gate.MACHINE:
            check_machine(headers, peer.address, openness)
            g.caller = known[CALLER] = unsigned.at(directory, peer)
            return
        if needs is Gate.HARNESS:
            check_harness(headers, peer.address, openness)
            g.caller = known[CALLER] = directory.local.administrator
            return
        without, g.why_nobody = unsigned.account_of(directory, headers, peer, openness)
        if CALLER not in known:
            if request.environ.get(BODY_TO_COME) and credentials.signs_its_body(request):
                return
            foreign = without if needs is Gate.DOUBLE else NOBODY
            known[CALLER] = credentials.account_of(request, directory, verifier, without, foreign)
        g.caller = known[CALLER]
        if g.why_nobody == unsigned.WEBSITE and _is_open_door(request, needs):
            raise NotSignedIn
        permissions.check(g.caller, needs)

    guard_dashboard(app, directory, openness, verifier)

    @app.errorhandler(NotSignedIn)
    def say_why(error: NotSignedIn) -> ResponseReturnValue:
        return answer(NotSignedIn(g.get("why_nobody") or error.message))


def _is_open_door(sent: Request, needs: str | Gate) -> bool:
    """True for a change that anyone may make, without credentials: it may be a form on any page."""
    has_credentials = bool(sent.headers.get("Authorization", "").strip())
    return needs is Gate.ANYONE and sent.method not in _SAFE and not has_credentials


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
