"""Function credentials: the credentials that functions get, and the account that these stand for.

The setting has three values. `all`: functions may do everything. `limited`: a function may do what
the users may do who deployed the function, judged at each call. `none`: a function may do what
anybody may.

The token of a limited function is not stored. The token names the function and the users who
deployed the function; the token's secret is an HMAC-SHA256 of that text, with a key that the
function got when the function was created. So a token cannot be forged, costs no row, is in no
user's list of tokens, and outlives a changed password. The token ends when the function is deleted
or one of the users is. Until then the token grants what the users may do at the moment of the call.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from enum import Enum
from functools import reduce

from taskdock.identity.account import (
    NOBODY,
    Account,
    Application,
    FunctionToken,
    common,
    oauth1_variables,
)
from taskdock.identity.accounts import Accounts

_PREFIX = "function"
KeyOf = Callable[[str], str | None]
"""Returns the key of the function with this name. None: there is no such function, or the function
is from before functions had keys."""


class Choice(str, Enum):
    ALL = "all"
    LIMITED = "limited"
    NONE = "none"


class FunctionCredentials:
    def __init__(
        self,
        *,
        choice: Choice,
        accounts: Accounts,
        application: Application,
        functions: Account,
        credentials: Mapping[str, str],
        key_of: KeyOf,
    ) -> None:
        """`functions`: the account of functions that may do everything. `credentials`: the OAuth1
        variables of that account."""
        self.choice = choice
        self._accounts = accounts
        self._application = application
        self._functions = functions
        self._credentials = credentials
        self._key_of = key_of

    def variables(self, function: str, key: str | None, users: tuple[str, ...]) -> dict[str, str]:
        """The OAuth1 variables for a function that brings none of its own; empty if it gets none.

        `key`: the function's key. `users`: ids of the users who deployed the function.
        """
        if self.choice is Choice.ALL:
            return dict(self._credentials)
        if self.choice is Choice.NONE or key is None or not users:
            return {}
        text = ".".join((_PREFIX, function, *users))
        return oauth1_variables(self._application, self._token(text, key, users))

    def find(self, text: str) -> FunctionToken | None:
        """The token of this text, if the function exists and its credentials are valid."""
        prefix, _, rest = text.partition(".")
        function, *users = rest.split(".")
        if prefix != _PREFIX or not users or self.choice is not Choice.LIMITED:
            return None
        key, mine = self._key_of(function), tuple(users)
        if key is None or self.account(mine) is NOBODY:
            return None
        return self._token(text, key, mine)

    def account(self, users: tuple[str, ...]) -> Account:
        """The account of a function that these users deployed.

        One user: that user's account. Several users: a shared account that has the permissions
        which all of them have, so that no user reaches another user's private objects. `NOBODY` if
        one of the users no longer exists, or if one is the account of functions that may do
        everything.
        """
        if self.choice is Choice.ALL:
            return self._functions
        if self.choice is Choice.NONE or not users or self._functions.user_id in users:
            return NOBODY
        if not all(self._accounts.exists(user) for user in users):
            return NOBODY
        accounts = [self._accounts.account(user, self._application.id) for user in users]
        if len(accounts) == 1:
            return accounts[0]
        return Account(
            user_id=self._functions.user_id,
            application_id=self._application.id,
            permissions=reduce(common, (account.permissions for account in accounts)),
            behind=users,
        )

    def _token(self, text: str, key: str, users: tuple[str, ...]) -> FunctionToken:
        return FunctionToken(
            token=text,
            secret=hmac.new(key.encode(), text.encode(), "sha256").hexdigest(),
            application_id=self._application.id,
            users=users,
        )
