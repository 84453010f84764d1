"""People: users of a Dock with their own credentials, who sign their requests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import requests
from requests.auth import AuthBase
from requests_oauthlib import OAuth1

from taskdock.base import ids
from taskdock.identity.account import oauth1_variables
from tests.support.answers import watched
from tests.support.builders import Dock

Json = dict[str, Any]


class Bearer(AuthBase):
    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


class Person:
    """Someone who calls a server; without `auth`, as somebody who sends no credentials."""

    def __init__(self, url: str, auth: AuthBase | None = None, user_id: str = "") -> None:
        self.url = url
        self.auth = auth
        self.id = user_id

    def ask(self, method: str, path: str, body: Any = None, **options: Any) -> requests.Response:
        """`path` is the whole of it, with the query."""
        with requests.Session() as session:
            session.trust_env = False
            answer = session.request(
                method, self.url + path, json=body, auth=self.auth, timeout=60, **options
            )
            return watched(answer)

    def get(self, path: str) -> Json:
        return _ok(self.ask("GET", path))

    def post(self, path: str, body: Any) -> Json:
        return _ok(self.ask("POST", path, body))


def nobody(dock: Dock) -> Person:
    return Person(dock.emulator.url)


def administrator(dock: Dock) -> Person:
    local = dock.emulator.directory.local
    user_id = local.administrator.user_id or ""
    return Person(dock.emulator.url, OAuth1(*local.credentials.values()), user_id)


def person(dock: Dock, *permissions: str) -> Person:
    """A new user with exactly these permissions, who signs with OAuth1."""
    directory = dock.emulator.directory
    user = directory.accounts.register(
        f"{ids.word(8)}@example.com",
        None,
        first_name="Ada",
        last_name="Walnut",
        phone_number="",
        language="EN",
        time_zone="UTC",
    )
    if permissions:
        role = directory.roles.create(f"role-{user.id}", "", permissions)
        directory.roles.give([user.id], [role.id])
    application = directory.local.application
    token = directory.tokens.issue_oauth1(user.id, application)
    auth = OAuth1(*oauth1_variables(application, token).values())
    return Person(dock.emulator.url, auth, user.id)


def refusal(response: requests.Response) -> tuple[int, int, str]:
    """The HTTP status, the service's code and name of a refusal."""
    body = response.json()
    assert body["message"], body
    return response.status_code, body["code"], body["name"]


@contextmanager
def replaying(*sent: requests.PreparedRequest) -> Iterator[list[requests.Response]]:
    """Sends requests exactly as they are; yields the answers."""
    with requests.Session() as session:
        session.trust_env = False
        yield [session.send(each, timeout=60) for each in sent]


def _ok(response: requests.Response) -> Json:
    assert response.status_code == 200, response.text
    body: Json = response.json()
    return body
