"""Tokens at their table: how long they are known, whose they are, and what goes with them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from taskdock.base.errors import ExpiredAccessToken, NotFound, UnknownAccessToken
from taskdock.identity.account import Application, TokenKind
from taskdock.identity.tokens import ACCESS_LIFE, Tokens
from taskdock.store.database import Store
from taskdock.testing.clock import ManualClock

ADA, BEN = "a" * 24, "b" * 24
SECOND = 1.0
DAY = timedelta(days=1).total_seconds()
LIFE = ACCESS_LIFE.total_seconds()


@pytest.fixture
def tokens(store: Store, clock: ManualClock) -> Tokens:
    return Tokens(store=store, clock=clock)


@pytest.fixture
def application(tokens: Tokens) -> Application:
    return tokens.create_application("walnut", "")


def test_an_access_token_is_good_for_five_minutes(
    tokens: Tokens, application: Application, clock: ManualClock
) -> None:
    token = tokens.issue_access(tokens.issue_refresh(ADA, application), application)

    clock.jump(LIFE - 0.001)
    assert tokens.bearer(token.token).id == token.id
    clock.jump(0.001)

    with pytest.raises(ExpiredAccessToken):
        tokens.bearer(token.token)
    assert LIFE == 300


@pytest.mark.parametrize(
    ("later", "known"), [(SECOND, True), (DAY, True), (DAY + 0.001, False), (3 * DAY, False)]
)
def test_that_a_token_has_expired_is_known_for_a_day(
    tokens: Tokens, application: Application, clock: ManualClock, later: float, known: bool
) -> None:
    refresh = tokens.issue_refresh(ADA, application)
    old = tokens.issue_access(refresh, application)

    clock.jump(LIFE + later)
    new = tokens.issue_access(refresh, application)

    with pytest.raises(ExpiredAccessToken if known else UnknownAccessToken):
        tokens.bearer(old.token)
    assert tokens.bearer(new.token).id == new.id


def test_one_users_sign_in_forgets_nothing_of_another(
    tokens: Tokens, application: Application, clock: ManualClock
) -> None:
    of_ada = tokens.issue_access(tokens.issue_refresh(ADA, application), application)
    clock.jump(3 * DAY)

    tokens.issue_access(tokens.issue_refresh(BEN, application), application)

    with pytest.raises(ExpiredAccessToken):
        tokens.bearer(of_ada.token)


def test_tokens_that_do_not_expire_are_never_forgotten(
    tokens: Tokens, application: Application, clock: ManualClock
) -> None:
    signing, refresh = tokens.issue_oauth1(ADA, application), tokens.issue_refresh(ADA, application)

    clock.jump(1000 * DAY)
    tokens.issue_access(refresh, application)

    assert tokens.look_up(TokenKind.OAUTH1, signing.token) is not None
    assert tokens.look_up(TokenKind.REFRESH, refresh.token) is not None


def test_a_users_token_is_found_by_user_and_application(
    tokens: Tokens, application: Application
) -> None:
    other = tokens.create_application("oak", "")
    unused = tokens.create_application("elm", "")
    issued = {
        (user, each.id): tokens.issue_oauth1(user, each)
        for each in (other, application)
        for user in (ADA, BEN)
    }
    tokens.issue_refresh(ADA, unused)

    for (user, _), token in issued.items():
        owner = application if token.application_id == application.id else other
        assert tokens.of(user, owner) == token
    assert tokens.of(ADA, unused) is None
    assert tokens.of("c" * 24, application) is None


def test_of_several_tokens_for_an_application_the_oldest_is_found(
    tokens: Tokens, application: Application
) -> None:
    first, _ = (tokens.issue_oauth1(ADA, application) for _ in range(2))

    assert tokens.of(ADA, application) == first


@pytest.mark.parametrize("asked", TokenKind)
@pytest.mark.parametrize("kind", TokenKind)
def test_a_token_is_looked_up_and_removed_as_what_it_is(
    tokens: Tokens, application: Application, kind: TokenKind, asked: TokenKind
) -> None:
    refresh = tokens.issue_refresh(ADA, application)
    made = {
        TokenKind.OAUTH1: tokens.issue_oauth1(ADA, application),
        TokenKind.ACCESS: tokens.issue_access(refresh, application),
        TokenKind.REFRESH: refresh,
        TokenKind.SESSION: tokens.issue_session(ADA, application, "walnut"),
    }
    token = made[kind]

    found = tokens.look_up(asked, token.token)
    if asked is kind:
        tokens.remove(asked, token.id, user_id=None)
    else:
        with pytest.raises(NotFound):
            tokens.remove(asked, token.id, user_id=None)

    assert (found is not None) is (asked is kind)
    assert (tokens.look_up(kind, token.token) is None) is (asked is kind)


def test_a_token_is_removed_for_its_user_alone(tokens: Tokens, application: Application) -> None:
    token = tokens.issue_oauth1(ADA, application)

    with pytest.raises(NotFound):
        tokens.remove(TokenKind.OAUTH1, token.id, user_id=BEN)
    assert tokens.of(ADA, application) == token
    tokens.remove(TokenKind.OAUTH1, token.id, user_id=ADA)

    assert tokens.of(ADA, application) is None


def test_access_tokens_go_with_the_refresh_token_that_bought_them(
    tokens: Tokens, application: Application
) -> None:
    gone, kept = tokens.issue_refresh(ADA, application), tokens.issue_refresh(ADA, application)
    of_gone, of_kept = (tokens.issue_access(each, application) for each in (gone, kept))

    tokens.remove(TokenKind.REFRESH, gone.id, user_id=ADA)

    with pytest.raises(UnknownAccessToken):
        tokens.bearer(of_gone.token)
    assert tokens.bearer(of_kept.token) == of_kept
