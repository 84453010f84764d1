"""Signing in to the dashboard: each request of a page becomes an account, by session or address."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass

from flask import Flask, g, request

from taskdock.base.errors import NotAllowed
from taskdock.identity.account import NOBODY, Account, Token, require_user
from taskdock.identity.directory import Directory
from taskdock.web.access import credentials, dashboard_callers, permissions, unsigned
from taskdock.web.access.admission import Openness
from taskdock.web.access.credentials import BODY_TO_COME, CALLER
from taskdock.web.access.oauth1 import Verifier
from taskdock.web.common.endpoint import Gate, declared
from taskdock.web.http.messages import Headers
from taskdock.web.http.wsgi import HEADERS, JUDGED


@dataclass(frozen=True)
class Visitor:
    """Facts of a page's caller beside the account."""

    session: Token | None = None
    """The sign-in that the browser has shown."""
    may_test: bool = False
    """Whether the caller may use the test harness."""
    email: Callable[[], str] = str
    """Asks for the address of the session's user; "" without a session."""


def visitor() -> Visitor:
    """The caller of the current request; somebody unknown where that was not found out."""
    found: Visitor = g.get("visitor", Visitor())
    return found


def guard_dashboard(
    app: Flask, directory: Directory, openness: Openness, verifier: Verifier
) -> None:
    """Has `app` check every request to the dashboard, before its view is called."""

    @app.before_request
    def check_visitor() -> None:
        rule = request.url_rule
        if rule is None and dashboard_callers.is_dashboard(request.path):
            with contextlib.suppress(NotAllowed):  # the page that says so may still lead on
                _greet(directory, openness, "GET")
        if rule is None or not declared(rule).of_dashboard:
            return
        without = _greet(directory, openness, request.method)
        known = request.environ.get(JUDGED, {})
        if CALLER not in known:
            if request.environ.get(BODY_TO_COME) and credentials.signs_its_body(request):
                return
            known[CALLER] = credentials.account_of(request, directory, verifier, without, NOBODY)
        _let_in(known[CALLER], permissions.needed(rule, request.method), openness)


def _greet(directory: Directory, openness: Openness, method: str) -> Account:
    """The account of a caller without credentials. Raises `NoPermission`."""
    headers: Headers = request.environ[HEADERS]
    peer = unsigned.peer_of(request)
    has_credentials = bool(request.headers.get("Authorization", "").strip())
    dashboard_callers.check(method, headers, peer.address, has_credentials=has_credentials)
    session = dashboard_callers.session_of(request.cookies, headers, directory)
    if session is None:
        g.visitor = Visitor()
        account, g.why_nobody = unsigned.near(directory, peer, openness)
    else:
        g.visitor = Visitor(session, email=lambda: directory.accounts.get(session.user_id).email)
        account = directory.account_of(session)
    g.caller = account
    return account


def _let_in(account: Account, needs: str | Gate, openness: Openness) -> None:
    """Raises `NotSignedIn`, `NoPermission` or `RequestTooLarge`."""
    headers: Headers = request.environ[HEADERS]
    address = unsigned.peer_of(request).address
    g.caller = account
    seen: Visitor = g.visitor
    may_test = dashboard_callers.may_test(account, address, openness)
    g.visitor = Visitor(seen.session, may_test, seen.email)
    dashboard_callers.check_size(headers, account)
    if needs is Gate.HARNESS:
        require_user(account)
        dashboard_callers.check_tests(account, address, openness)
    permissions.check(account, needs)
