"""Global roles: creates, changes and removes roles, and grants them to users.

Owns the table of roles and the table of which user has which role.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from taskdock.base import ids
from taskdock.base.errors import AlreadyExists, BadField, NotFound
from taskdock.base.timing.clock import Clock
from taskdock.identity.account import SERVER, Account, Role, require_power_over
from taskdock.store.database import Store
from taskdock.store.query.fields import Field, FieldKind, Fields
from taskdock.store.query.model import Query
from taskdock.store.query.sqlite import find
from taskdock.store.tables import RoleRow, UserRoleRow

_PERMISSION = re.compile(r"[A-Z][A-Z0-9_]*(:.+)?")
ROLE_FIELDS = Fields(
    {
        "id": Field(RoleRow.id),
        "name": Field(RoleRow.name),
        "description": Field(RoleRow.description),
        "creationTimestamp": Field(RoleRow.creation_timestamp, FieldKind.MOMENT),
        "updateTimestamp": Field(RoleRow.update_timestamp, FieldKind.MOMENT),
    },
    order="creationTimestamp",
)


class Roles:
    def __init__(self, *, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def find(self, query: Query) -> tuple[list[Role], int | None]:
        """One page of roles, and the total where the query asks for one. Raises `BadQuery`."""
        rows, total = find(self._store.db, RoleRow, ROLE_FIELDS, query)
        return [to_role(row) for row in rows], total

    def find_by_name(self, name: str) -> Role | None:
        row = RoleRow.select().where(RoleRow.name == name).first(self._store.db)
        return None if row is None else to_role(row)

    def create(self, name: str, description: str, permissions: Iterable[str] = ()) -> Role:
        """Raises `AlreadyExists`."""
        now = self._clock.now()
        role = Role(
            id=ids.object_id(now),
            name=name,
            description=description,
            permissions=tuple(permissions),
            creation_timestamp=now,
            update_timestamp=now,
        )
        with self._store.transaction():
            self._check_free(name)
            row = {**role.__dict__, "permissions": list(role.permissions)}
            RoleRow.insert(**row).execute(self._store.db)
        return role

    def update(self, role_id: str, *, by: Account = SERVER, **properties: str) -> Role:
        """Raises `NotFound`, `NoPermission`, or `AlreadyExists` for the name of another role."""
        with self._store.transaction():
            role = self._get(role_id)
            require_power_over(by, [role])
            if properties.get("name", role.name) != role.name:
                self._check_free(properties["name"])
            self._write(role_id, **properties)
        return self._get(role_id)

    def remove(self, query: Query, *, by: Account = SERVER) -> int:
        """Removes the roles that the query finds, also from their users. Returns their number.

        Raises `NotFound` if there is none, or `NoPermission`.
        """
        with self._store.transaction():
            chosen = [role.id for role in self._chosen(query, by)]
            UserRoleRow.delete().where(UserRoleRow.role_id.in_(chosen)).execute(self._store.db)
            RoleRow.delete().where(RoleRow.id.in_(chosen)).execute(self._store.db)
        return len(chosen)

    def add_permissions(self, query: Query, names: Iterable[str], *, by: Account = SERVER) -> int:
        """Adds the permissions to every role that the query finds; returns the number of roles.

        Raises `BadField`, `NotFound` or `NoPermission`.
        """
        added = _checked(names)
        with self._store.transaction():
            chosen = self._chosen(query, by)
            for role in chosen:
                self._write(role.id, permissions=sorted({*role.permissions, *added}))
        return len(chosen)

    def remove_permissions(
        self, query: Query, names: Iterable[str], *, by: Account = SERVER
    ) -> int:
        """Removes the permissions from every role that is found; returns the number of roles.

        Raises `BadField`, `NotFound` or `NoPermission`.
        """
        removed = _checked(names)
        with self._store.transaction():
            chosen = self._chosen(query, by)
            for role in chosen:
                self._write(role.id, permissions=sorted({*role.permissions} - removed))
        return len(chosen)

    def give(
        self, user_ids: Iterable[str], role_ids: Iterable[str], *, by: Account = SERVER
    ) -> None:
        """Grants every role to every user. Raises `NotFound` for a role, or `NoPermission`."""
        with self._store.transaction():
            given = [self._get(role_id) for role_id in role_ids]
            require_power_over(by, given)
            pairs = [{"user_id": user, "role_id": role.id} for user in user_ids for role in given]
            if pairs:
                UserRoleRow.insert_many(pairs).on_conflict_ignore().execute(self._store.db)

    def take(
        self, user_ids: Iterable[str], role_ids: Iterable[str], *, by: Account = SERVER
    ) -> None:
        """Takes every role from every user. Raises `NoPermission`."""
        role_ids = list(role_ids)
        rows = RoleRow.select().where(RoleRow.id.in_(role_ids)).execute(self._store.db)
        require_power_over(by, map(to_role, rows))
        mine = UserRoleRow.user_id.in_(list(user_ids)) & UserRoleRow.role_id.in_(role_ids)
        UserRoleRow.delete().where(mine).execute(self._store.db)

    def _chosen(self, query: Query, by: Account) -> list[Role]:
        roles, _ = self.find(query)
        if not roles:
            raise NotFound("there is no such role")
        require_power_over(by, roles)
        return roles

    def _get(self, role_id: str) -> Role:
        row = RoleRow.select().where(RoleRow.id == role_id).first(self._store.db)
        if row is None:
            raise NotFound(f"there is no role {role_id}")
        return to_role(row)

    def _check_free(self, name: str) -> None:
        if self.find_by_name(name) is not None:
            raise AlreadyExists(f"there is a role named '{name}' already")

    def _write(self, role_id: str, **changes: Any) -> None:
        changes["update_timestamp"] = self._clock.now()
        RoleRow.update(**changes).where(RoleRow.id == role_id).execute(self._store.db)


def to_role(row: Any) -> Role:
    return Role(
        id=row.id,
        name=row.name,
        description=row.description,
        permissions=tuple(row.permissions),
        creation_timestamp=row.creation_timestamp,
        update_timestamp=row.update_timestamp,
    )


def _checked(names: Iterable[str]) -> set[str]:
    checked = set(names)
    for name in checked:
        if not _PERMISSION.fullmatch(name):
            raise BadField(f"permissions: '{name[:80]}' is not the name of a permission")
    if not checked:
        raise BadField("permissions: at least one is needed")
    return checked
