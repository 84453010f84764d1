"""Signing in: OAuth1 signatures as clients make them, OAuth2 tokens, and requests with neither."""

from __future__ import annotations

import time
from typing import Any

import pytest
import requests
from oauthlib.oauth1 import SIGNATURE_PLAINTEXT, Client
from requests.auth import HTTPBasicAuth
from requests_oauthlib import OAuth1

from taskdock.base.errors import DuplicateRequest
from taskdock.base.timing.clock import to_epoch
from taskdock.identity.account import Application, Token
from taskdock.identity.directory import ADMINISTRATOR, FUNCTIONS
from taskdock.identity.tokens import Tokens
from taskdock.store.database import Store
from taskdock.testing.clock import NOON, ManualClock
from taskdock.testing.dock import new_function
from taskdock.testing.fakes.runtime import serve
from taskdock.web.access.oauth1 import Signer, Verifier
from tests.service.conftest import StartDock
from tests.support.builders import Dock
from tests.support.people import Bearer, Person, administrator, nobody, refusal, replaying

ME = "/users/v1/me"
OAUTH1 = "/auth/v2/oauth1/tokens"
OAUTH2 = "/auth/v2/oauth2/tokens"

NO_APPLICATION = (401, 101, "APPLICATION_NOT_AUTHENTICATED_EXCEPTION")
NOT_AUTHENTICATED = (401, 104, "USER_NOT_AUTHENTICATED_EXCEPTION")
WRONG_PASSWORD = (401, 106, "AUTHENTICATION_EXCEPTION")
KEY = (401, 107, "OAUTH_KEY_EXCEPTION")
TOKEN = (401, 108, "OAUTH_TOKEN_EXCEPTION")
SIGNATURE = (401, 109, "OAUTH_SIGNATURE_EXCEPTION")
DUPLICATE = (401, 110, "DUPLICATE_REQUEST_EXCEPTION")
UNKNOWN_ACCESS = (401, 117, "ACCESS_TOKEN_UNKNOWN_EXCEPTION")
EXPIRED_ACCESS = (401, 118, "ACCESS_TOKEN_EXPIRED_EXCEPTION")


@pytest.fixture
def strict(start_dock: StartDock) -> Dock:
    return start_dock(auth="strict")


def signed(dock: Dock, **changes: Any) -> OAuth1:
    """The administrator's signature, with changes."""
    names = ("client_key", "client_secret", "resource_owner_key", "resource_owner_secret")
    values = dock.emulator.directory.local.credentials.values()
    return OAuth1(**{**dict(zip(names, values, strict=True)), **changes})


def ask(dock: Dock, auth: Any, method: str = "GET", path: str = ME, **options: Any) -> Any:
    return Person(dock.emulator.url, auth).ask(method, path, **options)


def prepared(dock: Dock, auth: Any, path: str = ME) -> requests.PreparedRequest:
    return requests.Request("GET", dock.emulator.url + path, auth=auth).prepare()


def login(dock: Dock, **changes: str) -> dict[str, str]:
    password = dock.emulator.directory.local.password or ""
    return {"email": ADMINISTRATOR, "password": password, **changes}


# OAuth1


@pytest.mark.parametrize(
    "path",
    [
        ME,
        "/tasks/v1/",
        "/tasks/v1/?eq(status,new)&sort(-priority)&limit(10,20)",
        "/tasks/v1/?in(status,new,inProgress)&skipCount()",
        "/tasks/v1/?eq(data.name,J%25C3%25BCrgen%2520M)&gt(priority,-3)",
        "/tasks/v1/?ge(creationTimestamp,2021%252D12%252D10T12%253A28%253A04%252E222Z)",
        "/tasks/v1/?excludes(tags,and(eq(x,y)))&select(id,status)&like(functionName,a%2526b)",
        "/tasks/v1/?status=new&priority>=1",
        "/users/v1/email_available?email=ada%2Bwalnut%40example.com",
    ],
)
def test_a_signed_request_is_its_signers(strict: Dock, path: str) -> None:
    assert administrator(strict).get(path)


