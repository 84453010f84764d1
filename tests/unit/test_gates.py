"""The gates of endpoints: who is let in without a permission, and who with one."""

import re

import pytest

from taskdock.base.errors import NoPermission, NotSignedIn
from taskdock.identity.account import EVERYTHING, NOBODY, Account
from taskdock.web.access import permissions
from taskdock.web.common.endpoint import Gate
from tests.support.endpoints import ENDPOINTS, PERMISSIONS

ADA = Account(user_id="a" * 24, application_id="b" * 24, permissions=frozenset({"VIEW_TASKS"}))
BOSS = Account(user_id="c" * 24, application_id="b" * 24, permissions=frozenset({EVERYTHING}))
PROGRAM = Account(application_id="b" * 24)


def behind(gate):
    return {name for name, endpoint in ENDPOINTS.items() if endpoint.permission is gate}


def test_only_these_endpoints_let_anybody_in():
    assert behind(Gate.ANYONE) == {
        "GET /health",
        "GET /openapi.json",
        "GET /docs",
        "GET /docs/*",
        "GET /events/v1/health",
        "POST /users/v1/register",
        "GET /users/v1/email_available",
        "GET /users/v1/permissions",
        "POST /auth/v2/oauth1/tokens",
        "POST /auth/v2/oauth2/tokens",
    }


def test_only_these_endpoints_ask_for_what_the_request_names():
    """Their views do."""
    assert behind(Gate.VIEW) == {
        "POST /tasks/v1/functions/*/execute",
        "ANY /tasks/v1/api/*",
        "ANY /tasks/v1/api/*/*",
        "GET /users/v1/*",
        "PUT /users/v1/*",
    }


def test_only_awss_lambda_api_is_for_the_machine():
    dated = re.compile(r"[A-Z]+ /\d{4}-\d\d-\d\d/")
    apart = {each for each in behind(Gate.MACHINE) if not dated.match(each)}

    assert apart == {"ANY /*/*"}


@pytest.mark.parametrize(
    ("account", "wanted", "refusal"),
    [
        (NOBODY, Gate.ANYONE, None),
        (NOBODY, Gate.VIEW, None),
        (NOBODY, Gate.USER, NotSignedIn),
        (PROGRAM, Gate.USER, NotSignedIn),
        (ADA, Gate.USER, None),
        (NOBODY, "VIEW_TASKS", NotSignedIn),
        (PROGRAM, "VIEW_TASKS", NotSignedIn),
        (ADA, "VIEW_TASKS", None),
        (ADA, "CREATE_TASKS", NoPermission),
        (BOSS, "CREATE_TASKS", None),
    ],
)
def test_a_gate_lets_in_who_may(account, wanted, refusal):
    if refusal is None:
        permissions.check(account, wanted)
    else:
        with pytest.raises(refusal):
            permissions.check(account, wanted)


def test_a_permission_belongs_to_an_endpoint_or_is_said_to_be_asked_for_elsewhere():
    assert PERMISSIONS.isdisjoint(permissions.ELSEWHERE)
