"""/users/v1 and what is left of /auth/v2: users, global roles, lists of tokens, applications."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest
from requests_oauthlib import OAuth1

from taskdock.base.timing.clock import to_iso
from taskdock.testing.clock import NOON
from tests.service.conftest import StartDock
from tests.support.builders import Dock
from tests.support.people import Json, Person, administrator, nobody, person, refusal

ADA = {
    "firstName": "Ada",
    "lastName": "Walnut",
    "email": "Ada.Walnut+oak@example.com",
    "password": "0Oo-walnut",
    "phoneNumber": "0000000000",
    "language": "EN",
    "activationMode": "manual",
}
EMAIL = "ada.walnut+oak@example.com"
UNKNOWN = "0123456789abcdef01234567"


@pytest.fixture
def strict(start_dock: StartDock) -> Dock:
    return start_dock(auth="strict")


@pytest.fixture
def boss(strict: Dock) -> Person:
    return administrator(strict)


@pytest.fixture
def ada(strict: Dock) -> Json:
    return nobody(strict).post("/users/v1/register", ADA)


def by_email(email: str) -> str:
    """As the SDK asks for it: the value is percent-encoded twice."""
    return f"/users/v1/?eq(email,{quote(quote(email, safe=''), safe='')})"


def signed_in(dock: Dock, email: str = EMAIL, password: str = "0Oo-walnut") -> Person:
    application = dock.emulator.directory.local.application
    keys = (application.consumer_key, application.consumer_secret)
    anybody = Person(dock.emulator.url, OAuth1(*keys))
    token = anybody.post("/auth/v2/oauth1/tokens", {"email": email, "password": password})
    auth = OAuth1(*keys, token["token"], token["tokenSecret"])
    return Person(dock.emulator.url, auth, token["userId"])


# Users


def test_somebody_registers_and_signs_in(strict: Dock, ada: Json) -> None:
    me = signed_in(strict).get("/users/v1/me")

    assert me == ada
    assert (me["email"], me["firstName"], me["lastName"]) == (EMAIL, "Ada", "Walnut")
    assert (me["language"], me["timeZone"], me["activation"]) == ("EN", "UTC", True)
    assert me["roles"] == []
    assert "password" not in me


def test_names_may_come_in_snake_case_as_the_sdk_sends_them(strict: Dock) -> None:
    given = {
        "first_name": "Grace",
        "last_name": "Elm",
        "email": "grace@example.com",
        "password": "0Oo-elm-tree",
        "phone_number": "1",
        "language": "NL",
        "time_zone": "Europe/Brussels",
    }

    grace = nobody(strict).post("/users/v1/register", given)

    assert (grace["firstName"], grace["timeZone"]) == ("Grace", "Europe/Brussels")


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"email": "walnut"}, (400, 15, "FIELD_FORMAT_EXCEPTION")),
        ({"email": f"{'a' * 300}@example.com"}, (400, 15, "FIELD_FORMAT_EXCEPTION")),
        ({"email": EMAIL.upper()}, (400, 203, "EMAIL_USED_EXCEPTION")),
        ({"password": None}, (400, 14, "MISSING_REQUIRED_FIELDS_EXCEPTION")),
        ({"language": 7}, (400, 15, "FIELD_FORMAT_EXCEPTION")),
    ],
)
def test_a_registration_can_be_refused(
    strict: Dock, ada: Json, changes: Json, problem: tuple[int, int, str]
) -> None:
    body = {key: value for key, value in {**ADA, **changes}.items() if value is not None}

    assert refusal(nobody(strict).ask("POST", "/users/v1/register", body)) == problem


def test_an_address_is_available_until_somebody_has_it(strict: Dock, ada: Json) -> None:
    path = "/users/v1/email_available?email="

    assert nobody(strict).get(path + "free%40example.com") == {"emailAvailable": True}
    assert nobody(strict).get(path + quote(EMAIL)) == {"emailAvailable": False}
    assert refusal(nobody(strict).ask("GET", "/users/v1/email_available"))[1] == 14


def test_a_user_is_found_by_address_and_by_id(boss: Person, ada: Json) -> None:
    page = boss.get(by_email(EMAIL))

    assert page["data"] == [ada]
    assert page["page"] == {"total": 1, "offset": 0, "limit": 20}
    assert boss.get(f"/users/v1/{ada['id']}") == ada
    assert boss.get(f"/users/v1/?eq(id,{ada['id']})&select(email)")["data"] == [{"email": EMAIL}]


def test_an_unknown_user_is_not_found(boss: Person) -> None:
    assert boss.get(by_email("nobody@example.com"))["data"] == []
    assert refusal(boss.ask("GET", f"/users/v1/{UNKNOWN}"))[:2] == (404, 16)


@pytest.mark.parametrize("field", ["password", "salt"])
def test_only_what_is_shown_can_be_asked_for(boss: Person, field: str) -> None:
    assert refusal(boss.ask("GET", f"/users/v1/?like({field},scrypt)"))[1] == 19


def test_everybody_sees_and_changes_themselves(strict: Dock, ada: Json) -> None:
    herself = signed_in(strict)

    changed = herself.ask("PUT", f"/users/v1/{herself.id}", {"firstName": "Augusta"}).json()

    assert changed["firstName"] == "Augusta"
    assert changed["lastName"] == "Walnut"
    assert herself.get(f"/users/v1/{herself.id}") == changed
    boss_id = administrator(strict).id
    assert refusal(herself.ask("GET", f"/users/v1/{boss_id}"))[1] == 10
    assert refusal(herself.ask("PUT", f"/users/v1/{boss_id}", {"firstName": "A"}))[1] == 10


def test_a_password_is_changed_by_who_knows_it(strict: Dock, ada: Json) -> None:
    herself = signed_in(strict)
    wrong = {"oldPassword": "walnut", "newPassword": "0Oo-elm-tree"}
    assert refusal(herself.ask("PUT", "/users/v1/password", wrong))[1] == 106

    changed = {"old_password": "0Oo-walnut", "new_password": "0Oo-elm-tree"}
    assert herself.ask("PUT", "/users/v1/password", changed).status_code == 200

    assert signed_in(strict, password="0Oo-elm-tree").id == ada["id"]


def test_a_removed_user_is_gone_with_the_tokens(strict: Dock, boss: Person, ada: Json) -> None:
    herself = signed_in(strict)

    assert boss.ask("DELETE", f"/users/v1/{ada['id']}").json() == {"affectedRecords": 1}

    assert refusal(herself.ask("GET", "/users/v1/me"))[1] == 108
    assert refusal(boss.ask("DELETE", f"/users/v1/{ada['id']}"))[1] == 16


# Global roles


def create_role(boss: Person, name: str = "exh.tasks.oak") -> Json:
    return boss.post("/users/v1/roles", {"name": name, "description": "for the task oak"})


def names_of(role: Json) -> list[str]:
    return [permission["name"] for permission in role["permissions"]]


def test_a_role_is_made_found_changed_and_removed(boss: Person) -> None:
    role = create_role(boss)

    assert role["permissions"] == []
    assert boss.get("/users/v1/roles?eq(name,exh%252Etasks%252Eoak)")["data"] == [role]
    renamed = boss.ask("PUT", f"/users/v1/roles/{role['id']}", {"description": "new"}).json()
    assert (renamed["name"], renamed["description"]) == (role["name"], "new")
    removed = boss.ask("DELETE", f"/users/v1/roles?eq(id,{role['id']})")
    assert removed.json() == {"affectedRecords": 1}
    assert boss.get(f"/users/v1/roles?eq(id,{role['id']})")["data"] == []


def test_a_name_is_one_roles(boss: Person) -> None:
    create_role(boss)
    other = create_role(boss, "elm")

    again = {"name": "exh.tasks.oak", "description": ""}

    assert refusal(boss.ask("POST", "/users/v1/roles", again))[1] == 17
    assert refusal(boss.ask("PUT", f"/users/v1/roles/{other['id']}", again))[1] == 17


def test_permissions_come_and_go(boss: Person) -> None:
    role = create_role(boss)
    change = "/users/v1/roles/{}_permissions?eq(name,exh.tasks.oak)"
    given = ["VIEW_TASKS", "CREATE_TASKS", "EXECUTE_TASK_FUNCTION:oak"]

    assert boss.post(change.format("add"), {"permissions": given}) == {"affectedRecords": 1}
    boss.post(change.format("add"), {"permissions": ["VIEW_TASKS"]})
    boss.post(change.format("remove"), {"permissions": ["CREATE_TASKS", "VIEW_USER"]})

    (shown,) = boss.get(f"/users/v1/roles?eq(id,{role['id']})")["data"]
    assert names_of(shown) == ["EXECUTE_TASK_FUNCTION:oak", "VIEW_TASKS"]


@pytest.mark.parametrize(
    ("query", "body", "code"),
    [
        ("?eq(name,exh.tasks.oak)", {"permissions": ["*"]}, 15),
        ("?eq(name,exh.tasks.oak)", {"permissions": ["view tasks"]}, 15),
        ("?eq(name,exh.tasks.oak)", {"permissions": []}, 15),
        ("?eq(name,exh.tasks.oak)", {}, 14),
        ("?eq(name,elm)", {"permissions": ["VIEW_TASKS"]}, 16),
        ("?eq(wood,oak)", {"permissions": ["VIEW_TASKS"]}, 19),
        ("", {"permissions": ["VIEW_TASKS"]}, 20),
        ("?limit(1)", {"permissions": ["VIEW_TASKS"]}, 20),
    ],
)
def test_a_change_of_permissions_can_be_refused(
    boss: Person, query: str, body: Json, code: int
) -> None:
    create_role(boss)

    for change in ("add", "remove"):
        answer = boss.ask("POST", f"/users/v1/roles/{change}_permissions{query}", body)
        assert refusal(answer)[1] == code


def test_a_role_gives_its_permissions_until_it_is_taken(
    strict: Dock, boss: Person, ada: Json
) -> None:
    herself, role = signed_in(strict), create_role(boss)
    boss.post(
        "/users/v1/roles/add_permissions?eq(name,exh.tasks.oak)", {"permissions": ["VIEW_TASKS"]}
    )
    whom, what = f"?eq(id,{ada['id']})", {"roles": [role["id"]]}
    assert refusal(herself.ask("GET", "/tasks/v1/"))[1] == 10

    assert boss.post(f"/users/v1/add_roles{whom}", what) == {"affectedRecords": 1}
    boss.post(f"/users/v1/add_roles{whom}", what)

    assert herself.get("/tasks/v1/")["data"] == []
    (shown,) = boss.get(by_email(EMAIL))["data"]
    assert [(one["name"], names_of(one)) for one in shown["roles"]] == [
        ("exh.tasks.oak", ["VIEW_TASKS"])
    ]
    assert boss.post(f"/users/v1/remove_roles{whom}", what) == {"affectedRecords": 1}
    assert refusal(herself.ask("GET", "/tasks/v1/"))[1] == 10


def test_a_removed_role_gives_nothing(strict: Dock, boss: Person) -> None:
    grace = person(strict, "VIEW_TASKS")
    assert grace.ask("GET", "/tasks/v1/").status_code == 200

    boss.ask("DELETE", f"/users/v1/roles?eq(name,role-{grace.id})")

    assert refusal(grace.ask("GET", "/tasks/v1/"))[1] == 10


def test_a_role_that_there_is_not_cannot_be_given(boss: Person, ada: Json) -> None:
    path = f"/users/v1/add_roles?eq(id,{ada['id']})"

    assert refusal(boss.ask("POST", path, {"roles": [UNKNOWN]}))[1] == 16


def test_the_known_permissions_are_listed(strict: Dock) -> None:
    page = nobody(strict).get("/users/v1/permissions")

    known = {permission["name"] for permission in page["data"]}
    assert {"VIEW_TASKS", "EXECUTE_TASK_FUNCTION", "VIEW_TASK_SCHEDULES", "VIEW_USER"} <= known
    assert page["page"]["total"] == len(known)


# Tokens and applications


def test_everybody_sees_and_removes_their_own_tokens_only(strict: Dock, ada: Json) -> None:
    path = "/auth/v2/oauth1/tokens"
    boss, herself = administrator(strict), signed_in(strict)

    (mine,) = herself.get(path)["data"]
    (bosses,) = boss.get(f"{path}?eq(userId,{boss.id})")["data"]

    assert mine["userId"] == ada["id"]
    assert refusal(herself.ask("DELETE", f"{path}/{bosses['id']}"))[1] == 16
    assert len(boss.get(path)["data"]) == 3  # the functions' too
    assert herself.ask("DELETE", f"{path}/{mine['id']}").json() == {"affectedRecords": 1}


def test_oauth2_tokens_are_listed_and_go_together(strict: Dock, boss: Person, ada: Json) -> None:
    client_id = strict.emulator.directory.local.application.client_id
    grant = {"grant_type": "password", "client_id": client_id, "username": EMAIL}
    nobody(strict).post("/auth/v2/oauth2/tokens", {**grant, "password": "0Oo-walnut"})
    access, refresh = "/auth/v2/oauth2/tokens", "/auth/v2/oauth2/refreshTokens"

    (kept,), (bought,) = (boss.get(path)["data"] for path in (refresh, access))

    assert (bought["refreshTokenId"], bought["userId"]) == (kept["id"], ada["id"])
    assert "accessToken" not in bought
    assert boss.ask("DELETE", f"{refresh}/{kept['id']}").json() == {"affectedRecords": 1}
    assert boss.get(access)["data"] == []


def test_the_time_of_the_last_use_is_kept_to_the_minute(start_dock: StartDock, clock: Any) -> None:
    dock = start_dock(clock=clock)
    boss = administrator(dock)
    path = f"/auth/v2/oauth1/tokens?eq(userId,{boss.id})"
    assert boss.get(path)["data"][0]["lastUsedTimestamp"] == to_iso(NOON)

    clock.jump(90)

    assert boss.get(path)["data"][0]["lastUsedTimestamp"] == to_iso(clock.now())


def test_the_application_is_shown_with_its_keys(strict: Dock, boss: Person) -> None:
    application = strict.emulator.directory.local.application

    (shown,) = boss.get("/auth/v2/applications")["data"]

    (version,) = shown["versions"]
    assert shown["id"] == application.id
    assert (version["consumerKey"], version["clientId"]) == (
        application.consumer_key,
        application.client_id,
    )
