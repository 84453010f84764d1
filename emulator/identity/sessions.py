"""Sessions: sign-ins of the dashboard, which a browser keeps as a cookie.

A session is a row in the table of tokens, so it ends with the user, with a change of the password,
and after some hours, and outlives a restart. The row has a digest: whoever reads the data folder
finds no cookie in it.
"""

from __future__ import annotations

from hashlib import sha256

from taskdock.base import ids
from taskdock.base.timing.clock import Clock
from taskdock.identity.account import Application, Token, TokenKind
from taskdock.identity.tokens import Tokens

_LENGTH = 40


class Sessions:
    def __init__(self, *, tokens: Tokens, application: Application, clock: Clock) -> None:
        """`application`: what the sessions' users act through."""
        self._tokens = tokens
        self._application = application
        self._clock = clock

    def begin(self, user_id: str) -> str:
        """The secret text of a new session.

        Call this within `Accounts.authenticated`, so that a change of the password at the same time
        ends the session.
        """
        text = ids.word(_LENGTH)
        self._tokens.issue_session(user_id, self._application, _digest(text))
        return text

    def find(self, text: str) -> Token | None:
        """The session of this text, while it lasts."""
        if len(text) != _LENGTH:
            return None
        token = self._tokens.look_up(TokenKind.SESSION, _digest(text))
        return None if token is None or token.expired(self._clock.now()) else token

    def end(self, session: Token) -> None:
        self._tokens.remove(TokenKind.SESSION, session.id, user_id=session.user_id)


def _digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()
