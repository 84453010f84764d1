"""The directory: everyone who is known to this server, and the accounts that are its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from emulator import ids
from emulator.clock import Clock
from emulator.identity.account import EVERYTHING, Account, Application, Role, User, oauth1_variables
from emulator.identity.accounts import Accounts
from emulator.identity.roles import Roles
from emulator.identity.tokens import Tokens
from emulator.store.database import Store

ADMINISTRATOR = "administrator@taskdock.localhost"
FUNCTIONS = "functions@taskdock.localhost"
_ROLE = "taskdock.administrator"
_APPLICATION = "taskdock"


@dataclass(frozen=True, kw_only=True)
class Local:
    """This server's own accounts, which may do everything."""

    application: Application
    administrator: Account
    """Whom requests without credentials act as, unless the server is strict."""
    credentials: Mapping[str, str]
    """The administrator's OAuth1 variables."""
    function_credentials: Mapping[str, str]
    """Those that functions get which bring none."""
    password: str | None
    """The administrator's, known only when it was just made."""


class Directory:
    def __init__(self, *, store: Store, clock: Clock) -> None:
        """Makes what is missing of the server's own accounts."""
        self._store = store
        self.accounts = Accounts(store=store, clock=clock)
        self.roles = Roles(store=store, clock=clock)
        self.tokens = Tokens(store=store, clock=clock)
        with store.transaction():
            self.local = self._ensure_local()

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
        return Local(
            application=application,
            administrator=self.accounts.account(administrator.id, application.id),
            credentials=self._ensure_credentials(administrator, application),
            function_credentials=self._ensure_credentials(functions, application),
            password=password if is_new else None,
        )

    def _ensure_user(self, email: str, name: str, role: Role, password: str | None) -> User:
        user = self.accounts.find_by_email(email) or self.accounts.register(
            email,
            password,
            first_name=name,
            last_name="taskdock",
            phone_number="",
            language="EN",
            time_zone="UTC",
        )
        self.roles.give([user.id], [role.id])
        return user

    def _ensure_credentials(self, user: User, application: Application) -> dict[str, str]:
        token = self.tokens.of(user.id, application)
        token = token or self.tokens.issue_oauth1(user.id, application)
        return oauth1_variables(application, token)
