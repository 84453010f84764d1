"""What a function prints, in every place where its log is read: one line, one message."""

from __future__ import annotations

import base64
import re
from pathlib import Path

import pytest

from tests.support.aws import post
from tests.support.builders import Dock

DOCS = Path(__file__).parents[2] / "docs"
LINES = [
    "10%\r20%\r100%",
    "a\x0bb\x0cc\x1cd\x1de\x1ef",
    "g\x85h\u2028i\u2029j",
    "k\0l",
]


@pytest.fixture
def printing(dock: Dock) -> Dock:
    def handler(event: object, runtime: object) -> dict[str, int]:
        for line in LINES:
            runtime.print(line)  # type: ignore[attr-defined]
        runtime.print("of Windows", end="\r\n")  # type: ignore[attr-defined]
        return {"statusCode": 200}

    dock.deploy(handler)
    return dock


def test_a_tasks_log_has_them_whole(printing: Dock) -> None:
    task = printing.create_task()
    printing.finish(task)

    assert printing.logs(task)[1:-2] == [*LINES, "of Windows"]


def test_an_api_requests_log_has_them_whole(printing: Dock) -> None:
    assert printing.get("/api/walnut-table").status_code == 200
    (request,) = printing.get("/apiRequests").json()["data"]

    logs = printing.get(f"/apiRequests/{request['id']}/logs").json()["data"]

    printed = [line["message"] for line in logs if " RequestId: " not in line["message"]]
    assert printed[-5:] == [*LINES, "of Windows"]


def test_the_end_of_an_invocations_log_has_them_whole(printing: Dock) -> None:
    answer = post(printing, b"{}", **{"X-Amz-Log-Type": "Tail"})

    tail = base64.b64decode(answer.headers["X-Amz-Log-Result"]).decode()
    assert tail.split("\n")[1:-3] == [*LINES, "of Windows"]


def test_the_documented_query_for_a_functions_log_is_accepted(printing: Dock) -> None:
    text = (DOCS / "lambda-api.md").read_text()
    found = re.search(r"`GET /tasks/v1(/functions/\{name\}/logs[^`]*)`", text)
    assert found is not None

    response = printing.get(found[1].replace("{name}", "walnut-table"))

    assert response.status_code == 200, response.text
