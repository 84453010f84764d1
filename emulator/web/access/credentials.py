"""The account that a request's credentials sign in: an OAuth1 signature or an OAuth2 token."""

from __future__ import annotations

from flask import Request

from taskdock.base.errors import UnknownToken
from taskdock.identity.account import Account
from taskdock.identity.directory import Directory
from taskdock.web.access.oauth1 import Verifier

CALLER = "caller"
"""The key of the account that a request has signed in as, among the facts of it (`JUDGED`)."""
BODY_TO_COME = "taskdock.body_to_come"
"""The key of whether the request's body is not there yet."""


def account_of(
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


def _uri(sent: Request) -> str:
    """The URI as the client wrote and signed it: Flask's own has been decoded."""
    target = str(sent.environ["REQUEST_URI"])
    return target if target.startswith("http") else f"{sent.scheme}://{sent.host}{target}"


def _form(sent: Request) -> bytes:
    """The body, if it is of the one kind that a signature covers."""
    return sent.get_data() if _is_form(sent) else b""


def _is_form(sent: Request) -> bool:
    return sent.mimetype == "application/x-www-form-urlencoded"


def signs_its_body(sent: Request) -> bool:
    scheme = sent.headers.get("Authorization", "").strip().partition(" ")[0]
    return scheme.lower() == "oauth" and _is_form(sent)
