"""The directory: all users, roles and tokens of this server, and the server's own accounts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from taskdock.base import ids
from taskdock.base.timing.clock import Clock
from taskdock.base.timing.limits import Limits
from taskdock.identity.account import (
    EVERYTHING,
    Account,
    Application,
    FunctionToken,
    Role,
    Token,
    User,
    oauth1_variables,
    require_user,
)
from taskdock.identity.accounts import OWN_DOMAIN, Accounts
from taskdock.identity.function_credentials import Choice, FunctionCredentials, KeyOf
from taskdock.identity.passwords import Passwords
from taskdock.identity.roles import Roles
from taskdock.identity.sessions import Sessions
from taskdock.identity.tokens import Tokens
from taskdock.store.database import Store

ADMINISTRATOR = f"administrator{OWN_DOMAIN}"
FUNCTIONS = f"functions{OWN_DOMAIN}"
_ROLE = "taskdock.administrator"
_APPLICATION = "taskdock"


@dataclass(frozen=True, kw_only=True)
class Local:
    """The server's own accounts, which may do everything."""

    application: Application
    administrator: Account
    """The account of requests without credentials, unless the server is strict."""
    credentials: Mapping[str, str]
    """The administrator's OAuth1 variables."""
    functions: Account
    """The account of functions that may do everything."""
    function_credentials: Mapping[str, str]
    """The OAuth1 variables of those functions."""
    tokens: frozenset[str]
    """Ids of the tokens of both accounts. A changed password does not remove these tokens."""
    password: str | None
    """The administrator's password, known only in the run that has made the administrator."""


class Directory:
    def __init__(
        self,
        *,
        store: Store,
        clock: Clock,
        functions: Choice = Choice.ALL,
        key_of: KeyOf = lambda _: None,
        limits: Limits = Limits(),  # noqa: B008 - frozen
    ) -> None:
        """Creates those of the server's own accounts that are missing.

        `functions`: whose credentials functions get. `key_of`: finds a function's key by name.
        """
        self._store = store
        self.accounts = Accounts(store=store, clock=clock, passwords=Passwords(limits))
        self.roles = Roles(store=store, clock=clock)
        self.tokens = Tokens(store=store, clock=clock)
        with store.transaction():
            self.local = local = self._ensure_local()
        self.sessions = Sessions(tokens=self.tokens, application=local.application, clock=clock)
        self.functions = FunctionCredentials(
            choice=functions,
            accounts=self.accounts,
            application=local.application,
            functions=local.functions,
            credentials=local.function_credentials,
            key_of=key_of,
        )

    def account_of(self, token: Token | FunctionToken) -> Account:
        """The account that a request with this token acts as."""
        if isinstance(token, FunctionToken):
            return self.functions.account(token.users)
        account = self.accounts.account(token.user_id, token.application_id)
        return replace(account, session=token.refresh_token_id or token.id)

    def change_password(self, account: Account, old: str, new: str) -> None:
        """Changes the password of the user who asks, and ends the user's other sign-ins.

        Tokens that the server itself has made stay. Raises `NotSignedIn`, and what
        `Accounts.change_password` raises.
        """
        user_id = require_user(account)
        session = () if account.session is None else (account.session,)
        self.accounts.change_password(user_id, old, new, keep=(*self.local.tokens, *session))

    def _ensure_local(self) -> Local:
        found = [one for one in self.tokens.applications() if one.name == _APPLICATION]
        application = (
            found[0]
            if found
            else self.tokens.create_application(_APPLICATION, "Made by taskdock at its first start")
        )
        role = self.roles.find_by_name(_ROLE) or self.roles.create(
            _ROLE, "May do everything on this server", [EVERYTHING]
        )
        password = ids.word(20)
        is_new = self.accounts.email_is_free(ADMINISTRATOR)
        administrator = self._ensure_user(ADMINISTRATOR, "Administrator", role, password)
        functions = self._ensure_user(FUNCTIONS, "Functions", role, None)
        tokens = [self._ensure_token(user, application) for user in (administrator, functions)]
        credentials, of_functions = (oauth1_variables(application, token) for token in tokens)
        return Local(
            application=application,
            administrator=self.accounts.account(administrator.id, application.id),
            credentials=credentials,
            functions=self.accounts.account(functions.id, application.id),
            function_credentials=of_functions,
            tokens=frozenset(token.id for token in tokens),
            password=password if is_new else None,
        )

    def _ensure_user(self, email: str, name: str, role: Role, password: str | None) -> User:
        user = self.accounts.find_by_email(email) or self.accounts.register(
            email,
            password,
            own=True,
            first_name=name,
            last_name="taskdock",
            phone_number="",
            language="EN",
            time_zone="UTC",
        )
        self.roles.give([user.id], [role.id])
        return user

    def _ensure_token(self, user: User, application: Application) -> Token:
        token = self.tokens.of(user.id, application)
        return token or self.tokens.issue_oauth1(user.id, application)
