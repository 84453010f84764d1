"""A run copied as code, which runs as it is."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from taskdock.web.ui.shown.snippets import AgainCall, snippets
from tests.support.builders import Dock

NAME = "walnut-table"
DATA = {"name": 'O\'Neill "Ada" $HOME `id`\n<b>', "none": None, "true": True}
EVENT = {"data": DATA}


def work(event: Any, runtime: Any) -> Any:
    return {"statusCode": 200, "body": json.dumps({"got": event.get("data", event.get("body"))})}


def calls(url: str) -> dict[str, AgainCall]:
    def call(kind: str, **more: Any) -> AgainCall:
        return AgainCall(kind=kind, function=NAME, url=url, **more)

    asked = {"headers": {"content-type": "application/json"}, "body": '{"x": "it\'s"}'}
    return {
        "task": call("task", data=DATA, event=EVENT),
        "execution": call("execution", data=DATA, event=EVENT),
        "api": call("api", event=asked, method="POST", path="/items?limit=2&x=it's"),
        "invocation": call("invocation", event=EVENT),
    }


def text(call: AgainCall, name: str) -> str:
    return next(each.text for each in snippets(call) if each.name == name)


def run(*words: str, folder: Path) -> str:
    done = subprocess.run(
        words, cwd=folder, capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("kind", ["task", "execution", "api", "invocation"])
def test_curl_in_a_shell_does_it_again(dock: Dock, tmp_path: Path, kind: str) -> None:
    dock.deploy(work)
    call = calls(dock.url)[kind]

    answer = run("sh", "-c", text(call, "curl"), folder=tmp_path)

    if kind == "task":
        task = json.loads(answer)
        assert (task["functionName"], task["data"]) == (NAME, DATA)
    elif kind == "api":
        assert json.loads(answer) == {"got": '{"x": "it\'s"}'}
    else:
        result = json.loads(answer)
        result = result["result"] if kind == "execution" else result
        assert json.loads(result["body"]) == {"got": DATA}


def test_boto3_and_pytest_do_it_again(dock: Dock, tmp_path: Path) -> None:
    dock.deploy(work)
    known = calls(dock.url)
    for kind, call in known.items():
        (tmp_path / f"test_{kind}.py").write_text(text(call, "pytest"))
    boto3 = tmp_path / "again.py"
    boto3.write_text(text(known["task"], "boto3"))

    answer = run(sys.executable, str(boto3), folder=tmp_path)
    told = run(
        *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:schemathesis"),
        *("--taskdock-url", dock.url),
        folder=tmp_path,
    )

    assert json.loads(json.loads(answer)["body"]) == {"got": DATA}
    assert "4 passed" in told


def test_a_hostile_call_stays_data(dock: Dock) -> None:
    evil = 'x\'; touch /tmp/owned; \'"""\n\\'
    call = AgainCall(kind="task", function=evil, url=dock.url, data={evil: evil}, event=None)

    for name in ("boto3", "pytest"):
        compile(text(call, name), name, "exec")
    assert subprocess.run(["sh", "-n", "-c", text(call, "curl")], check=True).returncode == 0
