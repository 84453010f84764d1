"""The variables by which a function calls the Task Service."""

from datetime import datetime, timezone
from pathlib import Path

import pytest

from emulator.functions.function import Function
from emulator.lambdas import launch

NOON = datetime(2026, 1, 2, 12, 0, tzinfo=timezone.utc)
OURS = {"API_OAUTH_TOKEN": "ours", "API_OAUTH_TOKEN_SECRET": "our secret"}
INSIDE = "http://localhost.taskdock:8080"


def environment(**variables):
    function = Function(name="oak", code="c", environment=variables, update_timestamp=NOON)
    return launch.spec(
        function,
        environment_id="e" * 16,
        image="image",
        code=Path("/code"),
        custom_runtime=False,
        addresses=launch.Addresses(runtime_api=9001, task_service=8080),
        credentials=OURS,
        server="s",
        now=NOON,
    ).environment


def test_a_function_that_sets_nothing_gets_the_address_and_credentials():
    assert environment().items() >= {"API_HOST": INSIDE, **OURS}.items()


@pytest.mark.parametrize(
    "host",
    [
        "http://localhost:8080",
        "http://localhost:8080/",
        "http://127.0.0.1:8080",
        "http://[::1]:8080",
    ],
)
def test_the_address_that_we_have_outside_is_made_to_work_inside(host):
    assert environment(API_HOST=host)["API_HOST"] == INSIDE


@pytest.mark.parametrize(
    "host",
    ["http://localhost:8081", "http://localhost:80800", "https://api.example.com", INSIDE],
)
def test_any_other_address_is_the_functions_own_business(host):
    assert environment(API_HOST=host)["API_HOST"] == host


def test_a_function_with_a_credential_of_its_own_gets_none_of_ours():
    made = environment(API_OAUTH_TOKEN="own")

    assert made["API_OAUTH_TOKEN"] == "own"
    assert "API_OAUTH_TOKEN_SECRET" not in made
