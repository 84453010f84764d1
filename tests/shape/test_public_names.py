"""The public names of the harness are those that docs/testing.md lists, explained and typed."""

from __future__ import annotations

import builtins
import inspect
import re
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path
from typing import Any

import pytest

from taskdock import testing
from taskdock.testing.client.schedules import ScheduleControl
from tests.support.live import REPOSITORY

DOCUMENT = (REPOSITORY / "docs" / "testing.md").read_text()
REFERENCE = DOCUMENT.partition("\n## Reference\n")[2]
NAMES_TABLE, MEMBERS_TABLE = re.findall(r"(?:^\|.*\n)+", REFERENCE, re.MULTILINE)
ALIASES = ("FakeProgram", "Handler")
"""Names of types: no docstring belongs to them."""
PROGRAM = """
from taskdock.testing import Fault, Taskdock, matching, running


def check(taskdock: Taskdock) -> list[tuple[str, float]]:
    taskdock.faults.add("welcome-mail", Fault.error("SmtpDown"), times=2)
    sent = taskdock.doubles.add("POST", "/mail/v1/", json={"id": "1"})
    done = taskdock.tasks.create("welcome-mail", {"name": "Ada"}).wait()
    taskdock.assert_enqueued("report", data=matching({"for": "Ada"}), start_in="1h")
    assert sent.calls[0].function == "welcome-mail"
    return [(task.status, task.delay) for task in done.chain]


with running(functions="tasks/*", clock="auto", auth="strict") as dock:
    check(dock)
    dock.clock.advance(days=7)
"""
WRONG = PROGRAM + 'number: int = dock.execute("report").log\n'


def rows(table: str) -> dict[str, str]:
    found = re.findall(r"^\| `(\w+)` \| (.+) \|$", table, re.MULTILINE)
    assert len(found) == len(dict(found)), "a name is listed twice"
    return dict(found)


def public(kind: type) -> dict[str, Any]:
    return {name: each for name, each in inspect.getmembers(kind) if not name.startswith("_")}


def controls() -> dict[str, type]:
    """The objects of a `Taskdock` that have verbs of their own: by their attribute's names."""
    taskdock = testing.Taskdock("http://localhost:1")
    taskdock.close()
    return {name: type(each) for name, each in vars(taskdock).items() if not name.startswith("_")}


def test_the_reference_lists_the_public_names_and_no_other() -> None:
    assert sorted(rows(NAMES_TABLE)) == sorted(testing.__all__)


def test_the_reference_lists_what_a_taskdock_has() -> None:
    assert sorted(rows(MEMBERS_TABLE)) == sorted({**public(testing.Taskdock), **controls()})


@pytest.mark.parametrize("name", ["tasks", "schedules", "events", "faults", "doubles", "runs"])
def test_the_reference_lists_the_verbs_of(name: str) -> None:
    verbs = re.findall(r"`(\w+)`", rows(MEMBERS_TABLE)[name])

    missing = set(public(controls()[name])) - set(verbs) - {"attempts", "chain"}

    assert set(verbs) <= set(public(controls()[name]))
    assert missing == set()


def test_the_clock_has_what_the_reference_lists() -> None:
    assert set(re.findall(r"`(\w+)`", rows(MEMBERS_TABLE)["clock"])) <= set(
        public(testing.ClockControl)
    )


@pytest.mark.parametrize("name", sorted(set(testing.__all__) - set(ALIASES)))
def test_a_public_name_is_explained(name: str) -> None:
    assert inspect.cleandoc(getattr(testing, name).__doc__ or "").strip(), name


def typed() -> dict[str, Any]:
    """All that a user calls: functions, constructors, and the methods of public classes."""
    found: dict[str, Any] = {}
    kinds = [getattr(testing, name) for name in testing.__all__ if name not in ALIASES]
    for each in [*kinds, *controls().values(), ScheduleControl]:
        if not inspect.isclass(each):
            found[each.__qualname__] = each
            continue
        if not issubclass(each, (BaseException, dict)):
            found[f"{each.__qualname__}.__init__"] = each.__init__
        for name, member in vars(each).items():
            call = member.fget if isinstance(member, property) else member
            call = getattr(call, "__func__", call)
            if not name.startswith("_") and inspect.isfunction(call):
                found[f"{each.__qualname__}.{name}"] = call
    return {name: call for name, call in found.items() if inspect.isfunction(call)}


@pytest.mark.parametrize("name", sorted(typed()))
def test_what_a_user_calls_has_its_types(name: str) -> None:
    call = inspect.unwrap(typed()[name])
    hints = call.__annotations__

    untyped = [each for each in inspect.signature(call).parameters if each not in hints]

    assert [each for each in untyped if each not in ("self", "cls")] == []
    assert "return" in hints


def test_what_is_said_to_be_raised_is_a_public_name_or_one_of_pythons() -> None:
    rooms = ("taskdock.testing.client", "taskdock.testing.in_", "taskdock.lambdas.invoke.faults")
    users = [*typed().values(), testing.Fault, testing.Taskdock, testing.ClockControl]
    said = {
        name
        for each in users
        if each.__module__.startswith(rooms)
        for told in re.findall(
            r"[Rr]aises? (.+?)(?:\.\s|\.?$)", inspect.getdoc(each) or "", re.DOTALL
        )
        for name in re.findall(r"`([A-Z]\w+)`", told)
    }

    assert said > {"UnknownFunction", "BadField", "StartupError"}
    assert [name for name in said if not {name} & {*testing.__all__, *dir(builtins)}] == []


def test_verbs_of_a_taskdock_are_explained() -> None:
    silent = [
        name
        for name, each in public(testing.Taskdock).items()
        if not inspect.getdoc(each) and name not in ("close",)
    ]

    assert silent == []


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment in which the wheel is installed, beside what it needs."""
    folder = tmp_path_factory.mktemp("wheel")
    build = f"from hatchling.build import build_wheel; build_wheel({str(folder)!r})"
    subprocess.run([sys.executable, "-c", build], cwd=REPOSITORY, check=True, timeout=120)
    (wheel,) = folder.glob("taskdock-*.whl")
    venv.create(folder / "venv", symlinks=True, with_pip=False)
    (packages,) = folder.glob("venv/lib/python3*/site-packages")
    with zipfile.ZipFile(wheel) as files:
        files.extractall(packages)
    (packages / "needed.pth").write_text(f"{sysconfig.get_path('purelib')}\n")
    return folder / "venv" / "bin" / "python"


def test_a_user_imports_the_names_from_the_wheel(installed: Path) -> None:
    code = "from taskdock.testing import running, Fault, __file__; print(__file__)"

    done = subprocess.run(
        [installed, "-c", code], cwd="/", capture_output=True, text=True, timeout=60, check=True
    )

    assert Path(done.stdout.strip()).is_relative_to(installed.parents[1])


def test_a_users_program_is_checked_against_the_types_of_the_wheel(
    installed: Path, tmp_path: Path
) -> None:
    (tmp_path / "right.py").write_text(PROGRAM)
    (tmp_path / "wrong.py").write_text(WRONG)

    done = subprocess.run(
        [
            *(sys.executable, "-m", "mypy", "--strict", "--config-file="),
            *("--python-executable", str(installed), "right.py", "wrong.py"),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )

    (error, summary) = done.stdout.splitlines()
    assert error.startswith("wrong.py"), done.stdout
    assert 'has type "str"' in error
    assert "Found 1 error" in summary
