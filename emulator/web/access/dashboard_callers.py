"""Judges the callers of the dashboard: browsers of people, by their headers and their session.

Requests that only show something have no effect, so a link on any site may lead to a page; nobody
else's page reads or embeds one. A change is a POST of a page that this very server has sent: of the
same scheme, name and port. Browsers say so in `Sec-Fetch-Site`, which no page can change
(https://www.w3.org/TR/fetch-metadata/); where one does not, by `Origin`. A program that sends
neither has to send credentials, as no page of another site can.
"""

from __future__ import annotations

from werkzeug.datastructures import MultiDict

from taskdock.base.errors import NoPermission, RequestTooLarge
from taskdock.base.machine.addresses import is_loopback
from taskdock.identity.account import EVERYTHING, Account, Token
from taskdock.identity.directory import Directory
from taskdock.web.access.admission import Openness
from taskdock.web.http.messages import Headers

ROOT = "/ui/"
MOST_OF_STRANGERS = 8 * 1024
"""Bytes of a body of somebody who is not signed in: an e-mail address, a password, a page."""
_MOST_COOKIES = 4
_READING = frozenset({"GET", "HEAD"})
_PROGRAM = (
    "this changes something, and so has to come from a page of the dashboard, or with credentials;"
    " programs call the API, which can do all that the dashboard can: see /docs"
)
_FOREIGN = (
    "a page of another site, of another port or of an API function may not call the dashboard:"
    " open it by its address"
)


def is_dashboard(path: str) -> bool:
    return path.startswith(ROOT) or path == ROOT[:-1]


def check(method: str, headers: Headers, address: str, *, has_credentials: bool) -> None:
    """Raises `NoPermission`. `address`: "" is a container, by its door."""
    if address == "":
        raise NoPermission(
            "a function may not call the dashboard, which is for people: the API has all that it"
            " shows"
        )
    told = _of_same_origin(headers)
    if told is False and not (method in _READING and _opens_a_page(headers)):
        raise NoPermission(_FOREIGN)
    if told is None and method not in _READING and not has_credentials:
        raise NoPermission(_PROGRAM)


def check_size(headers: Headers, account: Account) -> None:
    """Raises `RequestTooLarge`, before the body has been read."""
    length = dict(headers).get(b"content-length", b"0")
    if not account.signed_in and int(length or 0) > MOST_OF_STRANGERS:
        raise RequestTooLarge(
            f"a request of somebody who has not signed in can have {MOST_OF_STRANGERS} bytes"
        )


def session_of(
    cookies: MultiDict[str, str], headers: Headers, directory: Directory
) -> Token | None:
    """The session whose cookie the browser has sent. It may send several of one name: another
    server of this host can have set one, too."""
    for text in cookies.getlist(cookie_name(headers))[:_MOST_COOKIES]:
        session = directory.sessions.find(text)
        if session is not None:
            return session
    return None


def cookie_name(headers: Headers) -> str:
    """The name of the session's cookie. It has the port: two servers of one host would otherwise
    share a cookie, which belongs to a name alone (RFC 6265, 8.5)."""
    host = dict(headers).get(b"host", b"").decode("latin-1")
    port = host.rpartition("]")[2].rpartition(":")[2]
    return f"taskdock_{port if port.isdigit() else '80'}"


def may_test(account: Account, address: str, openness: Openness) -> bool:
    try:
        check_tests(account, address, openness)
    except NoPermission:
        return False
    return True


def check_tests(account: Account, address: str, openness: Openness) -> None:
    """Checks a use of the test harness by the dashboard: as by its API, but signed in where the
    server asks for that. Raises `NoPermission`."""
    if not openness.harness:
        raise NoPermission(
            "the test harness is off: --harness on (TASKDOCK_HARNESS) serves it, with --auth strict"
            " too"
        )
    if not is_loopback(address):
        raise NoPermission(f"the test harness is for this machine alone, and {address} is not it")
    if EVERYTHING not in account.permissions:
        raise NoPermission("the test harness is for the administrator")


def _of_same_origin(headers: Headers) -> bool | None:
    """Whether a page of this very server sends the request, or a person by the browser itself;
    None: it says nothing of that."""
    sites = {value.strip().lower() for name, value in headers if name == b"sec-fetch-site"}
    fields = dict(headers)  # there once: `HeaderCheck` has seen to it
    origin = fields.get(b"origin")
    if origin is not None and origin.lower() != b"http://" + fields.get(b"host", b"").lower():
        return False
    if sites - {b"same-origin", b"none"}:
        return False
    return True if b"same-origin" in sites or origin is not None else None


def _opens_a_page(headers: Headers) -> bool:
    """Whether a browser opens a page of its own with the answer, which no other page can read."""
    fields = dict(headers)
    asked = fields.get(b"sec-fetch-mode"), fields.get(b"sec-fetch-dest")
    return asked == (b"navigate", b"document") and b"origin" not in fields
