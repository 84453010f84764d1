"""The table of faults in docs/testing.md says what callers see."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from taskdock.testing import Dock, ExecutionFailed, FakeEngine, Fault, running
from tests.support.aws import NAME, lambda_client
from tests.support.checkout import ROOT

SECTION = (ROOT / "docs" / "testing.md").read_text().partition("\n## Faults\n")[2]
ROWS = re.findall(r"^\| `(\w+\(.*?\))` \| (.*) \|$", SECTION.partition("\n## ")[0], re.MULTILINE)
FAULTS = {
    "error(name, message)": Fault.error("SmtpDown", "no answer"),
    "timeout()": Fault.timeout(),
    "out_of_memory()": Fault.out_of_memory(),
    "crash()": Fault.crash(),
    "init_error()": Fault.init_error(),
    "init_error(name, message)": Fault.init_error("NoConfig", "no file"),
    "throttle()": Fault.throttle(),
    "no_capacity()": Fault.no_capacity(),
    "delay(seconds)": Fault.delay(0.01),
    "cold_start()": Fault.cold_start(),
}
ANSWERS = ("the answer, so much later", "that of a new environment")
"""How the table says that the function runs and succeeds."""


@pytest.fixture(scope="module")
def dock() -> Iterator[Dock]:
    with running(engine=FakeEngine(), clock="auto") as dock:
        dock.deploy(lambda *_: {"statusCode": 200})
        yield dock


def by_invoke(dock: Dock, name: str | None) -> str:
    aws = lambda_client(dock.url)
    try:
        answer = aws.invoke(FunctionName=NAME, Payload=b"{}")
    except ClientError as error:
        response = error.response
        status = response["ResponseMetadata"]["HTTPStatusCode"]
        return f"{status}, `{response['Error']['Code']}`"
    finally:
        aws.close()
    if "FunctionError" not in answer:
        return ""
    kind = re.findall(rb'"errorType": ?"([\w.]+)"', answer["Payload"].read())[0].decode()
    shown = "with the name" if kind == name else f"`{kind}`"
    return f"{answer['StatusCode']}, `{answer['FunctionError']}`, {shown}"


def by_service(answer: Any) -> str:
    return "" if answer.ok else f"{answer.status_code}, code {answer.json()['code']}"


def by_task(dock: Dock, name: str | None) -> str:
    error = dock.tasks.create(NAME).wait().error
    if error is None:
        return "none"
    return "the name" if error.name == name else f"`{error.name}`"


def test_the_table_has_a_row_for_each_kind_of_fault() -> None:
    assert [name for name, _ in ROWS] == list(FAULTS)
    assert {fault.kind for fault in FAULTS.values()} == set(type(Fault.crash().kind))


@pytest.mark.parametrize(("fault", "told"), ROWS)
def test_callers_see_what_the_table_says(dock: Dock, fault: str, told: str) -> None:
    dock.reset()
    injected = FAULTS[fault]
    dock.faults.add(NAME, injected)

    executed = dock.session.post(f"/tasks/v1/functions/{NAME}/execute", json={"data": {}})
    seen = [
        by_service(executed),
        by_invoke(dock, injected.name),
        by_service(dock.api(NAME).get("/")),
        by_task(dock, injected.name),
    ]

    assert ["" if cell in ANSWERS else cell for cell in told.split(" | ")] == seen


def test_a_fault_fails_execute_with_its_name(dock: Dock) -> None:
    dock.reset()
    dock.faults.add(NAME, Fault.error("SmtpDown"))

    with pytest.raises(ExecutionFailed, match="SmtpDown"):
        dock.execute(NAME)
