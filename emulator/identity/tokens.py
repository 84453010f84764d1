"""Tokens: issues, looks up and removes tokens, and the applications that they belong to.

Owns the tables of tokens and of applications.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

from taskdock.base import ids
from taskdock.base.errors import (
    ExpiredAccessToken,
    NotFound,
    UnknownAccessToken,
    UnknownRefreshToken,
)
from taskdock.base.timing.clock import Clock
from taskdock.identity.account import Application, Token, TokenKind
from taskdock.store.database import Store
from taskdock.store.query.fields import Field, FieldKind, Fields
from taskdock.store.query.model import And, Condition, In, Query
from taskdock.store.query.sqlite import find
from taskdock.store.tables import ApplicationRow, TokenRow

ACCESS_LIFE = timedelta(minutes=5)
SESSION_LIFE = timedelta(hours=12)
_KEPT = timedelta(days=1)  # how long an expired access token is still answered with "expired"
_FRESH = timedelta(minutes=1)  # resolution of the time of the last use
TOKEN_FIELDS = Fields(  # without the token itself, which could be guessed by queries with `like`
    {
        "id": Field(TokenRow.id),
        "kind": Field(TokenRow.kind),
        "applicationId": Field(TokenRow.application_id),
        "userId": Field(TokenRow.user_id),
        "refreshTokenId": Field(TokenRow.refresh_token_id),
        "expiryTimestamp": Field(TokenRow.expiry_timestamp, FieldKind.MOMENT),
        "creationTimestamp": Field(TokenRow.creation_timestamp, FieldKind.MOMENT),
        "updateTimestamp": Field(TokenRow.update_timestamp, FieldKind.MOMENT),
        "lastUsedTimestamp": Field(TokenRow.last_used_timestamp, FieldKind.MOMENT),
    },
    order="creationTimestamp",
)


class Tokens:
    def __init__(self, *, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def create_application(self, name: str, description: str) -> Application:
        now = self._clock.now()
        application = Application(
            id=ids.object_id(now),
            name=name,
            description=description,
            consumer_key=ids.word(40),
            consumer_secret=ids.word(40),
            client_id=ids.word(40),
            client_secret=ids.word(40),
            creation_timestamp=now,
            update_timestamp=now,
        )
        ApplicationRow.insert(**application.__dict__).execute(self._store.db)
        return application

    def applications(self) -> list[Application]:
        rows = ApplicationRow.select().order_by(ApplicationRow.id).execute(self._store.db)
        return [Application(**row.__data__) for row in rows]

    def consumer(self, key: str) -> Application | None:
        """The application with this OAuth1 consumer key."""
        return self._application(ApplicationRow.consumer_key == key)

    def client(self, client_id: str) -> Application | None:
        """The application with this OAuth2 client id."""
        return self._application(ApplicationRow.client_id == client_id)

    def issue_oauth1(self, user_id: str, application: Application) -> Token:
        return self._issue(TokenKind.OAUTH1, user_id, application, secret=ids.word(40))

    def issue_refresh(self, user_id: str, application: Application) -> Token:
        return self._issue(TokenKind.REFRESH, user_id, application)

    def issue_access(self, refresh: Token, application: Application) -> Token:
        """Issues an access token, and removes the user's access tokens that expired long ago.

        Raises `UnknownRefreshToken` if the refresh token was removed since it was looked up, for
        example by a changed password.
        """
        now = self._clock.now()
        old = (TokenRow.user_id == refresh.user_id) & (TokenRow.expiry_timestamp < now - _KEPT)
        with self._store.transaction():
            if TokenRow.select().where(TokenRow.id == refresh.id).first(self._store.db) is None:
                raise UnknownRefreshToken
            TokenRow.delete().where(old).execute(self._store.db)
            return self._issue(
                TokenKind.ACCESS,
                refresh.user_id,
                application,
                refresh_token_id=refresh.id,
                expiry_timestamp=now + ACCESS_LIFE,
            )

    def issue_session(self, user_id: str, application: Application, digest: str) -> Token:
        """Issues a session, and removes the user's sessions that are over."""
        now = self._clock.now()
        old = (
            (TokenRow.user_id == user_id)
            & (TokenRow.kind == TokenKind.SESSION.value)
            & (TokenRow.expiry_timestamp < now)
        )
        TokenRow.delete().where(old).execute(self._store.db)
        return self._issue(
            TokenKind.SESSION,
            user_id,
            application,
            text=digest,
            expiry_timestamp=now + SESSION_LIFE,
        )

    def look_up(self, kind: TokenKind, text: str) -> Token | None:
        """The token of this text, if there is one. Counts as a use of the token."""
        mine = (TokenRow.token == text) & (TokenRow.kind == kind.value)
        row = TokenRow.select().where(mine).first(self._store.db)
        if row is None:
            return None
        token, now = _to_token(row), self._clock.now()
        if now - token.last_used_timestamp >= _FRESH:
            used = TokenRow.update(last_used_timestamp=now).where(TokenRow.id == token.id)
            used.execute(self._store.db)
        return token

    def bearer(self, text: str) -> Token:
        """The access token of this text. Raises `UnknownAccessToken` or `ExpiredAccessToken`."""
        token = self.look_up(TokenKind.ACCESS, text)
        if token is None:
            raise UnknownAccessToken
        if token.expired(self._clock.now()):
            raise ExpiredAccessToken
        return token

    def of(self, user_id: str, application: Application) -> Token | None:
        """The user's oldest OAuth1 token for the application."""
        mine = (
            (TokenRow.user_id == user_id)
            & (TokenRow.application_id == application.id)
            & (TokenRow.kind == TokenKind.OAUTH1.value)
        )
        row = TokenRow.select().where(mine).order_by(TokenRow.id).first(self._store.db)
        return None if row is None else _to_token(row)

    def find(
        self, kind: TokenKind, query: Query, *, user_id: str | None
    ) -> tuple[list[Token], int | None]:
        """One page of tokens, and the total where the query asks for one. Raises `BadQuery`.

        `user_id`: the user whose tokens are listed; None: all users.
        """
        conditions: list[Condition] = [In(("kind",), (kind.value,))]
        if user_id is not None:
            conditions.append(In(("userId",), (user_id,)))
        where = And((*conditions, *([query.where] if query.where else [])))
        rows, total = find(self._store.db, TokenRow, TOKEN_FIELDS, replace(query, where=where))
        return [_to_token(row) for row in rows], total

    def remove(
        self,
        kind: TokenKind,
        token_id: str,
        *,
        user_id: str | None,
        judge: Callable[[str], object] = lambda _: None,
    ) -> None:
        """Removes a token; with a refresh token, also the access tokens that the token has bought.

        `judge` is called with the id of the token's user, before anything is removed, and may
        raise. Raises `NotFound`, and what `judge` raises.
        """
        mine = (TokenRow.id == token_id) & (TokenRow.kind == kind.value)
        if user_id is not None:
            mine &= TokenRow.user_id == user_id
        with self._store.transaction():
            row = TokenRow.select().where(mine).first(self._store.db)
            if row is None:
                raise NotFound(f"there is no token {token_id}")
            judge(row.user_id)
            TokenRow.delete().where(mine).execute(self._store.db)
            bought = TokenRow.refresh_token_id == token_id
            TokenRow.delete().where(bought).execute(self._store.db)

    def _issue(
        self,
        kind: TokenKind,
        user_id: str,
        application: Application,
        *,
        text: str | None = None,
        **more: Any,
    ) -> Token:
        now = self._clock.now()
        token = Token(
            id=ids.object_id(now),
            kind=kind,
            application_id=application.id,
            user_id=user_id,
            token=text or ids.word(40),
            creation_timestamp=now,
            update_timestamp=now,
            last_used_timestamp=now,
            **more,
        )
        row = {**token.__dict__, "kind": kind.value}
        TokenRow.insert(**row).execute(self._store.db)
        return token

    def _application(self, where: Any) -> Application | None:
        row = ApplicationRow.select().where(where).first(self._store.db)
        return None if row is None else Application(**row.__data__)


def _to_token(row: Any) -> Token:
    return Token(**{**row.__data__, "kind": TokenKind(row.kind)})
