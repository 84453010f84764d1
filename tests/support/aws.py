"""boto3's Lambda client for a server of the tests, and helpers for tests of AWS's Lambda API."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from functools import cache
from typing import Any

import boto3
import pytest
import requests
from botocore.config import Config
from botocore.exceptions import ClientError

from taskdock.base.timing.clock import to_iso
from taskdock.testing.zips import zip_of
from tests.support.builders import Dock

Json = dict[str, Any]

FUNCTIONS = "/2015-03-31/functions"
NAME = "walnut-table"
ARN = f"arn:aws:lambda:us-east-1:000000000000:function:{NAME}"
ZIP = zip_of({"index.py": "def handler(event, context): ...\n"})
ROLE = "arn:aws:iam::123456789012:role/any"
INVALID = "InvalidParameterValueException"
VALIDATION = "ValidationException"


def lambda_client(url: str, **config: Any) -> Any:
    """Any credentials, no retries, and nothing of this machine's configuration."""
    return _session().client(
        "lambda",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id="any",
        aws_secret_access_key="any",
        config=Config(retries={"max_attempts": 0}, proxies={}, read_timeout=120, **config),
    )


@cache
def _session() -> boto3.session.Session:
    """One for all clients: it reads the description of the whole API, which takes 80 ms."""
    return boto3.session.Session()


def hang(event: Any, runtime: Any) -> Any:
    runtime.hang()


def echo(event: Any, runtime: Any) -> Any:
    return event


def zip_function(name: str = NAME, **fields: Any) -> Json:
    """The arguments of `create_function`; a field of None is left out."""
    body = {
        "FunctionName": name,
        "Runtime": "python3.11",
        "Handler": name,
        "Role": ROLE,
        "Code": {"ZipFile": ZIP},
        **fields,
    }
    return {key: value for key, value in body.items() if value is not None}


def refused(call: Any, /, *args: Any, **fields: Any) -> Json:
    """The error that a call of boto3 raises: its name, its HTTP status and what it says."""
    with pytest.raises(ClientError) as caught:
        call(*args, **fields)
    response = caught.value.response
    status = response["ResponseMetadata"]["HTTPStatusCode"]
    return {**response["Error"], "status": status, "body": response}


def post(
    dock: Dock, body: bytes, path: str = f"{FUNCTIONS}/{NAME}/invocations", **headers: str
) -> requests.Response:
    """Any bytes at all; an underscore in a header's name stands for a hyphen."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return dock.call("POST", path, base="", data=body, headers=named)


def facts(dock: Dock, name: str) -> list[Json]:
    return [facts for told, facts in dock.notices if told == name]


def function_logs(dock: Dock, name: str = NAME) -> list[str]:
    now = datetime.now(timezone.utc)
    since, until = (to_iso(now + timedelta(hours=hours)) for hours in (-1, 1))
    period = f"eventTimestamp>={since}&eventTimestamp<={until}"
    page = dock.get(f"/functions/{name}/logs?{period}").json()
    return [line["message"] for line in page["data"]]
