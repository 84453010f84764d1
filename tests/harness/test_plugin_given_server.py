"""The pytest plugin with --taskdock-url, against servers of several kinds with a fake engine."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from taskdock.client.servers import credentials
from taskdock.testing import FakeEngine, Settings, running
from tests.support.doubles import from_container
from tests.support.pytest_project import PytestProject

pytestmark = pytest.mark.long

OF_EACH_KIND = """\
import pytest
def test_any(taskdock): pass
@pytest.mark.taskdock(auth="open")
def test_open(taskdock): pass
@pytest.mark.taskdock(auth="strict")
def test_strict(taskdock): pass
"""
MAILS = """\
- {method: GET, path: /mail/v1/, answer: {json: {from: the file}}}
- {method: POST, path: /mail/v1/, body: {to: ada}, answer: {file: files/answer.json, status: 201}}
- {method: GET, path: "/mail/v1/{id}", answer: {json: {from: the second}}}
- {method: GET, path: /mail/v1/17, answer: {json: {from: nowhere}}}
"""
ASKS = """\
import requests
def ask(taskdock, method="GET", path="/mail/v1/", **body):
    answer = requests.request(method, taskdock.url + path, json=body or None)
    assert answer.ok, answer.text
    return answer.json()
"""


@pytest.fixture
def project(tmp_path: Path) -> PytestProject:
    folder = tmp_path / "project"
    folder.mkdir()
    made = PytestProject(folder)
    made.write("pytest.ini", "[pytest]\naddopts = --strict-markers\nfilterwarnings = error\n")
    return made


def echo(event: Any, runtime: Any) -> Any:
    return event["data"]


def queue_for_an_hour_from_now(event: Any, runtime: Any) -> None:
    """Reads the machine's time, as all functions do."""
    start = datetime.now(timezone.utc) + timedelta(hours=1)
    task = {"functionName": "echo", "startTimestamp": start.isoformat()}
    status, answer = from_container(runtime, "POST", "/tasks/v1/", task)
    assert status in (200, 201), answer


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """An open server, with two functions."""
    with running(engine=FakeEngine(), clock="auto") as dock:
        dock.deploy(echo, "echo")
        dock.deploy(queue_for_an_hour_from_now, "queue")
        yield dock.url


# Its time


def test_a_test_that_moved_the_clock_leaves_the_next_one_at_the_machines_time(
    project: PytestProject, url: str
) -> None:
    project.write(
        "test_order.py",
        "def test_a_year_passes(taskdock_clock):\n"
        "    taskdock_clock.advance(days=365)\n"
        "def test_an_hour_from_now(taskdock):\n"
        "    taskdock.execute('queue')\n"
        "    taskdock.assert_enqueued('echo', start_in='1h')\n",
    )

    ran = project.run("--taskdock-url", url)

    assert ran.outcomes() == "2 passed", ran.output


# Its callers


def test_a_marker_asks_for_the_way_in_that_the_server_has_or_the_test_is_skipped(
    project: PytestProject, tmp_path: Path, url: str
) -> None:
    project.write("test_auth.py", OF_EACH_KIND)
    strict = Settings(auth="strict", harness="on", data_dir=tmp_path / "data")

    at_open = project.run("--taskdock-url", url, "-rs")
    with running(strict, engine=FakeEngine()) as dock:
        known = credentials.read(tmp_path / "data")
        at_strict = project.run("--taskdock-url", dock.url, "-rs", variables=known)

    for ran, reason in (
        (at_open, "callers need not sign in there: start it with --auth strict"),
        (at_strict, "callers have to sign in there: start it with --auth open"),
    ):
        assert ran.outcomes() == "2 passed, 1 skipped", ran.output
        assert re.search(
            rf"SKIPPED \[1\] test_auth.py:\d+: http://\S+: {reason}$", ran.output, re.M
        )


@pytest.mark.parametrize("before", ["", "def test_before(taskdock): pass\n"])
@pytest.mark.parametrize(
    "test",
    [
        "def test_one(taskdock_session): pass\n",
        "def test_one(taskdock): taskdock.session\n",
        "import pytest\n"
        "@pytest.fixture\n"
        "def mine(taskdock): return taskdock.session\n"
        "def test_one(mine): pass\n",
    ],
)
def test_without_credentials_a_session_skips_the_test_and_names_the_server_once(
    project: PytestProject, tmp_path: Path, before: str, test: str
) -> None:
    project.write("test_session.py", before + test)
    strict = Settings(auth="strict", harness="on", data_dir=tmp_path / "data")

    with running(strict, engine=FakeEngine()) as dock:
        ran = project.run("--taskdock-url", dock.url, "-rs")

        assert ran.outcomes() == ("1 passed, 1 skipped" if before else "1 skipped"), ran.output
        (said,) = [line for line in ran.output.splitlines() if line.startswith("SKIPPED")]
        assert said.count(dock.url) == 1
    assert said.endswith('; eval "$(taskdock env)" sets them')
    assert "signature=" not in said


