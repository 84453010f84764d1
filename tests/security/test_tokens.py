"""Passwords, tokens and signatures: guessed, replayed, kept after they should have ended."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest
import requests
from oauthlib.oauth1 import Client
from requests_oauthlib import OAuth1

from taskdock.base import ids
from taskdock.base.errors import TooManySignIns
from taskdock.base.timing.limits import Limits
from taskdock.identity.passwords import Passwords, check_new
from taskdock.store.tables import UserRow
from taskdock.testing.waiting import eventually
from tests.service.conftest import StartDock
from tests.support.builders import PASSWORD_COST, Dock
from tests.support.people import (
    Bearer,
    Json,
    Person,
    administrator,
    nobody,
    refusal,
    replaying,
)

ME = "/users/v1/me"
REGISTER, PASSWORD = "/users/v1/register", "/users/v1/password"
OAUTH1, OAUTH2 = "/auth/v2/oauth1/tokens", "/auth/v2/oauth2/tokens"
EMAIL, OLD, NEW = "ada@example.com", "0Oo-walnut", "0Oo-elm-tree"
FORMAT = (400, 15, "FIELD_FORMAT_EXCEPTION")
TOKEN = (401, 108, "OAUTH_TOKEN_EXCEPTION")
SIGNATURE = (401, 109, "OAUTH_SIGNATURE_EXCEPTION")
DUPLICATE = (401, 110, "DUPLICATE_REQUEST_EXCEPTION")
WRONG_PASSWORD = (401, 106, "AUTHENTICATION_EXCEPTION")
TOO_MANY = (429, 211, "LOGIN_TIMEOUT_EXCEPTION")


@dataclass(frozen=True)
class Held:
    """A call that waits with its answer."""

    begun: threading.Event
    go_on: threading.Event


@pytest.fixture
def strict(start_dock: StartDock) -> Dock:
    return start_dock(auth="strict")


def registered(password: str = OLD, email: str = EMAIL) -> Json:
    return {
        "firstName": "Ada",
        "lastName": "Walnut",
        "email": email,
        "password": password,
        "phoneNumber": "",
        "language": "EN",
    }


@pytest.fixture
def ada(strict: Dock) -> Json:
    return nobody(strict).post(REGISTER, registered())


def keys(dock: Dock) -> tuple[str, str]:
    application = dock.emulator.directory.local.application
    return application.consumer_key, application.consumer_secret


def login(dock: Dock, password: str = OLD, email: str = EMAIL) -> requests.Response:
    anybody = Person(dock.emulator.url, OAuth1(*keys(dock)))
    return anybody.ask("POST", OAUTH1, {"email": email, "password": password})


def signed_in(dock: Dock, password: str = OLD) -> Person:
    answer = login(dock, password)
    assert answer.status_code == 200, answer.text
    token = answer.json()
    auth = OAuth1(*keys(dock), token["token"], token["tokenSecret"])
    return Person(dock.emulator.url, auth, token["userId"])


def pair(dock: Dock, **changes: str) -> Json:
    application = dock.emulator.directory.local.application
    body = {"grant_type": "password", "client_id": application.client_id, "username": EMAIL}
    return nobody(dock).post(OAUTH2, {**body, "password": OLD, **changes})


def change(by: Person, old: str = OLD, new: str = NEW) -> requests.Response:
    return by.ask("PUT", PASSWORD, {"oldPassword": old, "newPassword": new})


# Passwords


@pytest.mark.parametrize("password", ["", "a", "seven77", "a" * 257, "a" * 1_000_000])
def test_a_password_has_a_length(strict: Dock, ada: Json, password: str) -> None:
    wanted = registered(password, "ben@example.com")

    assert refusal(nobody(strict).ask("POST", REGISTER, wanted)) == FORMAT
    assert refusal(change(signed_in(strict), new=password)) == FORMAT


@pytest.mark.parametrize("password", ["eight888", "a" * 256, "Wälnüßbäume \N{DECIDUOUS TREE}"])
def test_a_password_of_that_length_signs_in(strict: Dock, password: str) -> None:
    nobody(strict).post(REGISTER, registered(password))

    assert login(strict, password).status_code == 200


@pytest.mark.parametrize("length", [257, 1_000_000])
def test_a_guess_of_any_length_is_a_wrong_password(strict: Dock, ada: Json, length: int) -> None:
    assert refusal(login(strict, "a" * length)) == WRONG_PASSWORD


def test_the_password_that_a_first_start_makes_signs_in(strict: Dock) -> None:
    local = strict.emulator.directory.local
    assert local.password is not None

    check_new(local.password)

    assert login(strict, local.password, "administrator@taskdock.localhost").status_code == 200


def kept(dock: Dock) -> str:
    row = UserRow.select().where(UserRow.email == EMAIL).first(dock.emulator.foundation.store.db)
    return str(row.password)


def test_a_hash_says_how_it_was_made(strict: Dock, ada: Json) -> None:
    method, salt, _ = kept(strict).split("$")

    assert method == f"scrypt:{PASSWORD_COST}:8:1"
    assert len(salt) >= 16


@pytest.mark.parametrize("kind", ["without parameters", "cheaper"])
def test_an_old_hash_signs_in_and_is_made_anew(start_dock: StartDock, kind: str) -> None:
    strict = start_dock(auth="strict", limits=Limits(password_cost=2 * PASSWORD_COST))
    nobody(strict).post(REGISTER, registered())
    salt = ids.word(32)
    key = hashlib.scrypt(OLD.encode(), salt=bytes.fromhex(salt), n=2**14, r=8, p=1, dklen=32)
    old = f"scrypt:{salt}:{key.hex()}"
    if kind == "cheaper":
        old = Passwords(Limits(password_cost=PASSWORD_COST)).hashed(OLD)
    database = strict.emulator.foundation.store.db
    UserRow.update(password=old).where(UserRow.email == EMAIL).execute(database)

    assert refusal(login(strict, NEW)) == WRONG_PASSWORD
    assert kept(strict) == old
    assert login(strict).status_code == 200

    assert kept(strict).startswith(f"scrypt:{2 * PASSWORD_COST}:8:1$")
    assert login(strict).status_code == 200
    assert refusal(login(strict, NEW)) == WRONG_PASSWORD


def test_whether_there_is_a_user_is_told_neither_by_the_answer_nor_by_the_work(
    strict: Dock, ada: Json, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Time would be measured badly: what is counted are hashes, of which each takes as long."""
    made: list[int] = []
    scrypt = hashlib.scrypt

    def counted(*args: Any, **options: Any) -> bytes:
        made.append(options["n"])
        return scrypt(*args, **options)

    monkeypatch.setattr(hashlib, "scrypt", counted)
    answers, work = [], []
    for email in (EMAIL, "nobody@example.com", "functions@taskdock.localhost"):
        made.clear()
        answers.append(login(strict, "0Oo-guess", email))
        work.append(list(made))

    assert [refusal(answer) for answer in answers] == [WRONG_PASSWORD] * 3
    assert len({answer.text for answer in answers}) == 1
    assert work == [[PASSWORD_COST]] * 3


