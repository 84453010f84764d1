"""The fields of task-config.json about execution: who may, how early, with whose credentials."""

from __future__ import annotations

import re
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

CREDENTIALS = "executionCredentials"
"""The field of a request, before it is sent: the service has no such field."""
HOST = "API_HOST"
CONSUMER = ("API_OAUTH_CONSUMER_KEY", "API_OAUTH_CONSUMER_SECRET")
TOKEN = ("API_OAUTH_TOKEN", "API_OAUTH_TOKEN_SECRET")
VARIABLES = (HOST, *CONSUMER, *TOKEN)
"""The variables of a function that has credentials of its own."""

PermissionMode = Literal["permissionRequired", "allUsers", "public"]

_EMAIL = re.compile(r".+@.+\..+")  # the user service's own check, and its limit
_LONGEST_EMAIL = 256


class ConfigModel(BaseModel):
    """A JSON object of task-config.json, with no other fields than it may have."""

    model_config = ConfigDict(
        alias_generator=to_camel, extra="forbid", frozen=True, strict=True, populate_by_name=False
    )

    def written(self) -> dict[str, Any]:
        """The object as it is in the file, without what is left out."""
        return self.model_dump(by_alias=True, exclude_none=True)


class ExecutionOptionsConfig(ConfigModel):
    """The service's own object of what the file has as executionPermission and defaultPriority."""

    permission_mode: PermissionMode | None = None
    default_priority: int | None = None


class ExecutionCredentialsConfig(ConfigModel):
    """The permissions of a function's own user."""

    permissions: list[str]
    email: str | None = None


def options_of(
    whole: ExecutionOptionsConfig | None, permission: str | None, priority: int | None
) -> dict[str, Any]:
    """The executionOptions of a request. Raises `ValueError` where a field is given twice, as two
    values."""
    options = {} if whole is None else whole.written()
    for name, given, field in (
        ("executionPermission", permission, "permissionMode"),
        ("defaultPriority", priority, "defaultPriority"),
    ):
        if given is None:
            continue
        if options.get(field, given) != given:
            raise ValueError(f"{name} is {given}, and executionOptions.{field} {options[field]}")
        options[field] = given
    return options


def check_credentials(
    credentials: ExecutionCredentialsConfig | None, environment: dict[str, str] | None
) -> None:
    """Raises `ValueError` for what the service's own tool refuses."""
    if credentials is None:
        return
    own = [name for name in VARIABLES if name in (environment or {})]
    if own:
        raise ValueError(
            f"environment has {', '.join(own)}, which executionCredentials sets; leave out one"
        )
    email = credentials.email
    if email is not None and not (len(email) <= _LONGEST_EMAIL and _EMAIL.fullmatch(email)):
        raise ValueError(f"executionCredentials.email {email} is no e-mail address")