# Its doubles


def with_doubles(project: PytestProject, settings: str = "", marker: str = "") -> None:
    project.write("doubles/mails.yaml", MAILS)
    project.write("doubles/files/answer.json", json.dumps({"id": "17"}))
    project.write("pytest.ini", f"[pytest]\n{settings}\n")
    decorator = f"@pytest.mark.taskdock({marker})\n" if marker else ""
    project.write(
        "test_mails.py",
        f"import pytest\n{ASKS}"
        f"{decorator}@pytest.mark.parametrize('number', range(2))\n"
        "def test_files(taskdock, number):\n"
        "    assert ask(taskdock) == {'from': 'the file'}\n"
        "    assert ask(taskdock, 'POST', to='ada') == {'id': '17'}\n"
        "    assert ask(taskdock, path='/mail/v1/17') == {'from': 'the second'}\n"
        "    taskdock.doubles.add('GET', '/mail/v1/', json={'from': 'the test'})\n"
        "    assert ask(taskdock) == {'from': 'the test'}\n",
    )


@pytest.mark.parametrize(
    ("settings", "marker"), [("taskdock_doubles = doubles", ""), ("", "doubles='doubles'")]
)
def test_doubles_of_files_are_added_for_each_test_in_the_order_of_the_files(
    project: PytestProject, url: str, settings: str, marker: str
) -> None:
    with_doubles(project, settings, marker)
    project.write(
        "test_other.py",
        "import requests\n"
        "def test_none(taskdock):\n"
        "    there = taskdock.doubles.all()\n"
        f"    assert len(there) == {4 if settings else 0}\n",
    )

    ran = project.run("--taskdock-url", url)

    assert ran.outcomes() == "3 passed", ran.output


def test_doubles_that_the_server_was_started_with_are_not_added_again(
    project: PytestProject, tmp_path: Path
) -> None:
    with_doubles(project, "taskdock_doubles = doubles")
    project.write(
        "test_other.py", "def test_all(taskdock): assert len(taskdock.doubles.all()) == 4\n"
    )
    settings = Settings(doubles=project.folder / "doubles", data_dir=tmp_path / "data")

    with running(settings, engine=FakeEngine()) as dock:
        ran = project.run("--taskdock-url", dock.url)

    assert ran.outcomes() == "3 passed", ran.output


def test_doubles_that_cannot_be_added_skip_the_test_that_asks_for_them_alone(
    project: PytestProject, tmp_path: Path
) -> None:
    project.write("doubles/mails.yaml", MAILS)
    project.write(
        "test_mails.py",
        "import pytest\n"
        "def test_any(taskdock): pass\n"
        "@pytest.mark.taskdock(doubles='doubles')\n"
        "def test_mails(taskdock): pass\n",
    )
    settings = Settings(harness="off", data_dir=tmp_path / "data")

    with running(settings, engine=FakeEngine()) as dock:
        ran = project.run("--taskdock-url", dock.url, "-rs", "-o", "taskdock_doubles=doubles")

    assert ran.outcomes() == "1 passed, 1 skipped", ran.output
    assert re.search(r"SKIPPED \[1\] test_mails.py:\d+: http://\S+: .*--harness on", ran.output)
    assert re.search("^taskdock: the doubles of .* are not at .*--harness on", ran.output, re.M)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: [", ", line 1: "),
        ("a: 5", " has to be a list of doubles: each begins with a dash"),
        ("- 5", ": "),
        ("- {path: /mail/v1/, answer: {statsu: 200}}", ": "),
        ("- {path: /mail/v1/, answer: {file: none.pdf}}", "/none.pdf cannot be read: No such file"),
    ],
)
def test_doubles_that_are_none_are_one_sentence(
    project: PytestProject, url: str, text: str, said: str
) -> None:
    project.write("doubles/mails.yaml", text)
    project.write("test_one.py", "def test_one(taskdock): pass\n")

    ran = project.run("--taskdock-url", url, "-o", "taskdock_doubles=doubles")

    assert ran.outcomes() == "1 error"
    (line,) = [line for line in ran.output.splitlines() if line.startswith("taskdock: ")]
    assert f"{project.folder / 'doubles'}/" in line
    assert said in line
    assert "Traceback" not in ran.output