def test_a_body_may_be_anything_that_no_signature_covers(strict: Dock) -> None:
    task = {"functionName": "oak", "data": {"text": "a=1&b=ü"}}

    made = administrator(strict).post("/tasks/v1/", task)

    assert made["data"] == task["data"]


def test_a_form_is_covered_by_the_signature(strict: Dock) -> None:
    form = {"data": {"email": "ada@example.com", "note": "a b&c"}}

    answer = ask(strict, signed(strict), "POST", OAUTH1, **form)

    assert answer.json()["code"] == 22  # signed rightly, but no JSON


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"client_key": "walnut"}, KEY),
        ({"resource_owner_key": "walnut"}, TOKEN),
        ({"client_secret": "walnut"}, SIGNATURE),
        ({"resource_owner_secret": "walnut"}, SIGNATURE),
        ({"signature_method": SIGNATURE_PLAINTEXT}, SIGNATURE),
        ({"timestamp": "yesterday"}, SIGNATURE),
    ],
)
@pytest.mark.parametrize("auth", ["open", "strict"])
def test_a_wrong_credential_is_named_in_both_modes(
    start_dock: StartDock, auth: str, changes: dict[str, str], problem: tuple[int, int, str]
) -> None:
    dock = start_dock(auth=auth)

    assert refusal(ask(dock, signed(dock, **changes))) == problem


@pytest.mark.parametrize("off", [-700, 700])
def test_a_request_of_another_time_may_be_one_from_before(strict: Dock, off: int) -> None:
    auth = signed(strict, timestamp=str(int(time.time()) + off))

    assert refusal(ask(strict, auth)) == DUPLICATE