def test_a_flood_of_guesses_is_hashed_few_at_a_time_and_keeps_nobody_else_waiting(
    strict: Dock, ada: Json, monkeypatch: pytest.MonkeyPatch
) -> None:
    herself = signed_in(strict)
    gate, scrypt = threading.Event(), hashlib.scrypt
    running: list[int] = []

    def slow(*args: Any, **options: Any) -> bytes:
        running.append(1)
        assert gate.wait(30)
        return scrypt(*args, **options)

    monkeypatch.setattr(hashlib, "scrypt", slow)
    with ThreadPoolExecutor(40) as pool:
        guesses = [pool.submit(login, strict, "0Oo-guess") for _ in range(40)]
        turned_away = Limits().password_hashes + Limits().password_waiting
        try:
            eventually(lambda: sum(each.done() for each in guesses) == 40 - turned_away)
            assert len(running) == Limits().password_hashes
            assert herself.get(ME)["email"] == EMAIL
        finally:
            gate.set()
        answers = [refusal(each.result()) for each in guesses]

    assert answers.count(TOO_MANY) == 40 - turned_away
    assert answers.count(WRONG_PASSWORD) == turned_away
    assert login(strict).status_code == 200


def test_who_waits_too_long_for_a_turn_is_turned_away() -> None:
    passwords = Passwords(Limits(password_patience=0.01, password_hashes=1))

    with passwords._turn(), pytest.raises(TooManySignIns):
        passwords.hashed("0Oo-walnut")

    assert passwords.hashed("0Oo-walnut")


