"""/users/v1: users and global roles, as much as the service's SDK and the exh command ask for."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from flask import Blueprint, request

from emulator.base.errors import EmptyQuery, MissingFields
from emulator.identity.account import require, require_power_over, require_user
from emulator.identity.directory import Directory
from emulator.store.query.model import Query
from emulator.tasks.model import checks
from emulator.web.access import permissions
from emulator.web.access.authentication import caller
from emulator.web.common import listing, requests, rql
from emulator.web.identity_api import identity_json

Json = dict[str, Any]

_MOST = 10_000  # that one request changes


def users(directory: Directory) -> Blueprint:
    users = Blueprint("users", __name__)
    accounts = directory.accounts

    @users.get("/")
    def find() -> Json:
        return listing.answer(accounts.find, identity_json.user)

    @users.get("/me")
    def me() -> Json:
        return identity_json.user(accounts.get(require_user(caller())))

    @users.get("/<user_id>")
    def get(user_id: str) -> Json:
        _require_own(user_id, "VIEW_USER")
        return identity_json.user(accounts.get(checks.object_id(user_id)))

    @users.put("/<user_id>")
    def update(user_id: str) -> Json:
        _require_own(user_id, "UPDATE_USER")
        checks.object_id(user_id)
        changes = requests.read(identity_json.UserChanges, request.get_data())
        if not caller().owns(user_id):
            require_power_over(caller(), accounts.get(user_id).roles)
        return identity_json.user(accounts.update(user_id, **changes.model_dump(exclude_none=True)))

    @users.delete("/<user_id>")
    def remove(user_id: str) -> Json:
        accounts.remove(checks.object_id(user_id), by=caller())
        return {"affectedRecords": 1}

    @users.post("/register")
    def register() -> Json:
        wanted = requests.read(identity_json.NewUser, request.get_data())
        return identity_json.user(accounts.register(**wanted.model_dump()))

    @users.get("/email_available")
    def email_available() -> Json:
        if "email" not in request.args:
            raise MissingFields("required and missing: email")
        return {"emailAvailable": accounts.email_is_free(request.args["email"])}

    @users.put("/password")
    def change_password() -> Json:
        wanted = requests.read(identity_json.PasswordChange, request.get_data())
        user_id = require_user(caller())
        directory.change_password(caller(), wanted.old_password, wanted.new_password)
        return identity_json.user(accounts.get(user_id))

    return users


def roles(directory: Directory) -> Blueprint:
    blueprint = Blueprint("roles", __name__)
    accounts, roles = directory.accounts, directory.roles

    @blueprint.get("/permissions")
    def list_permissions() -> Json:
        known = {each for each in permissions.ENDPOINTS.values() if isinstance(each, str)}
        names = sorted({*known, *permissions.OTHERS, *permissions.ELSEWHERE})
        return {
            "page": {"total": len(names), "offset": 0, "limit": len(names)},
            "data": [identity_json.permission(name) for name in names],
        }

    @blueprint.get("/roles")
    def find() -> Json:
        return listing.answer(roles.find, identity_json.role)

    @blueprint.post("/roles")
    def create() -> Json:
        wanted = requests.read(identity_json.NewRole, request.get_data())
        return identity_json.role(roles.create(wanted.name, wanted.description))

    @blueprint.put("/roles/<role_id>")
    def update(role_id: str) -> Json:
        checks.object_id(role_id)
        changes = requests.read(identity_json.RoleChanges, request.get_data())
        given = changes.model_dump(exclude_none=True)
        return identity_json.role(roles.update(role_id, by=caller(), **given))

    @blueprint.delete("/roles")
    def remove() -> Json:
        return {"affectedRecords": roles.remove(_chosen(), by=caller())}

    @blueprint.post("/roles/add_permissions")
    def add_permissions() -> Json:
        wanted = requests.read(identity_json.PermissionNames, request.get_data())
        changed = roles.add_permissions(_chosen(), wanted.permissions, by=caller())
        return {"affectedRecords": changed}

    @blueprint.post("/roles/remove_permissions")
    def remove_permissions() -> Json:
        wanted = requests.read(identity_json.PermissionNames, request.get_data())
        changed = roles.remove_permissions(_chosen(), wanted.permissions, by=caller())
        return {"affectedRecords": changed}

    @blueprint.post("/add_roles")
    def give() -> Json:
        wanted = requests.read(identity_json.RoleIds, request.get_data())
        users, _ = accounts.find(_chosen())
        roles.give([user.id for user in users], wanted.roles, by=caller())
        return {"affectedRecords": len(users)}

    @blueprint.post("/remove_roles")
    def take() -> Json:
        wanted = requests.read(identity_json.RoleIds, request.get_data())
        users, _ = accounts.find(_chosen())
        roles.take([user.id for user in users], wanted.roles, by=caller())
        return {"affectedRecords": len(users)}

    return blueprint


def _chosen() -> Query:
    """The query that says what to change. Raises `EmptyQuery`, which would mean everything."""
    text = request.query_string.decode("latin-1")
    query = replace(rql.parse(text, default_limit=_MOST, max_limit=_MOST), skip_count=True)
    if query.where is None:
        raise EmptyQuery
    return query


def _require_own(user_id: str, permission: str) -> None:
    if not caller().owns(user_id):
        require(caller(), permission)
