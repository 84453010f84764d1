"""Reading task-config.json."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from taskdock.client.deployment.config import task_config
from taskdock.client.deployment.config.task_config import TaskConfig
from taskdock.client.errors import BadTaskConfig

SMALLEST = {"name": "hello", "path": "src", "entryPoint": "index.handler", "runtime": "python3.12"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "index.py").write_text("handler = print")
    return tmp_path


def read(
    folder: Path,
    fields: object,
    *,
    given: dict[str, Any] | None = None,
    environment: dict[str, str] | None = None,
    caller: dict[str, str] | None = None,
    allow: task_config.Allow = lambda *_: None,
) -> TaskConfig:
    file = folder / task_config.FILE_NAME
    file.write_text(fields if isinstance(fields, str) else json.dumps(fields))
    return task_config.read(
        file,
        given=given or {},
        environment=environment or {},
        caller_environment=caller or {},
        allow=allow,
    )


def test_a_full_file_becomes_the_request_that_creates_the_function(folder: Path) -> None:
    config = read(
        folder,
        {
            **SMALLEST,
            "$schema": "https://example.com/TaskConfig.json",
            "description": "greets",
            "timeLimit": 10,
            "memoryLimit": 256,
            "environment": {"PLACE": "world"},
            "executionPermission": "public",
            "defaultPriority": 5,
            "retryPolicy": {"enabled": True, "errorsToRetry": ["TypeError"]},
        },
    )

    body = config.to_request(folder)

    assert body.pop("code")
    assert body == {
        "name": "hello",
        "description": "greets",
        "entryPoint": "index.handler",
        "runtime": "python3.12",
        "timeLimit": 10,
        "memoryLimit": 256,
        "environmentVariables": {"PLACE": {"value": "world"}},
        "executionOptions": {"permissionMode": "public", "defaultPriority": 5},
        "retryPolicy": {"enabled": True, "errorsToRetry": ["TypeError"]},
    }


def test_what_the_file_leaves_out_is_left_to_the_service(folder: Path) -> None:
    body = read(folder, SMALLEST).to_request(folder)

    assert sorted(body) == ["code", "entryPoint", "name", "runtime"]


def test_an_image_takes_the_place_of_code_and_runtime(folder: Path) -> None:
    body = read(folder, {"name": "hello", "image": "my/image:1"}).to_request(folder)

    assert body == {"name": "hello", "image": "my/image:1"}


def test_given_values_win_over_the_file(folder: Path) -> None:
    given = {"name": "other", "time_limit": 99, "memory_limit": None}

    config = read(folder, {**SMALLEST, "timeLimit": 10, "memoryLimit": 256}, given=given)

    assert (config.name, config.time_limit, config.memory_limit) == ("other", 99, 256)


def test_a_dollar_reads_the_environment_of_the_caller(folder: Path) -> None:
    fields = {**SMALLEST, "environment": {"KEY": "$SECRET", "PLAIN": "5 $"}}

    config = read(folder, fields, caller={"SECRET": "s3cret"})

    assert config.environment == {"KEY": "s3cret", "PLAIN": "5 $"}


def test_a_variable_that_is_not_set_is_named_with_its_file(folder: Path) -> None:
    fields = {**SMALLEST, "environment": {"KEY": "$SECRET"}}

    with pytest.raises(BadTaskConfig, match=r"task-config.json: environment.KEY .*SECRET is not"):
        read(folder, fields)


def test_an_override_needs_no_variable_of_the_caller(folder: Path) -> None:
    fields = {**SMALLEST, "environment": {"KEY": "$SECRET", "A": "a"}}

    config = read(folder, fields, environment={"KEY": "given", "NEW": "$literal"})

    assert config.environment == {"A": "a", "KEY": "given", "NEW": "$literal"}


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        (
            {**SMALLEST, "timelimit": 3},
            r"timelimit is unknown; did you mean timeLimit\? valid: bui",
        ),
        ({**SMALLEST, "timeLimit": "30"}, 'timeLimit has to be a whole number, not "30"'),
        ({**SMALLEST, "environment": {"A": 1}}, r"environment.A has to be text, not a number"),
        (
            {**SMALLEST, "name": "hello world"},
            "name has to be letters, digits and hyphens, such as send-mail",
        ),
        (
            {**SMALLEST, "executionPermission": "all"},
            "executionPermission has to be permissionRequired, allUsers or public",
        ),
        ({**SMALLEST, "retryPolicy": {"enable": True}}, "retryPolicy.enable is unknown"),
        ({**SMALLEST, "image": "my/image"}, "takes the place of path and runtime"),
        ({"path": "src"}, "name missing"),
        ({"name": "hello", "path": "src"}, "entryPoint, runtime missing"),
        ([], "is not a JSON object"),
        ("{'name': 1}", r"is not JSON: line 1, column 2: a name in double"),
        ("[" * 100_000 + "]" * 100_000, "is not JSON: "),
    ],
)
def test_a_mistake_is_named(folder: Path, fields: object, complaint: str) -> None:
    with pytest.raises(BadTaskConfig, match=complaint):
        read(folder, fields)


def test_a_file_is_found_by_itself_by_its_folder_and_by_the_folder_above(tmp_path: Path) -> None:
    first, second = (tmp_path / name / task_config.FILE_NAME for name in ("a", "b"))
    for file in (second, first):
        file.parent.mkdir()
        file.write_text("{}")
    (tmp_path / "no-function").mkdir()

    assert task_config.find(first) == [first]
    assert task_config.find(first.parent) == [first]
    assert task_config.find(tmp_path) == [first, second]


@pytest.mark.parametrize("name", ["", "missing"])
def test_a_folder_without_a_file_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadTaskConfig, match=r"does not exist|there is no task-config.json"):
        task_config.find(tmp_path / name)


def test_a_file_may_begin_with_a_byte_order_mark(folder: Path) -> None:
    file = folder / task_config.FILE_NAME
    file.write_text(json.dumps(SMALLEST), encoding="utf-8-sig")

    config = task_config.read(
        file, given={}, environment={}, caller_environment={}, allow=lambda *_: None
    )

    assert config.name == "hello"
