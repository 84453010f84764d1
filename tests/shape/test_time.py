"""Time comes from one module, and tests change no constant: they give a server other limits."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.live import REPOSITORY

EMULATOR, TESTS = REPOSITORY / "emulator", REPOSITORY / "tests"

READS = {
    "time": {"time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns"},
    "datetime": {"now", "utcnow", "today"},
    "date": {"today"},
}
"""What reads a clock, by its module or class."""

OWN_CLOCKS = {
    "base/timing/clock.py": "it is the module that reads the clock",
    "base/ids.py": "the time in a trace id is for X-Ray, which is not here",
    "server/doctor/": "it measures how long things take on this machine",
    "store/": "another program holds the database's lock for a while of real time",
    "tasks/events/webhook_client.py": "a receiver answers, or does not, in real time",
    "testing/": "a test waits for threads in real time",
    "web/http/": "the header Date, and how long a turn on the event loop has taken",
}
"""Modules, and folders of them, that read a clock themselves; and why."""

CONSTANT = re.compile(r"_*[A-Z][A-Z0-9_]+")


def modules(folder: Path) -> Iterator[tuple[str, ast.Module]]:
    for path in sorted(folder.rglob("*.py")):
        yield path.relative_to(folder).as_posix(), ast.parse(path.read_text(), str(path))


def clocks_read(tree: ast.Module) -> set[str]:
    """Such as `time.monotonic`, also where it is imported by its name."""
    found = set()
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(value=ast.Name(id=owner) | ast.Attribute(attr=owner), attr=name):
                if name in READS.get(owner, ()):
                    found.add(f"{owner}.{name}")
            case ast.ImportFrom(module="time", names=names):
                found |= {f"time.{each.name}" for each in names if each.name in READS["time"]}
    return found


def constants_patched(tree: ast.Module) -> set[str]:
    """Constants of modules of the emulator that are set to something else."""
    ours = {
        each.asname or each.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for each in node.names
        if (getattr(node, "module", None) or each.name).split(".")[0] == "taskdock"
    }
    found = set()
    for node in ast.walk(tree):
        match node:
            case ast.Call(
                func=ast.Attribute(attr="setattr"),
                args=[ast.Name(id=owner), ast.Constant(value=str(name)), _],
            ) if owner in ours:
                found.add(name)
            case ast.Call(
                func=ast.Attribute(attr="setattr"), args=[ast.Constant(value=str(path)), _]
            ) if path.startswith("taskdock."):
                found.add(path.rpartition(".")[2])
            case ast.Attribute(value=ast.Name(id=owner), attr=name, ctx=ast.Store()) if (
                owner in ours
            ):
                found.add(name)
    return {name for name in found if CONSTANT.fullmatch(name)}


def test_only_the_clock_reads_the_time() -> None:
    """What reads a clock of its own has a reason, and each reason is one for somebody."""
    reading = {
        module: clocks for module, tree in modules(EMULATOR) if (clocks := clocks_read(tree))
    }
    others = {
        module: clocks
        for module, clocks in reading.items()
        if not module.startswith(tuple(OWN_CLOCKS))
    }
    unused = [
        place for place in OWN_CLOCKS if not any(module.startswith(place) for module in reading)
    ]

    assert not others, "take a Clock, which emulator/base/timing/clock.py has"
    assert not unused


@pytest.mark.parametrize(
    "text",
    [
        "import time\nbegan = time.monotonic()",
        "from time import perf_counter",
        "from datetime import datetime\nnow = datetime.now(None)",
        "import datetime\nnow = datetime.datetime.utcnow()",
        "from datetime import date\ntoday = date.today()",
    ],
)
def test_a_clock_is_seen_however_it_is_read(text: str) -> None:
    assert clocks_read(ast.parse(text))


def test_no_test_patches_a_constant() -> None:
    patched = {(test, name) for test, tree in modules(TESTS) for name in constants_patched(tree)}

    assert not patched, "make it a field of Limits, or a parameter"


@pytest.mark.parametrize(
    "text",
    [
        "from taskdock.base import health\nmonkeypatch.setattr(health, '_WELL', 1)",
        "from taskdock.base import health as module\npatch.setattr(module, 'WELL', 1)",
        "import taskdock.base.health as h\nh._WELL = 1",
        "monkeypatch.setattr('taskdock.base.health._WELL', 1)",
    ],
)
def test_a_patched_constant_is_seen_however_it_is_patched(text: str) -> None:
    assert constants_patched(ast.parse(text)) in ({"_WELL"}, {"WELL"})


@pytest.mark.parametrize(
    "text",
    [
        "from taskdock.base import health\nmonkeypatch.setattr(health, 'Health', 1)",
        "from tests.support import live\nmonkeypatch.setattr(live, 'COMMAND', ())",
        "from taskdock.base import health\nseen = health._WELL",
    ],
)
def test_what_is_no_constant_of_ours_or_only_looked_at_is_none(text: str) -> None:
    assert not constants_patched(ast.parse(text))
