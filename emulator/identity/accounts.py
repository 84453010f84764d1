"""Accounts: registers, finds, changes and removes users, and reads a user's permissions.

Owns the table of users.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from taskdock.base import ids
from taskdock.base.errors import BadField, EmailTaken, NotFound, TooManySignIns, WrongPassword
from taskdock.base.timing.clock import Clock
from taskdock.identity.account import SERVER, Account, Role, User, require_power_over
from taskdock.identity.passwords import Passwords, check_new
from taskdock.identity.roles import to_role
from taskdock.store.database import Store
from taskdock.store.query.fields import Field, FieldKind, Fields
from taskdock.store.query.model import Query
from taskdock.store.query.sqlite import find
from taskdock.store.tables import RoleRow, TokenRow, UserRoleRow, UserRow

_EMAIL = re.compile(r".+@.+\..+")
_MAX_EMAIL = 256
OWN_DOMAIN = "@taskdock.localhost"
"""The e-mail domain of the server's own users. A user with one of their two addresses at a start
of the server may do everything, so nobody else can register in this domain."""
USER_FIELDS = Fields(
    {
        "id": Field(UserRow.id),
        "email": Field(UserRow.email),
        "firstName": Field(UserRow.first_name),
        "lastName": Field(UserRow.last_name),
        "phoneNumber": Field(UserRow.phone_number),
        "language": Field(UserRow.language),
        "timeZone": Field(UserRow.time_zone),
        "creationTimestamp": Field(UserRow.creation_timestamp, FieldKind.MOMENT),
        "updateTimestamp": Field(UserRow.update_timestamp, FieldKind.MOMENT),
    },
    order="creationTimestamp",
)


class Accounts:
    def __init__(self, *, store: Store, clock: Clock, passwords: Passwords) -> None:
        self._store = store
        self._clock = clock
        self._passwords = passwords

    def account(self, user_id: str, application_id: str | None) -> Account:
        """The account of a user who acts through an application, with the permissions of the
        user's roles."""
        roles = self._roles_of([user_id]).get(user_id, ())
        return Account(
            user_id=user_id,
            application_id=application_id,
            permissions=frozenset(name for role in roles for name in role.permissions),
        )

    def register(
        self, email: str, password: str | None, *, own: bool = False, **properties: str
    ) -> User:
        """Creates a user without roles. `own`: the user belongs to the server, so `OWN_DOMAIN` is
        allowed in the address.

        Raises `BadField`, `EmailTaken` or `TooManySignIns`.
        """
        email = email.lower()
        if len(email) > _MAX_EMAIL or not _EMAIL.fullmatch(email):
            raise BadField(f"email: '{email[:80]}' is not an e-mail address")
        if password is not None:
            check_new(password)
        # Checked first, because hashing the password is expensive.
        if not self.email_is_free(email) or (email.endswith(OWN_DOMAIN) and not own):
            raise EmailTaken
        now = self._clock.now()
        user_id = ids.object_id(now)
        row = {
            "id": user_id,
            "email": email,
            "password": None if password is None else self._passwords.hashed(password),
            "creation_timestamp": now,
            "update_timestamp": now,
            **properties,
        }
        with self._store.transaction():
            if not self.email_is_free(email):
                raise EmailTaken
            UserRow.insert(**row).execute(self._store.db)
        return self.get(user_id)

    def email_is_free(self, email: str) -> bool:
        return self._by_email(email) is None

    def exists(self, user_id: str) -> bool:
        return bool(UserRow.select().where(UserRow.id == user_id).exists(self._store.db))

    def get(self, user_id: str) -> User:
        """Raises `NotFound`."""
        row = UserRow.select().where(UserRow.id == user_id).first(self._store.db)
        if row is None:
            raise NotFound(f"there is no user {user_id}")
        return self._users([row])[0]

    def find_by_email(self, email: str) -> User | None:
        row = self._by_email(email)
        return None if row is None else self._users([row])[0]

    def find(self, query: Query) -> tuple[list[User], int | None]:
        """One page of users, and the total where the query asks for one. Raises `BadQuery`."""
        rows, total = find(self._store.db, UserRow, USER_FIELDS, query)
        return self._users(rows), total

    @contextmanager
    def authenticated(self, email: str, password: str) -> Iterator[User]:
        """Runs its body in one transaction in which the password is still the user's.

        A change of the password comes before that transaction, and the sign-in fails, or after
        that transaction, and the change removes the tokens that the body has issued.

        Raises `WrongPassword`, whether the address or the password is wrong, or `TooManySignIns`.
        """
        while True:  # once more if another sign-in has stored a new hash of the same password
            row = self._authenticate(email, password)
            with self._store.transaction():
                now = self._by_email(email)
                if now is not None and (now.id, now.password) == (row.id, row.password):
                    yield self._users([now])[0]
                    return

    def _authenticate(self, email: str, password: str) -> Any:
        """The user's row. Comparing passwords is slow, so it happens outside any transaction."""
        row = self._by_email(email)
        kept: str | None = None if row is None else row.password
        if not self._passwords.matches(password, kept) or kept is None:
            raise WrongPassword
        if not self._passwords.is_current(kept):
            with contextlib.suppress(TooManySignIns):  # the next sign-in tries again
                row.password = self._passwords.hashed(password)
                self._keep(row.id, row.password, instead_of=kept)
        return row

    def change_password(self, user_id: str, old: str, new: str, *, keep: Iterable[str]) -> None:
        """Sets a new password and removes the user's tokens.

        Tokens whose ids are in `keep` stay, and so do the access tokens that they have bought.
        Raises `BadField`, `WrongPassword` or `TooManySignIns`.
        """
        check_new(new)
        email = self.get(user_id).email
        changed, kept = self._passwords.hashed(new), list(keep)
        bought = TokenRow.refresh_token_id.is_null(False) & TokenRow.refresh_token_id.in_(kept)
        others = (TokenRow.user_id == user_id) & ~(TokenRow.id.in_(kept) | bought)
        with self.authenticated(email, old):
            self.update(user_id, password=changed)
            TokenRow.delete().where(others).execute(self._store.db)

    def _keep(self, user_id: str, password: str, *, instead_of: str) -> None:
        """Stores a new hash of the same password, unless the password has changed meanwhile."""
        mine = (UserRow.id == user_id) & (UserRow.password == instead_of)
        UserRow.update(password=password).where(mine).execute(self._store.db)

    def update(self, user_id: str, **properties: str) -> User:
        """Raises `NotFound`."""
        changes = {**properties, "update_timestamp": self._clock.now()}
        UserRow.update(**changes).where(UserRow.id == user_id).execute(self._store.db)
        return self.get(user_id)

    def remove(self, user_id: str, *, by: Account = SERVER) -> None:
        """Removes a user and the user's tokens.

        Raises `NotFound`. Raises `NoPermission` if the user may do everything and `by` may not.
        """
        with self._store.transaction():
            require_power_over(by, self.get(user_id).roles)
            for table in (TokenRow, UserRoleRow):
                table.delete().where(table.user_id == user_id).execute(self._store.db)
            UserRow.delete().where(UserRow.id == user_id).execute(self._store.db)

    def _by_email(self, email: str) -> Any:
        return UserRow.select().where(UserRow.email == email.lower()).first(self._store.db)

    def _users(self, rows: list[Any]) -> list[User]:
        roles = self._roles_of([row.id for row in rows])
        users = []
        for row in rows:
            values = dict(row.__data__)
            del values["password"]
            users.append(User(**values, roles=roles.get(row.id, ())))
        return users

    def _roles_of(self, user_ids: Iterable[str]) -> dict[str, tuple[Role, ...]]:
        query = (
            RoleRow.select(RoleRow, UserRoleRow.user_id.alias("owner"))
            .join(UserRoleRow, on=(UserRoleRow.role_id == RoleRow.id))
            .where(UserRoleRow.user_id.in_(list(user_ids)))
            .order_by(RoleRow.name)
        )
        found: dict[str, tuple[Role, ...]] = {}
        for row in query.objects().execute(self._store.db):
            found[row.owner] = (*found.get(row.owner, ()), to_role(row))
        return found
