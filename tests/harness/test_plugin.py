"""The pytest plugin, in projects of their own, against a server with a fake engine."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from taskdock.client.servers import credentials
from taskdock.testing import FakeEngine, ManualClock, Settings, running
from tests.support.pytest_project import PytestProject

pytestmark = pytest.mark.long

HEAVY = ("flask", "requests", "docker", "pydantic", "peewee", "click", "boto3", "taskdock.server")
LOADED = """\
import sys, pytest
before = set(sys.modules)
import taskdock.testing.plugin
print(sorted(set(sys.modules) - before))
"""
WITHOUT_OTHERS = ("-p", "no:schemathesis", "-p", "no:hypothesispytest", "-p", "no:anyio")
"""Plugins of our own tests, which take seconds to load."""
FAILING = """\
def test_fails(taskdock):
    done = taskdock.execute("walnut-table", {"wood": "oak"})
    assert done.result == {"wood": "ash"}
"""


@pytest.fixture
def project(tmp_path: Path) -> PytestProject:
    made = PytestProject(tmp_path)
    made.write("pytest.ini", "[pytest]\naddopts = --strict-markers\nfilterwarnings = error\n")
    return made


def echo(event: Any, runtime: Any) -> Any:
    return event["data"]


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """A server that runs already, with a function that returns its data."""
    with running(engine=FakeEngine(), clock="auto") as dock:
        dock.deploy(echo, "walnut-table")
        yield dock.url


# Off, and free, until it is used


def test_its_import_brings_nothing_heavy() -> None:
    told = subprocess.run(
        [sys.executable, "-c", LOADED], capture_output=True, text=True, check=True, timeout=60
    )

    loaded = told.stdout
    assert "taskdock.testing.plugin" in loaded
    assert not [name for name in HEAVY if f"'{name}" in loaded], loaded
    ours = [name for name in loaded.split("'")[1::2] if name.startswith("taskdock")]
    assert ours == ["taskdock", "taskdock.testing", "taskdock.testing.plugin"]


def test_a_suite_that_does_not_use_it_loads_no_more_of_it(project: PytestProject) -> None:
    project.write("test_one.py", "def test_one(): pass\n")
    project.write(
        "conftest.py",
        "import sys\n"
        "def pytest_unconfigure():\n"
        "    print(sorted(name for name in sys.modules if name.startswith('taskdock')))\n",
    )

    project.plugins = None  # it is registered by its entry point
    ran = project.run("-s", *WITHOUT_OTHERS)

    assert "['taskdock', 'taskdock.testing', 'taskdock.testing.plugin']" in ran.output


def test_it_can_be_turned_off(project: PytestProject) -> None:
    project.write("test_one.py", "def test_one(taskdock): pass\n")

    project.plugins = None
    ran = project.run("-p", "no:taskdock", *WITHOUT_OTHERS)

    assert "fixture 'taskdock' not found" in ran.output


def test_a_fixture_of_the_project_takes_the_place_of_ours(project: PytestProject) -> None:
    project.write("conftest.py", "import pytest\n@pytest.fixture\ndef taskdock(): return 5\n")
    project.write("test_one.py", "def test_one(taskdock): assert taskdock == 5\n")

    assert project.run().outcomes() == "1 passed"


# Wrong use


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--taskdock-url", "localhost:http"], "--taskdock-url localhost:http: http is no port"),
        (["--taskdock-url", "http://localhost:1", "--taskdock-keep"], "leave one away"),
        (["--taskdock-url", "http://localhost:1", "-n", "2"], "run without -n"),
        (["--taskdock-keep", "-n", "2"], "each worker has a server of its own"),
    ],
)
def test_options_that_cannot_be_are_refused_before_any_test(
    project: PytestProject, options: list[str], said: str
) -> None:
    project.write("test_one.py", "def test_one(): pass\n")

    ran = project.run(*options)

    assert ran.code == pytest.ExitCode.USAGE_ERROR
    assert said in ran.output
    assert "Traceback" not in ran.output


def test_a_wrong_marker_is_one_sentence(project: PytestProject, url: str) -> None:
    (project.folder / "empty").mkdir()
    said = {
        "function=['a']": "has no argument 'function'; did you mean functions?",
        "functions=['nowhere']": "has 'nowhere', but there is no folder ",
        "functions=['empty']": "there is no task-config.json in ",
        "auth='lax'": "the marker's auth is 'lax'; it can be open or strict",
    }
    project.write(
        "test_all.py",
        "import pytest\n"
        + "".join(
            f"@pytest.mark.taskdock({marker})\ndef test_{number}(taskdock): pass\n"
            for number, marker in enumerate(said)
        ),
    )

    ran = project.run("--taskdock-url", url)

    assert ran.outcomes() == "4 errors"
    shown = [line for line in ran.output.splitlines() if line.startswith("taskdock: ")]
    assert len(shown) == len(said)
    for line, part in zip(shown, said.values(), strict=True):
        assert part in line
    assert "Traceback" not in ran.output
    assert "emulator/" not in ran.output


def test_a_server_that_is_not_there_is_one_sentence_for_each_test(project: PytestProject) -> None:
    project.write("test_two.py", "def test_1(taskdock): pass\ndef test_2(taskdock): pass\n")

    ran = project.run("--taskdock-url", "http://localhost:1")

    assert ran.outcomes() == "2 errors"
    shown = [
        line for line in ran.output.splitlines() if line.startswith("taskdock: --taskdock-url")
    ]
    assert len(shown) == 2
    assert "http://localhost:1" in shown[0]


def test_without_an_engine_a_test_says_what_to_do(project: PytestProject) -> None:
    project.write("test_two.py", "def test_1(taskdock): pass\ndef test_2(taskdock): pass\n")

    ran = project.run(variables={"DOCKER_HOST": "unix:///nowhere/docker.sock"})

    assert ran.outcomes() == "2 errors"
    shown = [line for line in ran.output.splitlines() if line.startswith("taskdock: no server")]
    assert len(shown) == 2
    assert "No Docker Engine answers; start it" in shown[0]
    assert "Traceback" not in ran.output


# Against a server that runs already


def test_each_test_begins_as_on_a_new_server(project: PytestProject, url: str) -> None:
    project.write(
        "test_two.py",
        "import pytest\n"
        "@pytest.mark.parametrize('number', range(3))\n"
        "def test_alone(taskdock, taskdock_server, number):\n"
        "    assert taskdock.url == taskdock_server.url\n"
        "    assert taskdock.tasks.all() == []\n"
        "    taskdock.tasks.create('walnut-table', {'number': number}).wait()\n"
        "    assert [task.data for task in taskdock.tasks.all()] == [{'number': number}]\n",
    )

    assert project.run("--taskdock-url", url).outcomes() == "3 passed"


def test_functions_are_as_they_were_deployed_whatever_a_test_did_to_them(
    project: PytestProject,
) -> None:
    for folder, limit in (("functions/a", 10), ("other/b", 20)):
        config = {"name": "oak", "path": "src", "entryPoint": "main.handler"}
        config |= {"runtime": "python3.13", "timeLimit": limit}
        project.write(f"{folder}/task-config.json", json.dumps(config))
        project.write(f"{folder}/src/main.py", "")
    project.write(
        "test_limits.py",
        "import pytest, requests\n"
        "@pytest.fixture\n"
        "def oak(taskdock): return f'{taskdock.url}/tasks/v1/functions/oak'\n"
        "def limit(oak): return requests.get(oak).json()['timeLimit']\n"
        "def change(oak): assert requests.put(oak, json={'timeLimit': 30}).ok\n"
        "def test_1(oak): assert (limit(oak), requests.delete(oak).status_code) == (10, 200)\n"
        "def test_2(oak): assert (limit(oak), change(oak)) == (10, None)\n"
        "def test_3(oak): assert limit(oak) == 10\n"
        "@pytest.mark.taskdock(functions=['other/*'])\n"
        "def test_4(oak): assert limit(oak) == 20\n"
        "def test_5(oak): assert limit(oak) == 10\n"
        "def test_6(oak): assert limit(oak) == 10\n",
    )
    changes: list[str] = []
    with running(engine=FakeEngine(), clock=ManualClock()) as dock:
        dock.emulator.catalog.subscribe(changes.append)

        ran = project.run("--taskdock-url", dock.url, "-o", "taskdock_functions=functions/*")

    assert ran.outcomes() == "6 passed", ran.output
    by_tests, deployments = 2, 5
    assert len(changes) == by_tests + deployments


def test_other_programs_find_the_server_by_its_variables(project: PytestProject, url: str) -> None:
    project.write(
        "test_one.py",
        "def test_one(taskdock_server):\n"
        f"    assert taskdock_server.variables['TASKDOCK_URL'] == {url!r}\n"
        f"    assert taskdock_server.variables['AWS_ENDPOINT_URL_LAMBDA'] == {url!r}\n",
    )

    assert project.run("--taskdock-url", url).outcomes() == "1 passed"


def test_the_clock_can_be_moved_and_chosen(project: PytestProject, url: str) -> None:
    project.write(
        "test_clock.py",
        "import pytest\n"
        "def test_auto(taskdock_clock):\n"
        "    assert taskdock_clock.mode == 'auto'\n"
        "@pytest.mark.taskdock(clock='manual')\n"
        "def test_manual(taskdock, taskdock_clock):\n"
        "    task = taskdock.tasks.create('walnut-table', {}, start_in='1h')\n"
        "    taskdock_clock.advance(hours=1)\n"
        "    assert task.reload().status == 'complete'\n",
    )

    assert project.run("--taskdock-url", url).outcomes() == "2 passed"


def test_what_the_server_cannot_do_is_skipped_with_its_reason(project: PytestProject) -> None:
    project.write(
        "test_clock.py",
        "import pytest\n"
        "def test_real(taskdock): pass\n"
        "def test_moved(taskdock_clock): taskdock_clock.advance(60)\n"
        "@pytest.mark.taskdock(clock='manual')\n"
        "def test_manual(taskdock): pass\n",
    )

    with running(engine=FakeEngine()) as dock:
        ran = project.run("--taskdock-url", dock.url, "-rs")

    assert ran.outcomes() == "1 passed, 2 skipped"
    skipped = [line for line in ran.output.splitlines() if line.startswith("SKIPPED")]
    assert all("start it with --clock manual or --clock auto" in line for line in skipped)
    assert [line.split(":")[0] for line in skipped] == ["SKIPPED [1] test_clock.py"] * 2


def test_a_server_without_the_harness_runs_what_it_can(
    project: PytestProject, tmp_path: Path
) -> None:
    project.write(
        "test_strict.py",
        "def test_before(taskdock):\n"
        "    taskdock.execute('walnut-table', {'number': 1})\n"
        "def test_fault(taskdock_faults): taskdock_faults.clear()\n"
        "def test_fails(taskdock):\n"
        "    taskdock.execute('walnut-table', {'number': 2})\n"
        "    assert len(taskdock.tasks.all()) == 1\n",
    )
    settings = Settings(auth="strict", harness="off", data_dir=tmp_path / "data")
    with running(settings, engine=FakeEngine()) as dock:
        dock.deploy(echo, "walnut-table")
        signed_in = credentials.read(tmp_path / "data")

        ran = project.run("--taskdock-url", dock.url, "-rs", variables=signed_in)

    assert ran.outcomes() == "1 failed, 1 passed, 1 skipped", ran.output
    assert re.search(r"SKIPPED \[1\] test_strict.py:\d+: http://\S+: .*--harness on", ran.output)
    assert re.search("^taskdock: tests see each other's tasks at .*--harness on", ran.output, re.M)
    assert ran.output.count("- taskdock: walnut-table, task ") == 1  # of the test that fails


def test_boto3_calls_functions_of_the_server(project: PytestProject, url: str) -> None:
    project.write(
        "test_one.py",
        "def test_one(lambda_client):\n"
        "    answer = lambda_client.invoke(FunctionName='walnut-table', Payload=b'{\"data\": 5}')\n"
        "    assert answer['Payload'].read() == b'5'\n",
    )

    assert project.run("--taskdock-url", url).outcomes() == "1 passed"


def test_without_boto3_such_a_test_is_skipped(project: PytestProject, url: str) -> None:
    project.write("boto3.py", "raise ImportError('none')\n")
    project.write("conftest.py", "import sys\nsys.modules['boto3'] = None\n")
    project.write("test_one.py", "def test_one(lambda_client): pass\n")

    ran = project.run("--taskdock-url", url, "-rs")

    assert ran.outcomes() == "1 skipped"
    assert "boto3 is not installed: pip install boto3" in ran.output


# A test that fails


@pytest.mark.parametrize("workers", [[], ["-n", "0"]])
def test_its_report_has_what_has_run(project: PytestProject, url: str, workers: list[str]) -> None:
    project.write("test_one.py", "def test_before(taskdock): pass\n" + FAILING)

    ran = project.run("--taskdock-url", url, *workers)

    assert ran.outcomes() == "1 failed, 1 passed"
    assert "- taskdock: walnut-table, task " in ran.output
    assert "REPORT RequestId: " in ran.output


def test_its_report_says_where_the_function_failed_and_what_helps(project: PytestProject) -> None:
    frame = '  File "/var/task/main.py", line 2, in handler\n    import yaml\n'
    error = {
        "errorType": "ModuleNotFoundError",
        "errorMessage": "No module named 'yaml'",
        "stackTrace": [frame],
    }
    project.write(
        "test_one.py",
        "def test_fails(taskdock):\n    assert taskdock.execute('oak-chair', check=False).result\n",
    )

    with running(engine=FakeEngine(), clock="auto") as dock:
        dock.deploy(
            lambda event, runtime: runtime.post(f"/invocation/{runtime.request_id}/error", error),
            "oak-chair",
        )
        ran = project.run("--taskdock-url", dock.url)

    lines = ran.output.splitlines()
    start = lines.index("error: ModuleNotFoundError: No module named 'yaml'")
    assert lines[start + 1 : start + 4] == [
        "  at main.py:2, in handler",
        "    import yaml",
        "Hint: the package has no yaml: pip install --target DIR --platform manylinux2014_x86_64"
        " --only-binary=:all: --python-version 3.11 PyYAML, where DIR is the folder of the"
        " function's code; then deploy again",
    ]


def test_a_failure_inside_of_taskdock_is_shown_at_the_line_of_the_test(
    project: PytestProject, url: str
) -> None:
    project.write("test_one.py", "def test_one(taskdock):\n    taskdock.execute('nowhere')\n")

    ran, full = (project.run("--taskdock-url", url, *more) for more in ((), ("--full-trace",)))

    assert re.search(r"^test_one.py:2: \w+$", ran.output, re.M), ran.output
    assert "executions.py" not in ran.output
    assert "executions.py" in full.output


def test_a_test_that_passes_shows_nothing(project: PytestProject, url: str) -> None:
    project.write("test_one.py", FAILING.replace("ash", "oak"))

    ran = project.run("--taskdock-url", url, "-rA")

    assert ran.outcomes() == "1 passed"
    assert "taskdock: walnut-table" not in ran.output


def test_ids_of_tasks_are_properties_in_the_report_for_machines(
    project: PytestProject, url: str
) -> None:
    project.write(
        "test_one.py",
        "def test_fails(taskdock):\n"
        "    task = taskdock.tasks.create('walnut-table', {}).wait()\n"
        "    print('id', task.id)\n"
        "    assert False\n",
    )

    ran = project.run("--taskdock-url", url, "--junit-xml", "report.xml")

    (printed,) = [line for line in ran.output.splitlines() if line.startswith("id ")]
    found = ET.parse(project.folder / "report.xml").iter("property")
    assert [each.attrib for each in found] == [
        {"name": "taskdock.task_id", "value": printed.removeprefix("id ")}
    ]


def test_a_server_that_has_no_runs_costs_no_failure_its_own_report(project: PytestProject) -> None:
    """A plain HTTP server stands in for one that cannot answer."""
    project.write(
        "test_one.py",
        "from taskdock.client.connection import ServerConnection\n"
        "def test_fails(taskdock, taskdock_server):\n"
        "    taskdock_server.close()\n"
        "    taskdock_server.taskdock._access.url = 'http://localhost:1'\n"
        "    taskdock_server._service._connection = ServerConnection('http://localhost:1')\n"
        "    assert 'mine' == 'shown'\n",
    )
    with running(engine=FakeEngine()) as dock:
        ran = project.run("--taskdock-url", dock.url)

    assert ran.outcomes() == "1 failed"
    assert "assert 'mine' == 'shown'" in ran.output
    assert "- taskdock: tasks and runs are not known -" in ran.output
