"""What functions and servers say is text on a terminal, and never an order to it."""

from __future__ import annotations

import ast
import io
import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from rich.progress import Progress

from taskdock.base.notices import Notices
from taskdock.client.console import progress
from taskdock.engines.images import Progress as Pulling
from taskdock.server import provision
from taskdock.server.detached import log_handler
from taskdock.tasks.model.notices import TaskFailed
from taskdock.testing.fakes.runtime import FakeRuntime
from tests.support.at_terminal import at_terminal
from tests.support.builders import Dock
from tests.support.live import REPOSITORY

EVIL = "\x1b]0;owned\x07\x1b[2J\x9b1A\x7f\u202e"
HARMLESS = r"\u001b]0;owned\u0007\u001b[2J\u009b1A\u007f\u202e"
COLOUR = "\x1b[32mgreen\x1b[0m"


class Wicked(Exception):
    """An error whose message orders a terminal about."""


def prints(event: Any, runtime: FakeRuntime) -> Any:
    runtime.print(f"log {EVIL} {COLOUR}")
    return {"said": EVIL}


def fails(event: Any, runtime: FakeRuntime) -> Any:
    runtime.print(f"log {EVIL}")
    raise Wicked(EVIL)


@pytest.fixture(scope="module")
def evil(shared: Dock) -> Dock:
    shared.deploy(prints, "prints", description=EVIL)
    shared.deploy(fails, "fails")
    shared.finish(shared.create_task("prints", data={"text": EVIL}))
    shared.finish(shared.create_task("fails"))
    return shared


def task_of(dock: Dock, name: str) -> str:
    return str(dock.get(f"/?eq(functionName,{name})").json()["data"][0]["id"])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("logs", "{prints}"), f"log {HARMLESS} {COLOUR}"),
        (("logs", "{prints}", "--json"), f"log {HARMLESS} "),
        (("logs", "-f", "{fails}"), f"log {HARMLESS}"),
        (("run", "prints"), HARMLESS),
        (("run", "fails"), f"Wicked: {HARMLESS}"),
        (("tasks", "show", "{fails}"), HARMLESS),
        (("tasks", "show", "{prints}", "--json"), HARMLESS),
        (("tasks", "list", "--json"), HARMLESS),
        (("tasks", "create", "fails", "--wait"), f"Wicked: {HARMLESS}"),
        (("functions", "list"), HARMLESS),
        (("functions", "show", "prints"), HARMLESS),
        (("events", "list", "--json"), HARMLESS),
    ],
)
def test_the_command_gives_no_order_to_a_terminal(
    evil: Dock, words: tuple[str, ...], said: str
) -> None:
    ids = {name: task_of(evil, name) for name in ("prints", "fails")}

    seen = at_terminal(*(word.format(**ids) for word in words), "--url", evil.emulator.url)

    assert said in seen.text, seen.text
    for order in ("\x1b]", "\x1b[2J", "\x9b", "\x07", "\x7f", "\u202e"):
        assert order not in seen.text


def test_the_terminal_of_these_tests_is_the_same_where_no_colours_are_wanted(
    evil: Dock, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("logs", task_of(evil, "prints"), "--url", evil.emulator.url)

    wanted = at_terminal(*words)
    monkeypatch.setenv("NO_COLOR", "1")

    assert COLOUR in wanted.text, wanted.text
    assert at_terminal(*words).text == wanted.text


def test_who_wants_no_colours_gets_none_of_a_functions_either(evil: Dock) -> None:
    words = ("logs", task_of(evil, "prints"), "--url", evil.emulator.url)

    seen = at_terminal(*words, variables={"NO_COLOR": "1"})

    assert f"log {HARMLESS} green\n" in seen.text, seen.text
    assert "\x1b" not in seen.text


@pytest.mark.parametrize("words", [("logs", "{prints}"), ("functions", "show", "prints")])
def test_a_pipe_gets_it_byte_for_byte(evil: Dock, words: tuple[str, ...]) -> None:
    called = [word.format(prints=task_of(evil, "prints")) for word in words]

    done = subprocess.run(
        [sys.executable, REPOSITORY / "cli.py", *called, "--url", evil.emulator.url],
        capture_output=True,
        timeout=60,
        check=True,
    )

    assert EVIL in done.stdout.decode()


def test_a_refusal_in_the_servers_words_gives_no_order_to_a_terminal(evil: Dock) -> None:
    seen = at_terminal("functions", "show", f"no{EVIL}", "--url", evil.emulator.url)

    assert seen.code == 2
    assert "\x1b]" not in seen.text
    assert HARMLESS in seen.text


def test_the_servers_own_log_gives_no_order_to_a_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    record = logging.LogRecord("taskdock", logging.INFO, "", 0, "%s", (EVIL,), None)
    plain = log_handler(None).format(record)

    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)

    assert EVIL in plain
    assert log_handler(None).format(record).endswith(HARMLESS)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\v", "\f", "\x85", "\u2028"])
