"""A function that uses five services by their published SDK runs offline, start to end."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from taskdock.identity.accounts import OWN_DOMAIN
from taskdock.testing.task_client import Json
from tests.acceptance.conftest import StartServer
from tests.support.live import CommandLine, LiveServer, ask, source
from tests.support.sdk import installed

pytestmark = [pytest.mark.docker, pytest.mark.timeout(600)]

DOCUMENT = "5e9fff9d90135a2a9a718e2f"
LETTER = b"%PDF-1.7\n\xff\x00\n"
TOKEN = "5e9fff9d90135a2a9a718e2f-f47ac10b"
ITEMS = f"""
  items:
    blood-pressure:
      - id: {DOCUMENT}
        data: {{systolic: 178, diastolic: 104}}
"""
FILES = f"""
- method: GET
  path: /files/v1/{TOKEN}/file
  answer: {{file: letter.pdf}}
"""
JUDGE = """
def handler(task, context):
    return {"verdict": "high" if task["data"]["systolic"] > 140 else "fine"}
"""


@pytest.fixture
def server(start_server: StartServer, tmp_path: Path) -> LiveServer:
    folder = tmp_path / "doubles"
    CommandLine(tmp_path, "").succeed("doubles", "init", str(folder))
    with (folder / "documents.yaml").open("a") as documents:
        documents.write(ITEMS)
    (folder / "files.yaml").write_text(FILES)
    (folder / "letter.pdf").write_bytes(LETTER)
    return start_server("--doubles", str(folder), "--network", "none")


@pytest.fixture
def analyze(server: LiveServer, tmp_path: Path) -> str:
    function = tmp_path / "analyze"
    (function / "src").mkdir(parents=True)
    for name, text in source("analyze").items():
        (function / "src" / name).write_text(text)
    shutil.copytree(installed() / "node_modules", function / "src" / "node_modules")
    (function / "task-config.json").write_text(
        '{"name": "analyze", "path": "src", "entryPoint": "index.handler",'
        ' "runtime": "nodejs20.x", "timeLimit": 30, "memoryLimit": 256}'
    )
    CommandLine(tmp_path, server.service.url).succeed("deploy", str(function))
    server.service.deploy("judge", {"main.py": JUDGE})
    return "analyze"


def answered(server: LiveServer, path: str) -> list[Json]:
    answer = ask("GET", f"{server.service.url}{path}")
    assert answer.status_code == 200, answer.text
    found: list[Json] = answer.json()["data"]
    return found


def test_it_reads_a_document_finds_a_user_executes_a_function_fetches_a_file_and_sends_a_mail(
    server: LiveServer, analyze: str
) -> None:
    data: dict[str, Any] = {"documentId": DOCUMENT, "fileToken": TOKEN}

    task_id = server.service.create(analyze, data)

    assert server.service.reach(task_id, "complete", within=120)
    [mail] = answered(server, "/mail/v1/")
    assert mail["recipients"] == {"to": ["ada@example.org"]}
    assert mail["subject"] == "Your blood pressure is high"
    content = mail["content"]
    assert f"functions{OWN_DOMAIN}" in content.values()
    assert len(LETTER) in content.values()
    assert list(LETTER[:4]) in content.values()
    [document] = answered(server, "/data/v1/blood-pressure/documents")
    assert document["data"] == {"systolic": 178, "diastolic": 104, "mailId": mail["id"]}
    made = [
        (each["method"], each["path"].rstrip("/"), each["functionName"], each["taskId"])
        for each in answered(server, "/taskdock/doubles/calls")
        if each["functionName"]
    ]
    assert made == [
        ("GET", "/data/v1/blood-pressure/documents", analyze, task_id),
        ("GET", f"/files/v1/{TOKEN}/file", analyze, task_id),
        ("POST", "/mail/v1", analyze, task_id),
        ("PUT", f"/data/v1/blood-pressure/documents/{DOCUMENT}", analyze, task_id),
    ]


def test_a_call_without_a_double_fails_the_function_and_is_listed_with_its_task(
    server: LiveServer, analyze: str
) -> None:
    data = {"documentId": DOCUMENT, "fileToken": "another-token"}

    answer = server.service.execute(analyze, data)

    assert answer["name"] == "LAMBDA_RUNTIME_EXCEPTION", answer
    [unmatched] = answered(server, "/taskdock/doubles/calls?unmatched=true")
    assert unmatched["path"] == "/files/v1/another-token/file"
    assert (unmatched["functionName"], unmatched["taskId"]) == (analyze, answer["taskId"])
