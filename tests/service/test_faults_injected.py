"""Faults that a test injects: the same bodies, log lines and errors as the real ones, at once."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest

from taskdock.testing.fakes.runtime import FakeRuntime, serve
from tests.support.aws import NAME, function_logs, lambda_client, refused
from tests.support.builders import LIMIT, Dock, StartDock

Json = dict[str, Any]

MARK = "taskdock: injected fault "


def add(dock: Dock, fault: str, function: str = NAME, **fields: Any) -> Json:
    body = {"functionName": function, "fault": fault, **fields}
    answer = dock.call("POST", "/faults", base="/taskdock", json=body)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def listed(dock: Dock) -> list[Json]:
    answer = dock.call("GET", "/faults", base="/taskdock")
    assert answer.status_code == 200, answer.text
    return list(answer.json()["data"])


def test_an_injected_error_is_what_boto3_gets(dock: Dock, aws: Any) -> None:
    dock.deploy(lambda event, _: event)
    add(dock, "error", name="SmtpDown", message="no answer", times=1)

    answer = aws.invoke(FunctionName=NAME, LogType="Tail")

    assert (answer["StatusCode"], answer["FunctionError"]) == (200, "Unhandled")
    body = json.load(answer["Payload"])
    assert body["errorType"] == "SmtpDown"
    print(base64.b64decode(answer["LogResult"]).decode())


@pytest.mark.parametrize("kind", ["timeout", "crash", "out_of_memory", "init_error", "throttle", "no_capacity", "cold_start", "error"])
def test_show(dock, kind):
    dock.deploy(lambda event, _: event)
    add(dock, kind)
    print(dock.execute().json())
    print(*dock.all_logs(dock.service.tasks()[0]["id"]) if dock.service.tasks() else [], sep="\n")
    t = dock.create_task()
    print(dock.finish(t))
    print(listed(dock))
    print([repr(x) for x in dock.pool.snapshot()])