# What ends


def test_a_changed_password_ends_what_was_signed_in_by_the_old_one(strict: Dock, ada: Json) -> None:
    here, elsewhere, tokens = signed_in(strict), signed_in(strict), pair(strict)
    bearer = Person(strict.emulator.url, Bearer(tokens["access_token"]))
    assert bearer.get(ME) == elsewhere.get(ME) == here.get(ME)

    assert change(here).status_code == 200

    assert refusal(elsewhere.ask("GET", ME)) == TOKEN
    assert refusal(bearer.ask("GET", ME))[1] == 117
    application = strict.emulator.directory.local.application
    again = {
        "grant_type": "refresh_token",
        "client_id": application.client_id,
        "refresh_token": tokens["refresh_token"],
    }
    assert refusal(nobody(strict).ask("POST", OAUTH2, again))[1] == 119
    assert here.get(ME)["email"] == EMAIL  # who knew the password is signed in by it
    assert refusal(login(strict)) == WRONG_PASSWORD
    assert login(strict, NEW).status_code == 200


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any, str], Held]:
    """Has the first call of a method that answers yes wait with its answer."""

    def hold(owner: Any, name: str) -> Held:
        real, held = getattr(owner, name), Held(threading.Event(), threading.Event())

        def slow(*given: Any) -> Any:
            found = real(*given)
            if found and not held.begun.is_set():
                held.begun.set()
                assert held.go_on.wait(30)
            return found

        monkeypatch.setattr(owner, name, slow)
        return held

    return hold


@pytest.mark.parametrize("way", ["OAuth1", "OAuth2"])
def test_a_sign_in_by_the_old_password_does_not_outlast_its_change(
    strict: Dock, ada: Json, held: Callable[[Any, str], Held], way: str
) -> None:
    here, application = signed_in(strict), strict.emulator.directory.local.application
    grant = {"grant_type": "password", "client_id": application.client_id, "username": EMAIL}
    sign_in = {
        "OAuth1": lambda: login(strict),
        "OAuth2": lambda: nobody(strict).ask("POST", OAUTH2, {**grant, "password": OLD}),
    }[way]
    compared = held(Passwords, "matches")

    with ThreadPoolExecutor() as threads:
        late = threads.submit(sign_in)
        assert compared.begun.wait(30)
        assert change(here).status_code == 200
        compared.go_on.set()

    assert late.result().status_code >= 400, late.result().text
    assert login(strict, NEW).status_code == 200


def test_a_refreshed_token_does_not_outlast_a_changed_password(
    strict: Dock, ada: Json, held: Callable[[Any, str], Held]
) -> None:
    here, tokens = signed_in(strict), pair(strict)
    client = strict.emulator.directory.local.application.client_id
    grant = {"grant_type": "refresh_token", "client_id": client}
    looked_up = held(strict.emulator.directory.tokens, "look_up")

    with ThreadPoolExecutor() as threads:
        late = threads.submit(
            lambda: nobody(strict).ask(
                "POST", OAUTH2, {**grant, "refresh_token": tokens["refresh_token"]}
            )
        )
        assert looked_up.begun.wait(30)
        assert change(here).status_code == 200
        looked_up.go_on.set()

    assert refusal(late.result())[1] == 119


