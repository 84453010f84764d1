"""What the command hides from who looks over the shoulder, and how to see it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from click.testing import CliRunner, Result

from taskdock.client.console import secrets
from taskdock.commands import main
from tests.support.stub_service import StubService

Taskdock = Callable[..., Result]
NOTE = "******** is in place of what may be secret; to see it: --show-secrets\n"


@pytest.fixture
def stub() -> Iterator[StubService]:
    with StubService() as stub:
        yield stub


@pytest.fixture
def taskdock(stub: StubService) -> Taskdock:
    def call(*words: str) -> Result:
        return CliRunner().invoke(main, words, env={"TASKDOCK_URL": stub.url})

    return call


@pytest.mark.parametrize(
    "name",
    [
        *("password", "dbPassword", "PASSWD", "passphrase", "secret", "clientSecret", "token"),
        *("access_token", "tokenSecret", "apiKey", "api-key", "x-api-key", "privateKey", "cookie"),
        *("authorization", "Set-Cookie", "credentials", "aws_session_token", "oauth_signature"),
    ],
)
def test_a_text_is_hidden_by_its_name(name: str) -> None:
    event = {"data": [{name: "oak", "legs": 4}]}

    assert secrets.hidden(event) == {"data": [{name: "********", "legs": 4}]}


def test_all_texts_below_such_a_name_are_hidden() -> None:
    value = {"credentials": {"user": "ada", "list": ["oak", 7, None, ""]}}

    assert secrets.hidden(value) == {
        "credentials": {"user": "********", "list": ["********", 7, None, ""]}
    }


@pytest.mark.parametrize(
    "value",
    [{"name": "Ada", "keys": ["a"], "passenger": "Bob"}, {"maxTokens": 5}, "token", None, 7],
)
def test_anything_else_is_shown(value: Any) -> None:
    assert secrets.hidden(value) == value


def test_a_query_is_shown_without_its_secrets() -> None:
    assert secrets.hidden_in_query("/a/token=1?x=1&access_token=abc&y=") == (
        "/a/token=1?x=1&access_token=********&y="
    )


VARIABLES = {"COLOR": {"value": "green"}, "EMPTY": {"value": ""}}


def test_variables_of_a_function_are_hidden_from_people(
    taskdock: Taskdock, stub: StubService
) -> None:
    stub.add_function("hello", environmentVariables=VARIABLES)

    shown = taskdock("functions", "show", "hello")
    revealed = taskdock("functions", "show", "hello", "--show-secrets")
    as_json = taskdock("functions", "show", "hello", "--json")

    assert "green" not in shown.output
    assert '{"COLOR": {"value": "********"}, "EMPTY": {"value": ""}}' in shown.stdout
    assert shown.stderr == NOTE
    assert '{"COLOR": {"value": "green"}, "EMPTY": {"value": ""}}' in revealed.stdout
    assert revealed.stderr == as_json.stderr == ""
    assert json.loads(as_json.stdout)["environmentVariables"] == VARIABLES


def test_nothing_is_said_of_secrets_where_there_is_none(
    taskdock: Taskdock, stub: StubService
) -> None:
    stub.add_function("hello", environmentVariables={})
    task = stub.add_task("hello", data={"name": "Ada"})

    assert taskdock("functions", "show", "hello").stderr == ""
    assert taskdock("tasks", "show", task["id"]).stderr == ""


def test_secrets_in_the_data_of_a_task_are_hidden(taskdock: Taskdock, stub: StubService) -> None:
    data = {"name": "Ada", "password": "oak"}
    task = stub.add_task("hello", data=data)

    shown = taskdock("tasks", "show", task["id"])
    as_json = taskdock("tasks", "show", task["id"], "--json")

    assert '{"name": "Ada", "password": "********"}' in shown.stdout
    assert shown.stderr == NOTE
    assert '"password": "oak"' in taskdock("tasks", "show", task["id"], "--show-secrets").stdout
    assert json.loads(as_json.stdout)["data"] == data
