"""What a function's own calls to this server may do, and the credentials that say whose it is.

`all`: everything. `limited`: what those may do who deployed it, judged at each call. `none`: what
anybody may.

A limited function's token is written down nowhere: it names the function and who deployed it, and
its secret is a code over that with a key that the function got when it was created. So it cannot be
forged, costs no row, and is no user's own: it is not in anybody's list of tokens, and a changed
password leaves it. It ends with the function, and with the user whose work it is; as long as both
are there it is worth what the user may do at the moment.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from enum import Enum
from functools import reduce

from emulator.identity.account import (
    NOBODY,
    Account,
    Application,
    FunctionToken,
    common,
    oauth1_variables,
)
from emulator.identity.accounts import Accounts

_PREFIX = "function"
KeyOf = Callable[[str], str | None]
"""The key of the function of a name; None where there is none, or it is from before keys."""


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
        """`functions`: the account of all functions that may do everything, and `credentials` its
        variables."""
        self.choice = choice
        self._accounts = accounts
        self._application = application
        self._functions = functions
        self._credentials = credentials
        self._key_of = key_of

    def variables(self, function: str, key: str | None, users: tuple[str, ...]) -> dict[str, str]:
        """For a function that brings none. `users`: who deployed it."""
        if self.choice is Choice.ALL:
            return dict(self._credentials)
        if self.choice is Choice.NONE or key is None or not users:
            return {}
        text = ".".join((_PREFIX, function, *users))
        return oauth1_variables(self._application, self._token(text, key, users))

    def find(self, text: str) -> FunctionToken | None:
        """The token that was presented, if there is such a function and its credentials count."""
        prefix, _, rest = text.partition(".")
        function, *users = rest.split(".")
        if prefix != _PREFIX or not users or self.choice is not Choice.LIMITED:
            return None
        key, mine = self._key_of(function), tuple(users)
        if key is None or self.account(mine) is NOBODY:
            return None
        return self._token(text, key, mine)

    def account(self, users: tuple[str, ...]) -> Account:
        """Whom a function acts as that is the work of these.

        One user: that user. Several: an account of its own, with what all of them may do, so that
        none gets at what is another's. Where one of them is not there any more: nobody. A function
        that was deployed by one that might do everything is nobody's work.
        """
        if self.choice is Choice.ALL:
            return self._functions
        if self.choice is Choice.NONE or not users or self._functions.user_id in users:
            return NOBODY
        if not all(self._accounts.exists(user) for user in users):
            return NOBODY
        each = [self._accounts.account(user, self._application.id) for user in users]
        if len(each) == 1:
            return each[0]
        return Account(
            user_id=self._functions.user_id,
            application_id=self._application.id,
            permissions=reduce(common, (account.permissions for account in each)),
            behind=users,
        )

    def _token(self, text: str, key: str, users: tuple[str, ...]) -> FunctionToken:
        return FunctionToken(
            token=text,
            secret=hmac.new(key.encode(), text.encode(), "sha256").hexdigest(),
            application_id=self._application.id,
            users=users,
        )