class Signing:
    """A verifier whose time stands still, and signatures for it."""

    def __init__(self, store: Store) -> None:
        self.tokens = Tokens(store=store, clock=ManualClock())
        self.verifier = Verifier(self.tokens, ManualClock())
        self.application = self.tokens.create_application("walnut", "")
        self.token = self.tokens.issue_oauth1("a" * 24, self.application)

    def verify(
        self,
        off: int = 0,
        nonce: str = "oak",
        token: Token | None = None,
        application: Application | None = None,
    ) -> Signer:
        """`off`: seconds that the client's clock is ahead."""
        owner, mine = application or self.application, token or self.token
        client = Client(
            owner.consumer_key,
            owner.consumer_secret,
            mine.token,
            mine.secret,
            nonce=nonce,
            timestamp=str(to_epoch(NOON) // 1000 + off),
        )
        uri, headers, _ = client.sign("http://localhost/tasks/v1/")
        return self.verifier.verify(method="GET", uri=uri, body=b"", headers=headers)


@pytest.fixture
def signing(store: Store) -> Signing:
    return Signing(store)


@pytest.mark.parametrize("off", [-600, 0, 600])
def test_a_clients_clock_may_be_ten_minutes_off(signing: Signing, off: int) -> None:
    assert signing.verify(off) == (signing.application, signing.token)


@pytest.mark.parametrize("off", [-601, 601])
def test_a_clients_clock_may_not_be_more_than_ten_minutes_off(signing: Signing, off: int) -> None:
    with pytest.raises(DuplicateRequest, match="601 s off"):
        signing.verify(off)


def test_a_request_is_not_taken_again_after_newer_ones(signing: Signing) -> None:
    signing.verify(-600)
    signing.verify(1, "elm")
    signing.verify(600, "ash")

    for off, nonce in ((-600, "oak"), (1, "elm"), (600, "ash")):
        with pytest.raises(DuplicateRequest):
            signing.verify(off, nonce)


def test_a_nonce_is_anothers_with_another_time_token_or_application(signing: Signing) -> None:
    other = signing.tokens.create_application("other", "")
    ben = signing.tokens.issue_oauth1("b" * 24, signing.application)
    of_other = signing.tokens.issue_oauth1("a" * 24, other)
    signing.verify()

    assert signing.verify(1).token == signing.token
    assert signing.verify(token=ben).token == ben
    assert signing.verify(token=of_other, application=other) == (other, of_other)


def test_a_token_is_good_with_its_own_consumer_key_only(strict: Dock) -> None:
    other = strict.emulator.directory.tokens.create_application("other", "")
    keys = {"client_key": other.consumer_key, "client_secret": other.consumer_secret}

    assert refusal(ask(strict, signed(strict, **keys))) == TOKEN


@pytest.mark.parametrize(
    "header",
    [
        "OAuth",
        "OAuth nonsense",
        'OAuth oauth_consumer_key="a"',
        'OAuth oauth_consumer_key="a", oauth_consumer_key="b", oauth_token="c"',
    ],
)
def test_half_a_signature_is_no_signature(strict: Dock, header: str) -> None:
    answer = nobody(strict).ask("GET", ME, headers={"Authorization": header})

    assert refusal(answer) == SIGNATURE


def test_a_changed_query_breaks_the_signature(strict: Dock) -> None:
    request = prepared(strict, signed(strict), "/tasks/v1/?eq(status,new)")
    assert request.url is not None
    request.url = request.url.replace("new", "failed")

    with replaying(request) as (answer,):
        assert refusal(answer) == SIGNATURE


def test_a_request_counts_once(strict: Dock) -> None:
    request = prepared(strict, signed(strict))

    with replaying(request, request, request) as (first, *again):
        assert first.status_code == 200
        assert [refusal(answer) for answer in again] == [DUPLICATE, DUPLICATE]


def test_a_nonce_is_not_used_up_by_a_wrong_signature(strict: Dock) -> None:
    nonce, timestamp = "walnut", str(int(time.time()))
    forged = signed(strict, nonce=nonce, timestamp=timestamp, client_secret="guess")

    assert refusal(ask(strict, forged)) == SIGNATURE
    assert ask(strict, signed(strict, nonce=nonce, timestamp=timestamp)).status_code == 200


def test_an_application_alone_is_not_a_user(strict: Dock) -> None:
    application = strict.emulator.directory.local.application
    alone = OAuth1(application.consumer_key, application.consumer_secret)

    assert refusal(ask(strict, alone)) == NOT_AUTHENTICATED


def test_a_password_gets_a_token_that_signs(strict: Dock) -> None:
    application = strict.emulator.directory.local.application
    keys = (application.consumer_key, application.consumer_secret)

    token = Person(strict.emulator.url, OAuth1(*keys)).post(OAUTH1, login(strict))

    assert token["applicationId"] == application.id
    assert len(token["id"]) == 24
    assert token["creationTimestamp"].endswith("Z")
    me = Person(strict.emulator.url, OAuth1(*keys, token["token"], token["tokenSecret"])).get(ME)
    assert me["id"] == token["userId"]


@pytest.mark.parametrize("wrong", [{"password": "walnut"}, {"email": "nobody@example.com"}])
def test_a_wrong_password_gets_nothing(strict: Dock, wrong: dict[str, str]) -> None:
    answer = administrator(strict).ask("POST", OAUTH1, login(strict, **wrong))

    assert refusal(answer) == WRONG_PASSWORD


def test_a_token_is_for_the_application_that_asked(strict: Dock) -> None:
    assert refusal(nobody(strict).ask("POST", OAUTH1, login(strict))) == NO_APPLICATION


def test_a_removed_token_is_unknown(strict: Dock) -> None:
    boss = administrator(strict)
    (mine,) = boss.get(f"{OAUTH1}?eq(userId,{boss.id})")["data"]
    assert "tokenSecret" not in mine

    assert boss.ask("DELETE", f"{OAUTH1}/{mine['id']}").json() == {"affectedRecords": 1}

    assert refusal(boss.ask("GET", ME)) == TOKEN


# OAuth2


def grant(dock: Dock, **changes: str | None) -> requests.Response:
    application = dock.emulator.directory.local.application
    given = login(dock)
    body = {
        "grant_type": "password",
        "client_id": application.client_id,
        "username": given["email"],
        "password": given["password"],
        **changes,
    }
    return nobody(dock).ask("POST", OAUTH2, {k: v for k, v in body.items() if v is not None})


def refresh(dock: Dock, token: str) -> requests.Response:
    return grant(dock, grant_type="refresh_token", refresh_token=token, password=None)


@pytest.fixture
def timed(start_dock: StartDock, clock: ManualClock) -> Dock:
    return start_dock(auth="strict", clock=clock)


def test_a_password_gets_an_access_token(strict: Dock) -> None:
    pair = grant(strict).json()

    assert pair["token_type"] == "bearer"
    assert pair["expires_in"] == 300
    me = Person(strict.emulator.url, Bearer(pair["access_token"])).get(ME)
    assert me["id"] == pair["user_id"]


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_a_scheme_may_be_written_in_any_case(strict: Dock, scheme: str) -> None:
    token = grant(strict).json()["access_token"]

    answer = nobody(strict).ask("GET", ME, headers={"Authorization": f"{scheme} {token}"})

    assert answer.json()["email"] == ADMINISTRATOR


@pytest.mark.parametrize("scheme", ["OAuth", "oauth", "OAUTH"])
def test_a_signatures_scheme_may_be_written_in_any_case(strict: Dock, scheme: str) -> None:
    request = prepared(strict, signed(strict))
    header = request.headers["Authorization"]
    header = header if isinstance(header, str) else header.decode()
    request.headers["Authorization"] = header.replace("OAuth", scheme, 1)

    with replaying(request) as (answer,):
        assert answer.json()["email"] == ADMINISTRATOR


def test_an_expired_token_is_told_from_an_unknown_one_after_another_was_bought(
    timed: Dock, clock: ManualClock
) -> None:
    pair = grant(timed).json()
    clock.jump(300)
    refresh(timed, pair["refresh_token"])

    assert refusal(ask(timed, Bearer(pair["access_token"]))) == EXPIRED_ACCESS


def test_an_access_token_expires_and_is_refreshed(timed: Dock, clock: ManualClock) -> None:
    pair = grant(timed).json()
    clock.jump(300)
    assert refusal(ask(timed, Bearer(pair["access_token"]))) == EXPIRED_ACCESS

    again = refresh(timed, pair["refresh_token"]).json()

    assert again["refresh_token"] == pair["refresh_token"]
    assert ask(timed, Bearer(again["access_token"])).status_code == 200


@pytest.mark.parametrize("auth", ["open", "strict"])
def test_an_unknown_access_token_is_refused_in_both_modes(start_dock: StartDock, auth: str) -> None:
    assert refusal(ask(start_dock(auth=auth), Bearer("walnut"))) == UNKNOWN_ACCESS


def test_neither_a_refresh_token_nor_an_oauth1_token_is_an_access_token(strict: Dock) -> None:
    credentials = strict.emulator.directory.local.credentials

    for token in (grant(strict).json()["refresh_token"], credentials["API_OAUTH_TOKEN"]):
        assert refusal(ask(strict, Bearer(token))) == UNKNOWN_ACCESS


@pytest.mark.parametrize(
    ("changes", "problem", "error"),
    [
        ({"password": "walnut"}, WRONG_PASSWORD, "invalid_grant"),
        ({"client_id": "walnut"}, (401, 123, "OAUTH2_CLIENT_ID_EXCEPTION"), "invalid_client"),
        (
            {"client_secret": "walnut"},
            (401, 124, "OAUTH2_CLIENT_SECRET_EXCEPTION"),
            "invalid_client",
        ),
        (
            {"client_id": None},
            (400, 126, "OAUTH2_MISSING_CLIENT_CREDENTIALS_EXCEPTION"),
            "invalid_request",
        ),
        (
            {"grant_type": "wish"},
            (400, 121, "UNSUPPORTED_GRANT_EXCEPTION"),
            "unsupported_grant_type",
        ),
        (
            {"grant_type": "refresh_token", "refresh_token": "walnut"},
            (400, 119, "REFRESH_TOKEN_UNKNOWN_EXCEPTION"),
            "invalid_grant",
        ),
        (
            {"username": None},
            (400, 14, "MISSING_REQUIRED_FIELDS_EXCEPTION"),
            "invalid_request",
        ),
    ],
)
def test_a_wrong_grant_is_explained_in_both_languages(
    strict: Dock, changes: dict[str, str | None], problem: tuple[int, int, str], error: str
) -> None:
    answer = grant(strict, **changes)

    assert refusal(answer) == problem
    assert answer.json()["error"] == error
    assert answer.json()["error_description"]


def test_the_client_may_be_in_the_header_and_the_grant_in_a_form(strict: Dock) -> None:
    application, given = strict.emulator.directory.local.application, login(strict)
    client = HTTPBasicAuth(application.client_id, application.client_secret)
    form = {"grant_type": "password", "username": given["email"], "password": given["password"]}

    answer = ask(strict, client, "POST", OAUTH2, data=form)

    assert answer.json()["access_token"]


# Neither


def test_without_credentials_a_request_is_the_administrators(dock: Dock) -> None:
    assert nobody(dock).get(ME)["email"] == ADMINISTRATOR


def test_without_credentials_a_request_to_a_strict_server_is_nobodys(strict: Dock) -> None:
    assert refusal(nobody(strict).ask("GET", ME)) == NOT_AUTHENTICATED
    assert nobody(strict).get("/health")["status"] == "ok"


@pytest.mark.parametrize("auth", ["open", "strict"])
def test_credentials_of_another_kind_are_nobodys(start_dock: StartDock, auth: str) -> None:
    answer = ask(start_dock(auth=auth), HTTPBasicAuth("ada", "walnut"))

    assert refusal(answer) == NOT_AUTHENTICATED


def test_what_does_not_exist_is_not_hidden_behind_a_signature(strict: Dock) -> None:
    assert nobody(strict).ask("GET", "/tasks/v2/").status_code == 404


# The server's own accounts


def test_its_own_accounts_outlive_the_server(start_dock: StartDock) -> None:
    first = start_dock()
    credentials = dict(first.emulator.directory.local.credentials)
    first.stop()

    second = start_dock(auth="strict")

    assert second.emulator.directory.local.credentials == credentials
    assert second.emulator.directory.local.password is None
    assert administrator(second).get(ME)["email"] == ADMINISTRATOR


def test_credentials_lie_in_the_data_folder_while_the_server_runs(start_dock: StartDock) -> None:
    dock = start_dock()
    file = dock.emulator.settings.data_dir / "credentials"

    text = file.read_text()
    mode = file.stat().st_mode & 0o777
    dock.stop()

    lines = dict(line.split("=") for line in text.splitlines())
    assert lines == {"API_HOST": dock.emulator.url, **dock.emulator.directory.local.credentials}
    assert mode == 0o600
    assert not file.exists()


def test_passwords_are_not_in_the_database(strict: Dock) -> None:
    password = strict.emulator.directory.local.password
    assert password

    kept = b"".join(path.read_bytes() for path in strict.emulator.settings.data_dir.glob("*.db*"))

    assert password.encode() not in kept
    assert ADMINISTRATOR.encode() in kept


@pytest.mark.parametrize(("auth", "email"), [("open", FUNCTIONS), ("strict", ADMINISTRATOR)])
def test_a_function_gets_credentials_that_work(
    start_dock: StartDock, auth: str, email: str
) -> None:
    dock = start_dock(auth=auth)
    dock.engine.programs["oak"] = serve(lambda event, runtime: None)
    boss = administrator(dock)
    boss.post("/tasks/v1/functions/", new_function("oak", entryPoint="oak"))
    boss.post("/tasks/v1/functions/oak/execute", {})

    (program,) = dock.engine.ran
    names = ("CONSUMER_KEY", "CONSUMER_SECRET", "TOKEN", "TOKEN_SECRET")
    auth1 = OAuth1(*(program.environment[f"API_OAUTH_{name}"] for name in names))
    assert Person(dock.emulator.url, auth1).get(ME)["email"] == email


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        (None, 200),
        ("http://localhost:3000", 200),
        ("http://app.localhost", 200),
        ("http://127.0.0.1:8080", 200),
        ("http://[::1]:8080", 200),
        ("https://example.com", 401),
        ("http://localhost.example.com", 401),
        ("http://evillocalhost", 401),
        ("http://app.localhost.example.com", 401),
        ("http://127.0.0.1.example.com", 401),
        ("null", 401),
        ("", 401),
    ],
)
def test_a_website_does_not_act_as_the_administrator(
    dock: Dock, origin: str | None, status: int
) -> None:
    headers = {} if origin is None else {"Origin": origin}

    assert nobody(dock).ask("GET", ME, headers=headers).status_code == status