def test_of_two_changes_of_one_password_at_once_one_counts(strict: Dock, ada: Json) -> None:
    here, there = signed_in(strict), signed_in(strict)

    with ThreadPoolExecutor() as threads:
        first, second = threads.map(change, (here, there), (OLD, OLD), (NEW, "0Oo-oak-tree"))

    assert sorted((first.status_code, second.status_code))[0] == 200
    assert sorted((first.status_code, second.status_code))[1] >= 400


def test_an_access_token_that_changes_the_password_goes_on_and_can_be_refreshed(
    strict: Dock, ada: Json
) -> None:
    mine, other = pair(strict), pair(strict)
    bearer = Person(strict.emulator.url, Bearer(mine["access_token"]))

    assert change(bearer).status_code == 200

    assert bearer.get(ME)["email"] == EMAIL
    grant = {"grant_type": "refresh_token", "refresh_token": mine["refresh_token"]}
    assert pair(strict, **grant)["user_id"] == ada["id"]
    others = Person(strict.emulator.url, Bearer(other["access_token"]))
    assert refusal(others.ask("GET", ME))[1] == 117


def test_a_password_that_was_not_changed_ends_nothing(strict: Dock, ada: Json) -> None:
    here, elsewhere = signed_in(strict), signed_in(strict)

    assert refusal(change(here, old="0Oo-guess")) == WRONG_PASSWORD
    assert refusal(change(here, new="short")) == FORMAT

    assert elsewhere.get(ME)["email"] == EMAIL


def test_one_users_new_password_ends_nothing_of_anothers(strict: Dock, ada: Json) -> None:
    nobody(strict).post(REGISTER, registered(email="ben@example.com"))
    answer = login(strict, email="ben@example.com").json()
    ben = Person(strict.emulator.url, OAuth1(*keys(strict), answer["token"], answer["tokenSecret"]))

    assert change(signed_in(strict)).status_code == 200

    assert ben.get(ME)["email"] == "ben@example.com"


def test_the_servers_own_credentials_outlive_the_administrators_password(strict: Dock) -> None:
    local = strict.emulator.directory.local
    answer = login(strict, local.password or "", "administrator@taskdock.localhost").json()
    boss = Person(
        strict.emulator.url, OAuth1(*keys(strict), answer["token"], answer["tokenSecret"])
    )

    assert change(boss, old=local.password or "").status_code == 200

    assert administrator(strict).get(ME)["id"] == answer["userId"]
    functions = Person(strict.emulator.url, OAuth1(*local.function_credentials.values()))
    assert functions.ask("GET", ME).status_code == 200


# Signatures


def signed(dock: Dock, path: str = ME, **changes: str) -> requests.PreparedRequest:
    local = dock.emulator.directory.local
    auth = OAuth1(*local.credentials.values(), **changes)
    return requests.Request("GET", dock.emulator.url + path, auth=auth).prepare()


def test_a_signature_counts_once_also_across_a_restart(start_dock: StartDock) -> None:
    first = start_dock(auth="strict")
    request = signed(first)
    with replaying(request, request) as (taken, again):
        assert taken.status_code == 200
        assert refusal(again) == DUPLICATE
    port = first.emulator.port
    first.stop()

    second = start_dock(auth="strict")
    request.url = f"{second.emulator.url}{ME}"
    request.headers["Host"] = f"localhost:{port}"  # which is signed, and could be the same port

    with replaying(request) as (after,):
        assert refusal(after) == DUPLICATE


def test_a_signature_counts_once_also_across_a_crash(start_dock: StartDock) -> None:
    first = start_dock(auth="strict")
    request = signed(first)
    with replaying(request) as (taken,):
        assert taken.status_code == 200
    kept = (first.emulator.settings.data_dir / "nonces").read_bytes()  # what a killed one leaves
    port = first.emulator.port
    first.stop()
    (first.emulator.settings.data_dir / "nonces").write_bytes(kept)

    second = start_dock(auth="strict")
    request.url = f"{second.emulator.url}{ME}"
    request.headers["Host"] = f"localhost:{port}"

    with replaying(request) as (after,):
        assert refusal(after) == DUPLICATE


