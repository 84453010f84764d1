"""/users/v1: global roles and their permissions, and who has them. Views translate."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from flask import current_app, request

from taskdock.base import errors
from taskdock.base.errors import EmptyQuery
from taskdock.base.strict_json import Json
from taskdock.identity.accounts import USER_FIELDS
from taskdock.identity.directory import Directory
from taskdock.identity.roles import ROLE_FIELDS
from taskdock.store.query.model import Query
from taskdock.tasks.model import checks
from taskdock.web.access import permissions
from taskdock.web.access.authentication import caller
from taskdock.web.common import listing, requests
from taskdock.web.common.descriptions import BY_ID, ID
from taskdock.web.common.endpoint import Endpoint, Gate, Page
from taskdock.web.common.listing import AffectedRecordsJson
from taskdock.web.common.rql import parser as rql
from taskdock.web.identity_api import identity_json
from taskdock.web.identity_api.identity_json import (
    NewRole,
    PermissionJson,
    PermissionNames,
    RoleChanges,
    RoleIds,
    RoleJson,
)

_MAX_CHANGED = 10_000  # rows, by one request

endpoint = partial(Endpoint, tag="Roles")


class RoleViews:
    def __init__(self, directory: Directory) -> None:
        self._accounts = directory.accounts
        self._roles = directory.roles

    @endpoint(
        "GET",
        "/users/v1/permissions",
        permission=Gate.ANYONE,
        summary="List permissions",
        answer=Page(PermissionJson, has_query=False),
    )
    def list_permissions(self) -> Json:
        names = permissions.names(current_app.url_map)
        return listing.whole([identity_json.permission(name) for name in names])

    @endpoint(
        "GET",
        "/users/v1/roles",
        permission="VIEW_ROLE",
        summary="List global roles",
        answer=Page(RoleJson),
        query=ROLE_FIELDS,
    )
    def find(self) -> Json:
        return listing.answer(self._roles.find, identity_json.role)

    @endpoint(
        "POST",
        "/users/v1/roles",
        permission="CREATE_ROLE",
        summary="Create a global role",
        answer=RoleJson,
        body=NewRole,
        example={"name": "reader", "description": "May look at tasks"},
        errors=(errors.AlreadyExists,),
    )
    def create(self) -> RoleJson:
        asked = requests.read(NewRole, request.get_data())
        return identity_json.role(self._roles.create(asked.name, asked.description))

    @endpoint(
        "PUT",
        "/users/v1/roles/<role_id>",
        permission="UPDATE_ROLE",
        summary="Change a global role",
        answer=RoleJson,
        body=RoleChanges,
        example={"description": "May look at tasks and logs"},
        errors=(*BY_ID, errors.AlreadyExists),
    )
    def update(self, role_id: str) -> RoleJson:
        checks.object_id(role_id)
        changes = requests.read(RoleChanges, request.get_data())
        given = changes.model_dump(exclude_none=True)
        return identity_json.role(self._roles.update(role_id, by=caller(), **given))

    @endpoint(
        "DELETE",
        "/users/v1/roles",
        permission="DELETE_ROLE",
        summary="Remove the global roles that the query finds",
        answer=AffectedRecordsJson,
        query=ROLE_FIELDS,
        selects=True,
        errors=(errors.NotFound,),
    )
    def remove(self) -> AffectedRecordsJson:
        return listing.affected(self._roles.remove(_chosen(), by=caller()))

    @endpoint(
        "POST",
        "/users/v1/roles/add_permissions",
        permission="ADD_ROLE_PERMISSION",
        summary="Add permissions to the global roles that the query finds",
        answer=AffectedRecordsJson,
        body=PermissionNames,
        example={"permissions": ["VIEW_TASKS"]},
        query=ROLE_FIELDS,
        selects=True,
        errors=(errors.NotFound,),
    )
    def add_permissions(self) -> AffectedRecordsJson:
        asked = requests.read(PermissionNames, request.get_data())
        changed = self._roles.add_permissions(_chosen(), asked.permissions, by=caller())
        return listing.affected(changed)

    @endpoint(
        "POST",
        "/users/v1/roles/remove_permissions",
        permission="REMOVE_ROLE_PERMISSION",
        summary="Take permissions from the global roles that the query finds",
        answer=AffectedRecordsJson,
        body=PermissionNames,
        example={"permissions": ["VIEW_TASKS"]},
        query=ROLE_FIELDS,
        selects=True,
        errors=(errors.NotFound,),
    )
    def remove_permissions(self) -> AffectedRecordsJson:
        asked = requests.read(PermissionNames, request.get_data())
        changed = self._roles.remove_permissions(_chosen(), asked.permissions, by=caller())
        return listing.affected(changed)

    @endpoint(
        "POST",
        "/users/v1/add_roles",
        permission="ADD_ROLE_TO_USER",
        summary="Give roles to the users that the query finds",
        answer=AffectedRecordsJson,
        body=RoleIds,
        example={"roles": [ID]},
        query=USER_FIELDS,
        selects=True,
        errors=(errors.NotFound,),
    )
    def give(self) -> AffectedRecordsJson:
        asked = requests.read(RoleIds, request.get_data())
        users, _ = self._accounts.find(_chosen())
        self._roles.give([user.id for user in users], asked.roles, by=caller())
        return listing.affected(len(users))

    @endpoint(
        "POST",
        "/users/v1/remove_roles",
        permission="REMOVE_ROLE_FROM_USER",
        summary="Take roles from the users that the query finds",
        answer=AffectedRecordsJson,
        body=RoleIds,
        example={"roles": [ID]},
        query=USER_FIELDS,
        selects=True,
    )
    def take(self) -> AffectedRecordsJson:
        asked = requests.read(RoleIds, request.get_data())
        users, _ = self._accounts.find(_chosen())
        self._roles.take([user.id for user in users], asked.roles, by=caller())
        return listing.affected(len(users))


def _chosen() -> Query:
    """The query that says what to change. Raises `EmptyQuery`, which would mean everything."""
    text = request.query_string.decode("latin-1")
    query = replace(
        rql.parse(text, default_limit=_MAX_CHANGED, max_limit=_MAX_CHANGED), skip_count=True
    )
    if query.where is None:
        raise EmptyQuery
    return query
