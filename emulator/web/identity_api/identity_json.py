"""What requests and answers of /users/v1 and /auth/v2 look like on the wire.

Requests may have their names in either case, first_name or firstName: the service's SDK sends the
one, its documentation speaks of the other. Answers are in camelCase.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import ConfigDict, Field, StrictStr

from emulator.base.timing.clock import to_iso
from emulator.identity.account import Application, Role, Token, TokenKind, User
from emulator.identity.passwords import LONGEST, SHORTEST
from emulator.web.common.requests import Wire

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


class Login(EitherCase):
    email: StrictStr
    password: StrictStr


class Grant(EitherCase):
    """An OAuth2 token request; RFC 6749 has its names in snake_case."""

    grant_type: StrictStr
    client_id: StrictStr | None = None
    client_secret: StrictStr | None = None
    username: StrictStr | None = None
    password: StrictStr | None = None
    refresh_token: StrictStr | None = None


def user(shown: User) -> dict[str, Any]:
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


def role(shown: Role) -> dict[str, Any]:
    return {
        "id": shown.id,
        "name": shown.name,
        "description": shown.description,
        "permissions": [permission(name) for name in shown.permissions],
        "creationTimestamp": to_iso(shown.creation_timestamp),
        "updateTimestamp": to_iso(shown.update_timestamp),
    }


def permission(name: str) -> dict[str, Any]:
    return {"name": name, "description": name.replace("_", " ").capitalize()}


def token(shown: Token) -> dict[str, Any]:
    """As lists have it. The service has announced to leave secrets out of its lists; here they
    are left out."""
    fields: dict[str, Any] = {
        "id": shown.id,
        "applicationId": shown.application_id,
        "userId": shown.user_id,
    }
    if shown.kind is TokenKind.OAUTH1:
        fields["token"] = shown.token
    if shown.refresh_token_id is not None:
        fields["refreshTokenId"] = shown.refresh_token_id
    if shown.expiry_timestamp is not None:
        fields["expiryTimestamp"] = to_iso(shown.expiry_timestamp)
    return {
        **fields,
        "lastUsedTimestamp": to_iso(shown.last_used_timestamp),
        "creationTimestamp": to_iso(shown.creation_timestamp),
        "updateTimestamp": to_iso(shown.update_timestamp),
    }


def application(shown: Application) -> dict[str, Any]:
    """With one version, whose credentials serve OAuth1 and OAuth2 alike."""
    times = {
        "creationTimestamp": to_iso(shown.creation_timestamp),
        "updateTimestamp": to_iso(shown.update_timestamp),
    }
    return {
        "id": shown.id,
        "name": shown.name,
        "description": shown.description,
        "type": "oauth1",
        "versions": [
            {
                "id": shown.id,
                "name": "v1",
                "consumerKey": shown.consumer_key,
                "consumerSecret": shown.consumer_secret,
                "clientId": shown.client_id,
                "clientSecret": shown.client_secret,
                "creationTimestamp": times["creationTimestamp"],
            }
        ],
        **times,
    }
