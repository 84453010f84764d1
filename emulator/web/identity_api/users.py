"""/users/v1: users, as much as the service's SDK and the exh command ask for. Views translate."""

from __future__ import annotations

from functools import partial

from flask import request

from taskdock.base import errors
from taskdock.base.errors import MissingFields
from taskdock.base.strict_json import Json
from taskdock.identity.account import require, require_power_over, require_user
from taskdock.identity.accounts import USER_FIELDS
from taskdock.identity.directory import Directory
from taskdock.tasks.model import checks
from taskdock.web.access.authentication import caller
from taskdock.web.common import listing, requests
from taskdock.web.common.descriptions import BY_ID
from taskdock.web.common.endpoint import Endpoint, Gate, Page
from taskdock.web.common.listing import AffectedRecordsJson
from taskdock.web.identity_api import identity_json
from taskdock.web.identity_api.identity_json import (
    EmailAvailableJson,
    NewUser,
    PasswordChange,
    UserChanges,
    UserJson,
)

_EMAIL: Json = {"name": "email", "in": "query", "required": True, "schema": {"type": "string"}}

endpoint = partial(Endpoint, tag="Users")


class UserViews:
    def __init__(self, directory: Directory) -> None:
        self._directory = directory
        self._accounts = directory.accounts

    @endpoint(
        "GET",
        "/users/v1/",
        permission="VIEW_USER",
        summary="List users",
        answer=Page(UserJson),
        query=USER_FIELDS,
    )
    def find(self) -> Json:
        return listing.answer(self._accounts.find, identity_json.user)

    @endpoint(
        "GET",
        "/users/v1/me",
        permission=Gate.USER,
        summary="Who is asking",
        answer=UserJson,
        errors=(errors.NotFound,),
    )
    def me(self) -> UserJson:
        return identity_json.user(self._accounts.get(require_user(caller())))

    @endpoint(
        "GET",
        "/users/v1/<user_id>",
        permission=Gate.VIEW,
        asks=("VIEW_USER",),
        summary="A user; others than oneself with VIEW_USER",
        answer=UserJson,
        errors=BY_ID,
    )
    def get(self, user_id: str) -> UserJson:
        _require_own(user_id, "VIEW_USER")
        return identity_json.user(self._accounts.get(checks.object_id(user_id)))

    @endpoint(
        "PUT",
        "/users/v1/<user_id>",
        permission=Gate.VIEW,
        asks=("UPDATE_USER",),
        summary="Change a user; others than oneself with UPDATE_USER",
        answer=UserJson,
        body=UserChanges,
        example={"language": "NL"},
        errors=BY_ID,
    )
    def update(self, user_id: str) -> UserJson:
        _require_own(user_id, "UPDATE_USER")
        checks.object_id(user_id)
        changes = requests.read(UserChanges, request.get_data())
        if not caller().owns(user_id):
            require_power_over(caller(), self._accounts.get(user_id).roles)
        changed = self._accounts.update(user_id, **changes.model_dump(exclude_none=True))
        return identity_json.user(changed)

    @endpoint(
        "DELETE",
        "/users/v1/<user_id>",
        permission="DELETE_USER",
        summary="Remove a user, with the user's tokens",
        answer=AffectedRecordsJson,
        errors=BY_ID,
    )
    def remove(self, user_id: str) -> AffectedRecordsJson:
        self._accounts.remove(checks.object_id(user_id), by=caller())
        return listing.affected()

    @endpoint(
        "POST",
        "/users/v1/register",
        permission=Gate.ANYONE,
        summary="Register a user",
        answer=UserJson,
        body=NewUser,
        example={
            "firstName": "Ada",
            "lastName": "Walnut",
            "email": "ada@example.com",
            "password": "correct horse",
            "phoneNumber": "+32 0",
            "language": "EN",
            "timeZone": "Europe/Brussels",
        },
        errors=(errors.EmailTaken, errors.TooManySignIns),
    )
    def register(self) -> UserJson:
        asked = requests.read(NewUser, request.get_data())
        return identity_json.user(self._accounts.register(**asked.model_dump()))

    @endpoint(
        "GET",
        "/users/v1/email_available",
        permission=Gate.ANYONE,
        summary="Whether no user has this e-mail address",
        answer=EmailAvailableJson,
        parameters=(_EMAIL,),
        errors=(errors.MissingFields,),
    )
    def email_available(self) -> EmailAvailableJson:
        if "email" not in request.args:
            raise MissingFields("required and missing: email")
        return {"emailAvailable": self._accounts.email_is_free(request.args["email"])}

    @endpoint(
        "PUT",
        "/users/v1/password",
        permission=Gate.USER,
        summary="Change one's password",
        answer=UserJson,
        body=PasswordChange,
        example={"oldPassword": "correct horse", "newPassword": "battery staple"},
        errors=(errors.WrongPassword, errors.NotFound, errors.TooManySignIns),
    )
    def change_password(self) -> UserJson:
        asked = requests.read(PasswordChange, request.get_data())
        user_id = require_user(caller())
        self._directory.change_password(caller(), asked.old_password, asked.new_password)
        return identity_json.user(self._accounts.get(user_id))


def _require_own(user_id: str, permission: str) -> None:
    if not caller().owns(user_id):
        require(caller(), permission)
