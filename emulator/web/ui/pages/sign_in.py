"""Signing in and out: a session by e-mail address and password, kept as a cookie."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote, urlencode, urlsplit

from flask import Response, redirect, request

from taskdock.base.errors import CallerError, TooManySignIns, WrongPassword
from taskdock.base.machine.addresses import is_loopback
from taskdock.identity.directory import ADMINISTRATOR, Directory
from taskdock.identity.tokens import SESSION_LIFE
from taskdock.web.access import unsigned
from taskdock.web.access.dashboard_callers import cookie_name
from taskdock.web.access.dashboard_guard import visitor
from taskdock.web.common import problems
from taskdock.web.common.endpoint import Gate
from taskdock.web.http.wsgi import HEADERS
from taskdock.web.ui.page import ROOT, action, page
from taskdock.web.ui.rendering import responses

SIGN_IN = f"{ROOT}sign-in"
_PRINTED = re.compile(r"[!-\[\]-~]*")  # of ASCII without a space and a backslash


class SignInViews:
    def __init__(self, directory: Directory, password_file: Path | None) -> None:
        """`password_file`: where a first start writes the administrator's password to."""
        self._directory = directory
        self._file = password_file

    @page(SIGN_IN, permission=Gate.ANYONE)
    def form(self) -> Response:
        following = next_page(request.args.get("next", ""))
        if visitor().session is not None:
            return _lead(following)
        if request.headers.get("Sec-Fetch-Site") == "cross-site":
            # With a link of another site the browser sends no cookie; it does next.
            again = f"{SIGN_IN}?{urlencode({'next': following})}"
            return responses.html("arrived.html", again=again)
        return self._form(following)

    @action(SIGN_IN, permission=Gate.ANYONE)
    def sign_in(self) -> Response:
        """Says of a wrong address what it says of a wrong password, after the same time."""
        following = next_page(request.form.get("next", ""))
        email, password = request.form.get("email", ""), request.form.get("password", "")
        accounts, sessions = self._directory.accounts, self._directory.sessions
        try:
            with accounts.authenticated(email, password) as user:
                text = sessions.begin(user.id)
        except (WrongPassword, TooManySignIns) as error:
            return self._form(following, email, error)
        before = visitor().session
        if before is not None:
            sessions.end(before)
        response = _lead(following)
        response.set_cookie(
            cookie_name(request.environ[HEADERS]),
            text,
            max_age=SESSION_LIFE,
            path=ROOT,
            httponly=True,
            samesite="Strict",
        )
        return response

    @action(f"{ROOT}sign-out", permission=Gate.ANYONE)
    def sign_out(self) -> Response:
        session = visitor().session
        if session is not None:
            self._directory.sessions.end(session)
        response = _lead(SIGN_IN)
        response.delete_cookie(cookie_name(request.environ[HEADERS]), path=ROOT)
        return response

    def _form(self, following: str, email: str = "", error: CallerError | None = None) -> Response:
        near = is_loopback(unsigned.peer_of(request).address)
        return responses.html(
            "sign_in.html",
            http_status=200 if error is None else problems.status_of(error),
            following=following,
            email=email[:256],
            error=error,
            administrator=ADMINISTRATOR,
            # A path tells a stranger who uses this machine.
            file=self._file if near and self._file is not None and self._file.exists() else None,
        )


def next_page(asked: str) -> str:
    """The page to lead to after signing in: `asked`, where that is one of the dashboard's."""
    try:
        found = urlsplit(asked)
    except ValueError:
        return ROOT
    segments = unquote(found.path).replace("\\", "/").split("/")
    ours = found.path.startswith(ROOT) and not {".", ".."}.intersection(segments)
    if not ours or found.scheme or found.netloc or not _PRINTED.fullmatch(asked):
        return ROOT
    return ROOT if found.path.startswith(SIGN_IN) else asked


def _lead(path: str) -> Response:
    response = redirect(path, 303)
    assert isinstance(response, Response), "it is Flask's own"
    return response