def test_what_others_say_begins_no_line_of_the_servers_log(
    caplog: pytest.LogCaptureFixture, end: str
) -> None:
    with caplog.at_level(logging.INFO, "taskdock"):
        error = f"walnut{end}task_failed task=another"
        Notices().publish(TaskFailed(task="oak", error=error))

    (line,) = caplog.messages
    assert len(line.splitlines()) == 1
    assert line.startswith("task_failed task=oak error=walnut\\")


PRINTERS = {
    Path("emulator/base/terminal.py"),
    Path("emulator/client/console/output.py"),
}
OWN_WORDS = {
    (Path("emulator/engines/docker/locate.py"), "main"),  # the address of the engine, for scripts
}


def test_nothing_else_prints() -> None:
    files = [REPOSITORY / "cli.py", *sorted((REPOSITORY / "emulator").rglob("*.py"))]
    found = []
    for file in files:
        name = file.relative_to(REPOSITORY)
        if name in PRINTERS:
            continue
        for function, line in prints_in(ast.parse(file.read_text())):
            if (name, function) not in OWN_WORDS:
                found.append(f"{name}:{line}")

    assert found == []


def prints_in(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """The function at the module's level, or "", and the line of each call that prints."""
    for statement in tree.body:
        function = statement.name if isinstance(statement, ast.FunctionDef) else ""
        for node in ast.walk(statement):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in (
                "print",
                *(f"click.{word}" for word in ("echo", "secho", "confirm", "prompt", "pause")),
                *(f"sys.{stream}.write" for stream in ("stdout", "stderr")),
                *(f"sys.{stream}.buffer.write" for stream in ("stdout", "stderr")),
            ):
                yield function, node.lineno


@pytest.mark.parametrize("text", ["print(1)", "click.echo(1)", "sys.stderr.write('')"])
def test_the_test_before_sees_what_prints(text: str) -> None:
    assert list(prints_in(ast.parse(f"def say():\n    {text}\n"))) == [("say", 2)]


def test_an_echo_of_json_is_still_that_json_on_a_terminal(evil: Dock) -> None:
    seen = at_terminal("functions", "show", "prints", "--json", "--url", evil.emulator.url)

    assert json.loads(seen.text)["description"] == EVIL


def test_the_progress_of_a_pull_gives_no_order_to_a_terminal() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    stream = Terminal()
    with Progress(console=Console(file=stream, force_terminal=True, width=200)) as drawn:
        bars = progress._Bars(drawn)
        for line in (f"pull {EVIL}: 5 %", f"pull {EVIL}: 3 s", f"pulled {EVIL}"):
            bars.show(line)
    provision.announcer(stream)(Pulling(f"pulls {EVIL}"))

    assert f"pulled {HARMLESS}" in stream.getvalue()
    assert f"pulls {HARMLESS}" in stream.getvalue()
    for order in ("\x1b]", "\x1b[2J", "\x9b", "\x07", "\x7f", "\u202e"):
        assert order not in stream.getvalue()
