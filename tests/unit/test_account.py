"""What an account may, and what its pieces say about themselves."""

from datetime import datetime, timedelta, timezone

import pytest

from taskdock.identity.account import (
    EVERYTHING,
    NOBODY,
    Account,
    Application,
    Token,
    TokenKind,
    common,
    may,
    oauth1_variables,
)
from taskdock.identity.passwords import Passwords

NOON = datetime(2026, 1, 2, 12, 0, tzinfo=timezone.utc)


def account(*permissions):
    return Account(user_id="u" * 24, permissions=frozenset(permissions))


def token(**fields):
    times = ("creation_timestamp", "update_timestamp", "last_used_timestamp")
    given = {"id": "t", "kind": TokenKind.ACCESS, "application_id": "a", "user_id": "u"}
    return Token(**given, token="walnut", **dict.fromkeys(times, NOON), **fields)


@pytest.mark.parametrize(
    ("held", "wanted", "allowed"),
    [
        ("VIEW_TASKS", "VIEW_TASKS", True),
        ("VIEW_TASKS", "VIEW_TASK_LOGS", False),
        ("VIEW_TASK_LOGS", "VIEW_TASKS", False),
        ("EXECUTE_TASK_FUNCTION", "EXECUTE_TASK_FUNCTION:oak", True),
        ("EXECUTE_TASK_FUNCTION:oak", "EXECUTE_TASK_FUNCTION:oak", True),
        ("EXECUTE_TASK_FUNCTION:oak", "EXECUTE_TASK_FUNCTION:oak-desk", False),
        ("EXECUTE_TASK_FUNCTION:oak", "EXECUTE_TASK_FUNCTION", False),
        ("EXECUTE_API_FUNCTION", "EXECUTE_TASK_FUNCTION:oak", False),
        (EVERYTHING, "EXECUTE_TASK_FUNCTION:oak", True),
    ],
)
def test_a_permission_allows_what_it_names(held, wanted, allowed):
    assert may(account(held), wanted) is allowed


def test_nobody_may_anything():
    assert not may(NOBODY, "VIEW_TASKS")
    assert not NOBODY.signed_in


def test_an_application_alone_is_no_user():
    application = Account(application_id="a" * 24, permissions=frozenset({"VIEW_TASKS"}))

    assert not may(application, "VIEW_TASKS")


def test_a_token_expires_at_its_time_and_without_one_never():
    brief = token(expiry_timestamp=NOON)

    assert brief.expired(NOON)
    assert not brief.expired(NOON - timedelta(milliseconds=1))
    assert not token().expired(NOON + timedelta(days=10_000))


def test_credentials_have_the_names_that_functions_read():
    application = Application(
        id="a",
        name="oak",
        description="",
        consumer_key="key",
        consumer_secret="secret",
        client_id="client",
        client_secret="client-secret",
        creation_timestamp=NOON,
        update_timestamp=NOON,
    )

    assert oauth1_variables(application, token(secret="token-secret")) == {
        "API_OAUTH_CONSUMER_KEY": "key",
        "API_OAUTH_CONSUMER_SECRET": "secret",
        "API_OAUTH_TOKEN": "walnut",
        "API_OAUTH_TOKEN_SECRET": "token-secret",
    }


passwords = Passwords()


def test_a_password_matches_its_own_hash_only():
    kept = passwords.hashed("Wälnut-7")

    assert passwords.matches("Wälnut-7", kept)
    assert not passwords.matches("walnut-7", kept)
    assert "nut" not in kept


def test_a_password_that_was_kept_earlier_still_matches():
    salt = "af8fb9fe9d955399d2f1fdf7840b584d"
    key = "358972110f671bff90f8f522669fd6d73c8f25455483ce5fc071543d8d5f119e"

    assert passwords.matches("Wälnut-7", f"scrypt:{salt}:{key}")


def test_the_same_password_is_kept_as_two_different_texts():
    assert passwords.hashed("walnut") != passwords.hashed("walnut")


def test_an_account_without_a_password_has_none_that_matches():
    assert not passwords.matches("", None)


def test_a_password_says_how_it_was_hashed():
    assert passwords.hashed("Wälnut-7").startswith("scrypt:32768:8:1$")
    assert passwords.is_current(passwords.hashed("Wälnut-7"))
    assert not passwords.is_current("scrypt:16384:8:1$salt$hash")
    assert not passwords.is_current("scrypt:salt:hash")


@pytest.mark.parametrize(
    ("one", "other", "both"),
    [
        ({"VIEW_TASKS"}, {"VIEW_TASKS", "VIEW_USER"}, {"VIEW_TASKS"}),
        ({"VIEW_TASKS"}, {"VIEW_USER"}, set()),
        ({EVERYTHING}, {"VIEW_TASKS"}, {"VIEW_TASKS"}),
        ({EVERYTHING}, {EVERYTHING}, {EVERYTHING}),
        ({EVERYTHING}, set(), set()),
        ({"EXECUTE:oak", "EXECUTE:elm"}, {"EXECUTE"}, {"EXECUTE:oak", "EXECUTE:elm"}),
        ({"EXECUTE:oak"}, {"EXECUTE:elm"}, set()),
    ],
)
def test_what_two_may_is_what_each_of_them_may(one, other, both):
    assert common(frozenset(one), frozenset(other)) == both
    assert common(frozenset(other), frozenset(one)) == both
