"""taskdock doubles: the commands against a server."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from taskdock.commands import main
from tests.support.builders import Dock
from tests.support.doubles import ask
from tests.support.people import nobody

Taskdock = Callable[..., Result]


@pytest.fixture
def taskdock(shared: Dock) -> Taskdock:
    assert nobody(shared).ask("DELETE", "/taskdock/doubles").ok

    def call(*words: str, stdin: bytes | None = None) -> Result:
        return CliRunner().invoke(
            main, ["doubles", *words], input=stdin, env={"TASKDOCK_URL": shared.url}
        )

    return call


def done(result: Result) -> str:
    assert result.exit_code == 0, result.output
    return result.stdout


def test_a_double_is_added_listed_and_removed(shared: Dock, taskdock: Taskdock) -> None:
    path = "/data/v1/{schema}/documents"
    id = done(
        taskdock("add", "get", path, "--answer", '{"data": []}', "--rql", "eq(a,1)", "--times", "2")
    ).strip()

    assert ask(shared, "GET", "/data/v1/rooms/documents?a=1").json() == {"data": []}
    listed = done(taskdock("list"))
    assert id in listed
    assert "rql eq(a,1)" in listed
    assert "1 of 2" in listed
    [shown] = json.loads(done(taskdock("list", "--json")))
    assert (shown["id"], shown["path"], shown["used"]) == (id, path, 1)
    assert done(taskdock("clear", id)) == f"removed  {id}\n"
    assert "no doubles; copy samples with: taskdock doubles init" in taskdock("list").output


def test_an_answer_may_be_text_a_file_or_a_failure(shared: Dock, taskdock: Taskdock) -> None:
    done(taskdock("add", "POST", "/a", "--text", "hi", "--status", "201", "--body", '{"b": 1}'))
    done(taskdock("add", "GET", "/b", "--file", "-", stdin=b"\0\xff"))
    done(taskdock("add", "GET", "/c", "--failure", "503", "--delay", "0.01"))

    assert ask(shared, "POST", "/a", {"b": 1, "c": 2}).text == "hi"
    assert ask(shared, "GET", "/b").content == b"\0\xff"
    assert ask(shared, "GET", "/c").status_code == 503
    assert done(taskdock("clear")) == "removed  3 doubles\n"


def test_calls_are_listed_all_of_a_double_or_those_without_one(
    shared: Dock, taskdock: Taskdock
) -> None:
    assert "no calls yet" in taskdock("calls").output
    id = done(taskdock("add", "GET", "/a", "--failure", "connection_reset")).strip()
    done(taskdock("add", "GET", "/b"))
    assert ask(shared, "GET", "/b?x=1").ok
    assert ask(shared, "GET", "/gone").status_code == 404

    rows = done(taskdock("calls"))
    assert "GET /b?x=1" in rows
    assert "none" in rows
    [unmatched] = json.loads(done(taskdock("calls", "--unmatched", "--json")))
    assert unmatched["path"] == "/gone"
    assert json.loads(done(taskdock("calls", "--double", id, "--json"))) == []


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["add", "GET", "/tasks/v1/"], "a rule that can never match: taskdock itself answers"),
        (["add", "GET", "shop"], "a path begins with a slash"),
        (["add", "GET", "/a", "--answer", "{"], "--answer was given no valid JSON"),
        (["add", "GET", "/a", "--answer", "1", "--text", "2"], "one body, not json and text"),
        (["add", "GET", "/a", "--failure", "sometimes"], "connection_reset, no_answer"),
        (["clear", "walnut"], "there is no double 'walnut'"),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(
    taskdock: Taskdock, words: list[str], told: str
) -> None:
    result = taskdock(*words)

    assert result.exit_code in (1, 2)
    assert told in result.output
    assert "Traceback" not in result.output


def test_the_samples_are_copied_and_nothing_is_written_over(
    taskdock: Taskdock, tmp_path: Path
) -> None:
    folder = tmp_path / "deep" / "doubles"
    copied = done(taskdock("init", str(folder)))
    (folder / "mails.yaml").write_text("mine")

    again = done(taskdock("init", str(folder)))

    assert copied.count("copied  ") == 2
    assert again.count("kept    ") == 2
    assert (folder / "mails.yaml").read_text() == "mine"
    assert "collection: documents" in (folder / "documents.yaml").read_text()
    blocked = taskdock("init", str(folder / "mails.yaml" / "x"))
    assert (blocked.exit_code, "Traceback" in blocked.output) == (1, False)