def test_of_one_signature_that_comes_many_times_at_once_one_counts(strict: Dock) -> None:
    request, together = signed(strict), threading.Barrier(8, timeout=30)

    def send(_: int) -> int:
        with requests.Session() as session:
            session.trust_env = False
            together.wait()
            return session.send(request, timeout=60).status_code

    with ThreadPoolExecutor(8) as pool:
        statuses = sorted(pool.map(send, range(8)))

    assert statuses == [200] + [401] * 7


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"nonce": "n" * 513}, "oauth_nonce has 513 characters"),
        ({"nonce": "n" * 10_000}, "oauth_nonce has 10000 characters"),
        ({"client_key": "k" * 513}, "oauth_consumer_key has 513 characters"),
        ({"resource_owner_key": "t" * 513}, "oauth_token has 513 characters"),
        ({"timestamp": "9" * 11}, "oauth_timestamp"),
        ({"timestamp": "1" * 5000}, "oauth_timestamp"),
        ({"timestamp": "-1"}, "oauth_timestamp"),
        ({"timestamp": "1_700_000_000"}, "oauth_timestamp"),
    ],
)
def test_what_signs_is_bounded(strict: Dock, changes: dict[str, str], says: str) -> None:
    values = strict.emulator.directory.local.credentials.values()
    names = ("client_key", "client_secret", "resource_owner_key", "resource_owner_secret")
    auth = OAuth1(**{**dict(zip(names, values, strict=True)), **changes})

    answer = Person(strict.emulator.url, auth).ask("GET", ME)

    assert refusal(answer) == SIGNATURE
    assert says in answer.json()["message"]


def test_a_longest_nonce_is_taken_once(strict: Dock) -> None:
    request = signed(strict, nonce="n" * 512)

    with replaying(request, request) as (first, again):
        assert first.status_code == 200
        assert refusal(again) == DUPLICATE


def test_a_timestamp_written_in_another_way_is_no_other_request(strict: Dock) -> None:
    """The nonce is known by the second that is meant; and the text is signed."""
    now = int(time.time())
    for written in (f"0{now}", f"+{now}", f"{now} ", f"{now}.0"):
        request = signed(strict, nonce="walnut", timestamp=written)
        with replaying(request) as (answer,):
            assert refusal(answer)[1] == SIGNATURE[1], written


def test_a_signature_for_one_request_is_good_for_no_other(strict: Dock) -> None:
    local = strict.emulator.directory.local
    client = Client(*local.credentials.values())
    _, headers, _ = client.sign(f"{strict.emulator.url}{ME}")
    anybody = nobody(strict)

    for method, path in (
        ("DELETE", ME),
        ("GET", f"{ME}?a=b"),
        ("GET", "/users/v1/roles"),
        ("HEAD", ME),
    ):
        answer = anybody.ask(method, path, headers=headers)
        assert answer.status_code in (401, 405), (method, path)

    host = {**headers, "Host": "localhost:1"}
    assert refusal(anybody.ask("GET", ME, headers=host)) == SIGNATURE
    assert anybody.ask("GET", ME, headers=headers).status_code == 200


@pytest.mark.parametrize("secret", ["", "guess", "é", "\udc80".encode("utf-8", "surrogateescape")])
def test_a_clients_secret_is_compared_whole(strict: Dock, ada: Json, secret: str | bytes) -> None:
    application = strict.emulator.directory.local.application
    form = {"grant_type": "password", "username": EMAIL, "password": OLD}

    answer = nobody(strict).ask(
        "POST",
        OAUTH2,
        data={**form, "client_id": application.client_id, "client_secret": secret},
    )

    assert answer.status_code == (200 if secret == "" else 401), answer.text


@pytest.mark.parametrize("sent", [{"Authorization": "Bearer"}, {"Authorization": "Bearer "}])
def test_an_empty_bearer_token_is_nobodys(strict: Dock, sent: Json) -> None:
    assert nobody(strict).ask("GET", ME, headers=sent).status_code == 401
