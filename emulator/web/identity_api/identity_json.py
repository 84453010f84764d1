"""Users and roles as requests have them and as answers show them.

Names in requests may be in either case, first_name or firstName: the service's SDK sends the one,
its documentation speaks of the other. Answers are in camelCase.
"""

from __future__ import annotations

from typing import Annotated, TypedDict

from pydantic import ConfigDict, Field, StrictStr

from taskdock.base.strict_json import IsoTime, ObjectId
from taskdock.base.timing.clock import to_iso
from taskdock.identity.account import Role, User
from taskdock.identity.passwords import LONGEST, SHORTEST
from taskdock.web.common.requests import Wire

Name = Annotated[StrictStr, Field(min_length=1, max_length=256)]
NewPassword = Annotated[StrictStr, Field(min_length=SHORTEST, max_length=LONGEST)]


class EitherCase(Wire):
    model_config = ConfigDict(populate_by_name=True)


class NewUser(EitherCase):
    first_name: Name
    last_name: Name
    email: Name
    password: NewPassword
    phone_number: Annotated[StrictStr, Field(max_length=256)]
    language: Annotated[StrictStr, Field(min_length=2, max_length=16)]
    time_zone: Name = "UTC"


class UserChanges(EitherCase):
    first_name: Name | None = None
    last_name: Name | None = None
    phone_number: Annotated[StrictStr, Field(max_length=256)] | None = None
    language: Annotated[StrictStr, Field(min_length=2, max_length=16)] | None = None
    time_zone: Name | None = None


class PasswordChange(EitherCase):
    old_password: Name
    new_password: NewPassword


class NewRole(EitherCase):
    name: Name
    description: StrictStr


class RoleChanges(EitherCase):
    name: Name | None = None
    description: StrictStr | None = None


class PermissionNames(EitherCase):
    permissions: list[Name]


class RoleIds(EitherCase):
    roles: list[Name]


class PermissionJson(TypedDict):
    name: str
    description: str


class RoleJson(TypedDict):
    id: ObjectId
    name: str
    description: str
    permissions: list[PermissionJson]
    creationTimestamp: IsoTime
    updateTimestamp: IsoTime


class UserJson(TypedDict):
    id: ObjectId
    email: str
    firstName: str
    lastName: str
    phoneNumber: str
    language: str
    timeZone: str
    activation: bool
    roles: list[RoleJson]
    creationTimestamp: IsoTime
    updateTimestamp: IsoTime


class EmailAvailableJson(TypedDict):
    emailAvailable: bool


def user(shown: User) -> UserJson:
    return {
        "id": shown.id,
        "email": shown.email,
        "firstName": shown.first_name,
        "lastName": shown.last_name,
        "phoneNumber": shown.phone_number,
        "language": shown.language,
        "timeZone": shown.time_zone,
        "activation": True,
        "roles": [role(each) for each in shown.roles],
        "creationTimestamp": to_iso(shown.creation_timestamp),
        "updateTimestamp": to_iso(shown.update_timestamp),
    }


def role(shown: Role) -> RoleJson:
    return {
        "id": shown.id,
        "name": shown.name,
        "description": shown.description,
        "permissions": [permission(name) for name in shown.permissions],
        "creationTimestamp": to_iso(shown.creation_timestamp),
        "updateTimestamp": to_iso(shown.update_timestamp),
    }


def permission(name: str) -> PermissionJson:
    return {"name": name, "description": name.replace("_", " ").capitalize()}
