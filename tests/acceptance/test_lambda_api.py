"""AWS's Lambda API with real containers: boto3 and the aws command, as they come from PyPI."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from taskdock.server import provision
from taskdock.testing.task_client import Json
from taskdock.testing.waiting import eventually
from tests.acceptance.conftest import StartServer
from tests.support.aws import lambda_client
from tests.support.live import REPOSITORY, LiveServer, TaskService, source, zipped

pytestmark = [pytest.mark.docker, pytest.mark.long, pytest.mark.timeout(900)]

ROLE = "arn:aws:iam::123456789012:role/any"
AWS = Path(sys.executable).parent / "aws"


@pytest.fixture(scope="module")
def aws(server: LiveServer) -> Iterator[Any]:
    client = lambda_client(server.service.url)
    yield client
    client.close()


@pytest.fixture(scope="module")
def name(aws: Any) -> str:
    return create(aws, "aws-shared", Environment={"Variables": {"WOOD": "oak"}})


def create(aws: Any, name: str, **fields: Any) -> str:
    aws.create_function(
        FunctionName=name,
        Runtime="python3.11",
        Handler="main.handler",
        Role=ROLE,
        Code={"ZipFile": zipped(source("aws"))},
        **{"Timeout": 20, **fields},
    )
    return name


def invoke(aws: Any, name: str, event: Json, **more: Any) -> Json:
    answer: Json = aws.invoke(FunctionName=name, Payload=json.dumps(event), **more)
    return {**answer, "Payload": json.load(answer["Payload"])}


def test_a_function_answers(aws: Any, name: str) -> None:
    event = {"do": "echo", "wood": ["oak", "\N{EVERGREEN TREE}"]}

    answer = invoke(aws, name, event, LogType="Tail")

    assert (answer["StatusCode"], answer["ExecutedVersion"]) == (200, "$LATEST")
    assert answer["Payload"] == event
    assert "FunctionError" not in answer
    log = base64.b64decode(answer["LogResult"]).decode()
    assert log.index("START RequestId: ") < log.index("hello from") < log.index("REPORT RequestId")


def test_nothing_is_null(aws: Any, name: str) -> None:
    assert invoke(aws, name, {})["Payload"] is None


def test_a_function_sees_what_its_caller_said(aws: Any, name: str) -> None:
    context = base64.b64encode(b'{"custom": {"legs": 4}}').decode()

    answer = invoke(aws, f"{name}:$LATEST", {"do": "context"}, ClientContext=context)

    assert answer["Payload"] == {
        "arn": f"arn:aws:lambda:us-east-1:000000000000:function:{name}:$LATEST",
        "custom": {"legs": 4},
        "requestId": answer["ResponseMetadata"]["RequestId"],
        "wood": "oak",
    }


def test_an_exception_is_a_function_error(aws: Any, name: str) -> None:
    answer = invoke(aws, name, {"do": "fail"})

    assert (answer["StatusCode"], answer["FunctionError"]) == (200, "Unhandled")
    assert answer["Payload"]["errorType"] == "ValueError"
    assert answer["Payload"]["errorMessage"] == "no legs"
    assert answer["Payload"]["stackTrace"]


@pytest.mark.parametrize(
    ("event", "error", "message"),
    [
        ({"do": "exit"}, "Runtime.ExitError", "Runtime exited with error: exit status 3"),
        ({"do": "grow"}, "Runtime.OutOfMemory", "Runtime exited with error: signal: killed"),
    ],
)
def test_a_runtime_that_ends_is_a_function_error(
    aws: Any, name: str, event: Json, error: str, message: str
) -> None:
    answer = invoke(aws, name, event)

    request_id = answer["ResponseMetadata"]["RequestId"]
    assert (answer["StatusCode"], answer["FunctionError"]) == (200, "Unhandled")
    assert answer["Payload"] == {
        "errorType": error,
        "errorMessage": f"RequestId: {request_id} Error: {message}",
    }


def test_a_time_out_of_one_second_is_a_function_error(aws: Any) -> None:
    name = create(aws, "aws-slow", Timeout=1)

    answer = invoke(aws, name, {"do": "sleep", "seconds": 10})

    request_id = answer["ResponseMetadata"]["RequestId"]
    assert answer["FunctionError"] == "Unhandled"
    assert answer["Payload"] == {
        "errorType": "Sandbox.Timedout",
        "errorMessage": f"RequestId: {request_id} Error: Task timed out after 1.00 seconds",
    }


def test_an_event_is_run_later_and_a_dry_run_never(aws: Any, server: LiveServer, name: str) -> None:
    dry = aws.invoke(FunctionName=name, InvocationType="DryRun")
    later = aws.invoke(FunctionName=name, InvocationType="Event", Payload=b'{"do": "echo"}')

    assert (dry["StatusCode"], later["StatusCode"]) == (204, 202)
    request_id = later["ResponseMetadata"]["RequestId"]
    eventually(
        lambda: f"invocation_completed function={name} request={request_id}" in server.log,
        "the event was run",
    )
    assert dry["ResponseMetadata"]["RequestId"] not in server.log


def test_a_function_is_changed_listed_and_deleted(aws: Any) -> None:
    name = create(aws, "aws-changing")
    other = {"main.py": "def handler(event, context):\n    return 'changed'\n"}
    assert invoke(aws, name, {})["Payload"] is None

    aws.update_function_code(FunctionName=name, ZipFile=zipped(other))
    changed = invoke(aws, name, {})["Payload"]
    aws.update_function_configuration(FunctionName=name, MemorySize=256)
    memory = aws.get_function(FunctionName=name)["Configuration"]["MemorySize"]
    listed = [each["FunctionName"] for each in aws.list_functions()["Functions"]]
    aws.delete_function(FunctionName=name)

    assert (changed, memory) == ("changed", 256)
    assert name in listed
    with pytest.raises(aws.exceptions.ResourceNotFoundException):
        aws.invoke(FunctionName=name)


def test_an_image_is_a_function(aws: Any) -> None:
    image = provision.build_sample_image(REPOSITORY / "sample_functions" / "hello-world-docker")
    aws.create_function(
        FunctionName="aws-image", Role=ROLE, PackageType="Image", Code={"ImageUri": image}
    )

    answer = invoke(aws, "aws-image", {"data": {"name": "Ada"}})

    assert answer["Payload"] == {"greeting": "Hello Ada!", "taskId": None}


def test_a_function_of_one_api_is_one_of_the_other(aws: Any, service: TaskService) -> None:
    ours = service.deploy("aws-from-tasks", source("aws"))
    theirs = create(aws, "aws-to-tasks")

    assert invoke(aws, ours, {"do": "echo"})["Payload"] == {"do": "echo"}
    assert service.execute(theirs)["status"] == "complete"


# The aws command


def command(url: str, folder: Path, *words: str) -> Json:
    done = subprocess.run(
        [str(AWS), "--endpoint-url", url, "--region", "eu-west-1", "--output", "json", *words],
        cwd=folder,
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "AWS_ACCESS_KEY_ID": "any",
            "AWS_SECRET_ACCESS_KEY": "any",
            "NO_PROXY": "localhost",
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answer: Json = json.loads(done.stdout) if done.stdout else {}
    return answer


def test_the_aws_command_works(server: LiveServer, tmp_path: Path) -> None:
    url = server.service.url
    (tmp_path / "code.zip").write_bytes(zipped(source("aws")))
    made = command(
        url,
        tmp_path,
        *("lambda", "create-function", "--function-name", "aws-command", "--role", ROLE),
        *("--runtime", "python3.11", "--handler", "main.handler", "--timeout", "20"),
        *("--zip-file", "fileb://code.zip", "--environment", "Variables={WOOD=elm}"),
    )
    command(url, tmp_path, "lambda", "wait", "function-active-v2", "--function-name", "aws-command")

    answer = command(
        url,
        tmp_path,
        *("lambda", "invoke", "--function-name", "aws-command", "--log-type", "Tail"),
        *("--payload", '{"do": "echo"}', "result.json"),
    )
    listed = command(url, tmp_path, "lambda", "list-functions", "--max-items", "1000")
    command(url, tmp_path, "lambda", "delete-function", "--function-name", "aws-command")

    assert (made["State"], made["Environment"]) == ("Active", {"Variables": {"WOOD": "elm"}})
    assert (answer["StatusCode"], answer["ExecutedVersion"]) == (200, "$LATEST")
    assert "hello from the inside" in base64.b64decode(answer["LogResult"]).decode()
    assert json.loads((tmp_path / "result.json").read_text()) == {"do": "echo"}
    assert "aws-command" in [each["FunctionName"] for each in listed["Functions"]]


# Servers of a test's own


@pytest.mark.parametrize(("mode", "status"), [("open", 200), ("strict", 403)])
def test_a_function_administers_only_an_open_server(
    start_server: StartServer, mode: str, status: int
) -> None:
    server = start_server("--auth", mode)
    client = lambda_client(server.service.url)
    name = create(client, "aws-inside")

    assert invoke(client, name, {"do": "administer"})["Payload"] == status


def test_an_event_survives_the_crash_of_its_server(start_server: StartServer) -> None:
    server = start_server()
    client = lambda_client(server.service.url)
    name = create(client, "aws-crash")
    event = json.dumps({"do": "sleep", "seconds": 5})
    accepted = client.invoke(FunctionName=name, InvocationType="Event", Payload=event)
    eventually(server.containers, "it has begun")

    server.kill()
    server.start()

    request_id = accepted["ResponseMetadata"]["RequestId"]
    eventually(
        lambda: f"invocation_completed function={name} request={request_id}" in server.log,
        "the event was run after the restart",
    )


def test_what_is_not_here_is_refused_in_a_way_that_boto3_understands(aws: Any, name: str) -> None:
    with pytest.raises(ClientError) as caught:
        aws.publish_version(FunctionName=name)

    assert caught.value.response["Error"]["Code"] == "NotImplementedException"
