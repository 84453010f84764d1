"""The endpoints of the real service that taskdock has not. Doubles answer calls of them, and one
without a double is refused as that.

Otherwise `/users/v1/staff` would be taken for the user with the id `staff`.

The list is that of the published JavaScript SDK 8.14.1; a test compares the two.
"""

from __future__ import annotations

import re

from taskdock.base.errors import NoSuchEndpoint

SERVICES = frozenset(
    {
        "configurations",
        "data",
        "dispatchers",
        "files",
        "localizations",
        "logs",
        "mail",
        "notifications",
        "payments",
        "profiles",
        "templates",
    }
)
"""Whole services: all that begins with /NAME/v and a number."""

ENDPOINTS = frozenset(
    {
        "POST /auth/v2/applications",
        "DELETE /auth/v2/applications/*",
        "PUT /auth/v2/applications/*",
        "POST /auth/v2/applications/*/versions",
        "DELETE /auth/v2/applications/*/versions/*",
        "GET /auth/v2/mfa/users/*",
        "POST /auth/v2/mfa/users/*/disable",
        "POST /auth/v2/mfa/users/*/enable",
        "POST /auth/v2/mfa/users/*/methods",
        "POST /auth/v2/mfa/users/*/methods/*/remove",
        "POST /auth/v2/mfa/users/*/methods/*/verification/confirm",
        "POST /auth/v2/oauth1/ssoTokens/consume",
        "POST /auth/v2/oauth1/ssoTokens/generate",
        "POST /auth/v2/oauth1/tokens/mfa",
        "GET /auth/v2/oauth2/authorizations",
        "POST /auth/v2/oauth2/authorizations",
        "DELETE /auth/v2/oauth2/authorizations/*",
        "GET /auth/v2/oidc/loginAttempts",
        "GET /auth/v2/oidc/providers",
        "POST /auth/v2/oidc/providers",
        "DELETE /auth/v2/oidc/providers/*",
        "PUT /auth/v2/oidc/providers/*",
        "POST /auth/v2/oidc/providers/*/disable",
        "POST /auth/v2/oidc/providers/*/enable",
        "POST /auth/v2/oidc/providers/*/generateAuthenticationUrl",
        "POST /auth/v2/oidc/providers/*/link",
        "POST /auth/v2/oidc/providers/*/oAuth2Login",
        "POST /auth/v2/oidc/users/*/unlink",
        "POST /events/v1",
        "POST /logout",
        "DELETE /users/v1",
        "PUT /users/v1/*/email",
        "POST /users/v1/*/patient_enlistments",
        "DELETE /users/v1/*/patient_enlistments/*",
        "DELETE /users/v1/*/profile_image",
        "PUT /users/v1/*/profile_image",
        "GET /users/v1/activation",
        "POST /users/v1/activation",
        "GET /users/v1/activation_requests",
        "DELETE /users/v1/activation_requests/*",
        "POST /users/v1/add_to_staff",
        "POST /users/v1/authenticate",
        "POST /users/v1/confirm_password",
        "GET /users/v1/email_templates",
        "PUT /users/v1/email_templates",
        "GET /users/v1/forgot_password",
        "POST /users/v1/forgot_password",
        "GET /users/v1/forgot_password_requests",
        "DELETE /users/v1/forgot_password_requests/*",
        "DELETE /users/v1/groups/*/roles",
        "GET /users/v1/groups/*/roles",
        "POST /users/v1/groups/*/roles",
        "PUT /users/v1/groups/*/roles/*",
        "POST /users/v1/groups/*/roles/add_permissions",
        "POST /users/v1/groups/*/roles/remove_permissions",
        "POST /users/v1/groups/*/staff/add_roles",
        "POST /users/v1/groups/*/staff/remove_roles",
        "GET /users/v1/groups/permissions",
        "GET /users/v1/health",
        "GET /users/v1/password_policy",
        "PUT /users/v1/password_policy",
        "GET /users/v1/patients",
        "POST /users/v1/remove_from_staff",
        "GET /users/v1/settings/verification",
        "PUT /users/v1/settings/verification",
        "GET /users/v1/staff",
    }
)
"""Of services that are here in part: a method and a path, each variable part of which is a *."""

_SERVICE = re.compile(rf"/(?:{'|'.join(sorted(SERVICES))})/v\d+(?:/.*)?", re.DOTALL)
_ENDPOINT = re.compile("|".join(re.escape(each).replace(r"\*", "[^/]+") for each in ENDPOINTS))


def check(method: str, path: str) -> None:
    """Raises `NoSuchEndpoint` for an endpoint of the real service alone. `path` is decoded."""
    if has(method, path):
        raise NoSuchEndpoint(f"{told(method, path)}; /docs lists all")


def has(method: str, path: str) -> bool:
    """Whether only the real service has this endpoint. `path` is decoded."""
    if path.startswith("/tasks/"):
        return False  # no more endpoints there, and most calls are
    asked = f"{'GET' if method == 'HEAD' else method} {path.rstrip('/')}"
    return bool(_SERVICE.fullmatch(path) or _ENDPOINT.fullmatch(asked))


def told(method: str, path: str) -> str:
    return (
        f"Extra Horizon has {method} {path[:200]}, and taskdock has not: it serves the Task"
        " Service, and of events, users and auth what working with tasks needs"
    )
