"""The account of a request without credentials, by where it comes from."""

from __future__ import annotations

from flask import Request

from taskdock.identity.account import NOBODY, Account
from taskdock.identity.directory import Directory
from taskdock.web.access.admission import Openness, of_website
from taskdock.web.http.connection_limit import Peer
from taskdock.web.http.messages import Headers
from taskdock.web.http.wsgi import PEER

WEBSITE = (
    "a page of another site, or of an API function, may not call this without credentials; it may"
    " call API functions that are public (executionOptions.permissionMode)"
)
_NO_RIGHTS = (
    "a function may do nothing here without credentials: who deployed it is not known or not here"
    " any more, so that deploying it again may help, or --function-credentials none is set"
)


def peer_of(sent: Request) -> Peer:
    """The caller's connection; tests that call the application itself have none."""
    return sent.environ.get(PEER) or Peer(sent.remote_addr or "")


def account_of(
    directory: Directory, headers: Headers, peer: Peer, openness: Openness
) -> tuple[Account, str]:
    """The account of a request without credentials, and where that is nobody, the reason."""
    if of_website(headers, everybody=openness.beyond_loopback):
        return NOBODY, WEBSITE
    return near(directory, peer, openness)


def near(directory: Directory, peer: Peer, openness: Openness) -> tuple[Account, str]:
    """The account by the caller's address alone, and where that is nobody, the reason."""
    if openness.strict:
        return NOBODY, ""  # nobody has signed in, and that is all
    if openness.is_stranger(peer.address):
        return NOBODY, (
            f"{peer.address} is no loopback address, and who calls from elsewhere has to sign in;"
            " with --open-beyond-loopback (TASKDOCK_OPEN_BEYOND_LOOPBACK) the server serves"
            " everybody"
        )
    account = at(directory, peer)
    return account, "" if account.signed_in else _NO_RIGHTS


def at(directory: Directory, peer: Peer) -> Account:
    """The account where credentials do not count.

    A caller by a container's door is a function, which acts as its credentials would. All others
    are the administrator.
    """
    if not peer.address:
        return directory.functions.account(peer.deployers)
    return directory.local.administrator
