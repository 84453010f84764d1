"""Accounts: registers, finds, changes and removes users; says what a user may. Owns their table."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from emulator import ids
from emulator.clock import Clock
from emulator.errors import BadField, EmailTaken, NotFound, WrongPassword
from emulator.identity import passwords
from emulator.identity.account import Account, Role, User
from emulator.identity.roles import to_role
from emulator.store.database import Store
from emulator.store.find import find
from emulator.store.query import Query
from emulator.store.queryable import Field, Fields, Kind
from emulator.store.tables import RoleRow, TokenRow, UserRoleRow, UserRow

_EMAIL = re.compile(r".+@.+\..+")
_MAX_EMAIL = 256
USER_FIELDS = Fields(
    {
        "id": Field(UserRow.id),
        "email": Field(UserRow.email),
        "firstName": Field(UserRow.first_name),
        "lastName": Field(UserRow.last_name),
        "phoneNumber": Field(UserRow.phone_number),
        "language": Field(UserRow.language),
        "timeZone": Field(UserRow.time_zone),
        "creationTimestamp": Field(UserRow.creation_timestamp, Kind.MOMENT),
        "updateTimestamp": Field(UserRow.update_timestamp, Kind.MOMENT),
    },
    order="creationTimestamp",
)


class Accounts:
    def __init__(self, *, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def account(self, user_id: str, application_id: str | None) -> Account:
        """The user at work through an application, with the permissions of the user's roles."""
        roles = self._roles_of([user_id]).get(user_id, ())
        return Account(
            user_id=user_id,
            application_id=application_id,
            permissions=frozenset(name for role in roles for name in role.permissions),
        )

    def register(self, email: str, password: str | None, **properties: str) -> User:
        """A new user, without roles. Raises `BadField` or `EmailTaken`."""
        email = email.lower()
        if len(email) > _MAX_EMAIL or not _EMAIL.fullmatch(email):
            raise BadField(f"email: '{email[:80]}' is not an e-mail address")
        user_id, now = ids.object_id(), self._clock.now()
        row = {
            "id": user_id,
            "email": email,
            "password": None if password is None else passwords.hashed(password),
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
        """One page of users, and how many there are in all. Raises `BadQuery`."""
        rows, total = find(self._store.db, UserRow, USER_FIELDS, query)
        return self._users(rows), total

    def authenticate(self, email: str, password: str) -> User:
        """Raises `WrongPassword`, whichever of the two is wrong."""
        row = self._by_email(email)
        if row is None or not passwords.matches(password, row.password):
            raise WrongPassword
        return self._users([row])[0]

    def change_password(self, user_id: str, old: str, new: str) -> None:
        """Raises `WrongPassword`."""
        self.authenticate(self.get(user_id).email, old)
        self.update(user_id, password=passwords.hashed(new))

    def update(self, user_id: str, **properties: str) -> User:
        """Raises `NotFound`."""
        changes = {**properties, "update_timestamp": self._clock.now()}
        UserRow.update(**changes).where(UserRow.id == user_id).execute(self._store.db)
        return self.get(user_id)

    def remove(self, user_id: str) -> None:
        """With the user's tokens. Raises `NotFound`."""
        with self._store.transaction():
            self.get(user_id)
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
