"""Functions call functions: AWS's SDK in a container finds this server's Lambda API by itself."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path
from typing import Any

import docker
import pytest

from taskdock.testing.zips import zip_of
from tests.support.aws import ROLE, lambda_client
from tests.support.live import LiveServer, make_images

pytestmark = [pytest.mark.docker, pytest.mark.timeout(300)]

CALLER = """
import json

import boto3
from botocore.exceptions import ClientError

client = boto3.client("lambda")


def handler(event, context):
    try:
        answer = client.invoke(FunctionName="callee", Payload=json.dumps({"wood": "oak"}))
    except ClientError as error:
        return error.response["Error"]
    return json.load(answer["Payload"])
"""
CALLEE = """
def handler(event, context):
    return {"heard": event, "as": context.invoked_function_arn}
"""
ANSWER = {
    "heard": {"wood": "oak"},
    "as": "arn:aws:lambda:us-east-1:000000000000:function:callee",
}
REFUSAL = {
    "Code": "AccessDeniedException",
    "Message": "with --auth strict this is for callers on this machine's loopback addresses only",
}


@pytest.mark.parametrize(("auth", "result"), [("open", ANSWER), ("strict", REFUSAL)])
def test_2_1_a_function_calls_another_with_the_sdk_and_nothing_set(
    docker_client: docker.DockerClient, tmp_path: Path, auth: str, result: Any
) -> None:
    """A strict server's functions may not administer it, and calling is part of that API."""
    make_images("python3.13")
    server = LiveServer(docker_client, tmp_path / "data", "--auth", auth)
    server.start()
    try:
        with closing(lambda_client(server.service.url)) as aws:
            for name, code in (("caller", CALLER), ("callee", CALLEE)):
                aws.create_function(
                    FunctionName=name,
                    Runtime="python3.13",
                    Handler="main.handler",
                    Role=ROLE,
                    Timeout=60,
                    Code={"ZipFile": zip_of({"main.py": code})},
                )

            answer = aws.invoke(FunctionName="caller")

            assert json.load(answer["Payload"]) == result
        server.stop()
    finally:
        server.discard()
