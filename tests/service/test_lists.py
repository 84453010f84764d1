"""The lists of the command: at terminals of any width, in pipes, and watched."""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import pytest
from click.testing import CliRunner, Result

from taskdock.client.console.tables import cells
from taskdock.commands import main
from tests.support.at_terminal import OpenTerminal
from tests.support.builders import Dock, Gate, StartDock
from tests.support.piped import StartPiped

LONG = "a-function-with-a-name-that-is-longer-than-anyone-would-type"
HELLO = "hello-world-python"
ID = re.compile(r"\b[0-9a-f]{24}\b")
LATER = {"startTimestamp": "2040-01-01T00:00:00.000Z"}
COLOURS = re.compile(r"\x1b\[[0-9;]*m")

Taskdock = Callable[..., Result]


def work(event: Any, runtime: Any) -> Any:
    runtime.print("at work")
    if (event.get("data") or {}).get("fail"):
        raise ValueError("a leg is missing")
    return {"statusCode": 404, "body": "walnut"}


def call(url: str, *words: str) -> Result:
    return CliRunner().invoke(main, words, env={"TASKDOCK_URL": url})


@pytest.fixture(scope="module")
def full(shared: Dock) -> Dock:
    """A server with something in every list, whose names are long, wide and more."""
    shared.deploy(work, LONG, description="関数の説明 👩‍👩‍👧 שולחן " * 9, timeLimit=7)
    shared.deploy(work, HELLO)
    for name in (LONG, HELLO):
        shared.finish(shared.create_task(name, data={"fail": True}, tags=["käse"] * 5, priority=-7))
        shared.finish(shared.create_task(name))
        shared.service.post("/schedules/", {**LATER, "functionName": name, "interval": 9})
        shared.create_task(name, **LATER, priority=2**53 - 1)
        answer = shared.get(f"/api/{name}/{'wide/' * 40}?x=%E9%96%A2")
        assert answer.status_code == 404
    for words in (
        ("events", "subscribe", "task_failed", LONG),
        ("faults", "add", LONG, "error", "--name", "SmtpDown", "--times", "9"),
        ("doubles", "add", "GET", f"/data/v1/{'{schema}'}/documents", "--answer", "[1]"),
    ):
        call(shared.url, *words)
    unanswered = shared.call("GET", f"/{'long/' * 30}", base="/data/v1")
    assert unanswered.status_code == 404
    return shared


LISTS = [
    "tasks list",
    "functions list",
    "schedules list",
    "events list",
    "events subscriptions",
    "events generate --list",
    "api-requests list",
    "runs list",
    "doubles list",
    "doubles calls",
    "faults list",
    "clock",
    "status",
]


ALWAYS_WITH_IDS = {"tasks list", "schedules list", "api-requests list", "runs list", "clock"}


@pytest.mark.parametrize("words", LISTS)
def test_a_list_fits_any_terminal_with_its_ids_whole(full: Dock, words: str) -> None:
    url = () if "generate" in words else ("--url", full.url)
    with ExitStack() as stack:
        terminals = {
            columns: stack.enter_context(OpenTerminal(*words.split(), *url, columns=columns))
            for columns in (60, 80, 120)
        }
        all_seen = {columns: terminal.wait() for columns, terminal in terminals.items()}
    known = set(ID.findall(call(full.url, *words.split()).stdout))

    for columns, seen in all_seen.items():
        assert seen.code == 0, seen.text
        lines = COLOURS.sub("", seen.text).splitlines()
        assert max(map(cells.width, lines)) <= columns, seen.text
        shown = set(ID.findall("\n".join(lines)))
        assert shown <= known
        assert shown == known or words not in ALWAYS_WITH_IDS, seen.text


@pytest.mark.parametrize("words", ["tasks list", "functions list"])
def test_a_heading_has_whole_words(full: Dock, words: str) -> None:
    known = "Id Function Status Priority Prio Start Duration Took Attempt Try Tags Error"
    known += " Name Runtime Time limit Limit Memory Enabled On Updated (UTC) Description"

    with OpenTerminal(*words.split(), "--url", full.url, columns=60) as terminal:
        heading = COLOURS.sub("", terminal.wait().text).splitlines()[0]

    assert set(heading.split()) <= set(known.split())


def test_runs_have_their_time_of_day_and_their_durations_as_tasks_do(full: Dock) -> None:
    with OpenTerminal("runs", "list", "--url", full.url, columns=80) as terminal:
        seen = COLOURS.sub("", terminal.wait().text)
    rows = [line for line in seen.splitlines() if ID.match(line)]

    assert rows
    assert all(re.search(r" \d\d:\d\d:\d\d .* (\d+ ms|\d+\.\d s)( |$)", row) for row in rows), seen


def test_a_pipe_gets_every_column_of_every_task(full: Dock) -> None:
    heading, *rows = call(full.url, "tasks", "list").stdout.splitlines()

    assert heading.split("  ")[0] == "ID"
    assert re.split(r"\s{2,}", heading) == [
        *("ID", "FUNCTION", "STATUS", "PRIORITY", "START (UTC)", "DURATION", "ATTEMPT"),
        *("TAGS", "ERROR"),
    ]
    assert {len(re.split(r"\s{2,}", row)) for row in rows} == {9}
    (failed, *_) = [re.split(r"\s{2,}", row) for row in rows if "ValueError" in row]
    assert failed[2:4] == ["failed", "-7"]
    assert re.fullmatch(r"\d+ ms|\d+\.\d s", failed[5])


def test_an_attempt_is_its_place_among_the_retries(timed_dock: Dock, clock: Any) -> None:
    timed_dock.deploy(work, HELLO, retryPolicy={"enabled": True})
    first = timed_dock.reach(timed_dock.create_task(HELLO, data={"fail": True}), "retried")

    rows = call(timed_dock.url, "tasks", "list").stdout.splitlines()[1:]

    attempts = {row.split()[0]: re.split(r"\s{2,}", row)[6] for row in rows}
    assert attempts == {first["id"]: "1", first["retriedByTaskId"]: "2"}


@pytest.mark.parametrize(
    ("words", "count"),
    [
        (["--status", "failed"], 2),
        (["--status", "failed", "--status", "new"], 4),
        (["--tag", "käse"], 2),
        (["--tag", "7"], 0),
        (["--since", "1h"], 6),
        (["--since", "2039-01-01T00:00:00Z"], 0),
        (["--function", HELLO, "--status", "complete"], 1),
    ],
)
def test_tasks_are_chosen_by_what_they_are(full: Dock, words: list[str], count: int) -> None:
    found = call(full.url, "tasks", "list", "--json", *words)

    assert found.exit_code == 0, found.output
    assert len(json.loads(found.stdout)) == count


def test_a_tag_that_looks_like_a_number_is_text(shared: Dock, full: Dock) -> None:
    task = full.create_task(HELLO, tags=["7"], **LATER)

    (found,) = json.loads(call(full.url, "tasks", "list", "--json", "--tag", "7").stdout)

    full.post(f"/{task}/cancel")
    assert found["id"] == task


@pytest.mark.parametrize("text", ["soon", "-5m", "2026-13-01"])
def test_a_time_that_is_none_is_refused_with_what_to_write(full: Dock, text: str) -> None:
    refused = call(full.url, "tasks", "list", f"--since={text}")

    assert refused.exit_code == 2
    assert f"{text} is neither a length of time such as 10m or 2h, nor an ISO 8601" in (
        " ".join(refused.stderr.split())
    )


def test_the_length_of_time_counts_from_the_servers_clock(timed_dock: Dock) -> None:
    timed_dock.deploy(work, HELLO)
    timed_dock.finish(timed_dock.create_task(HELLO))  # in 2026, by this server

    assert len(json.loads(call(timed_dock.url, "tasks", "list", "--json").stdout)) == 1
    since = call(timed_dock.url, "tasks", "list", "--json", "--since", "1m")
    assert len(json.loads(since.stdout)) == 1


def test_functions_are_listed_with_runtime_and_limits(full: Dock) -> None:
    heading, first, second = call(full.url, "functions", "list").stdout.splitlines()

    assert re.split(r"\s{2,}", heading)[:6] == [
        *("NAME", "RUNTIME", "TIME LIMIT", "MEMORY", "ENABLED", "UPDATED (UTC)"),
    ]
    assert re.split(r"\s{2,}", first)[:5] == [LONG, "python3.11", "7 s", "128 MB", "yes"]
    assert re.split(r"\s{2,}", second)[:5] == [HELLO, "python3.11", "30 s", "128 MB", "yes"]


def test_the_list_for_programs_is_the_services_own(full: Dock) -> None:
    for words, path in (("functions", "/functions"), ("api-requests", "/apiRequests")):
        listed = json.loads(call(full.url, words, "list", "--json").stdout)

        own = full.get(path).json()["data"]
        assert sorted(listed, key=str) == sorted(own, key=str)


def test_api_requests_are_listed_shown_and_have_logs(full: Dock) -> None:
    newest, oldest = json.loads(call(full.url, "api-requests", "list", "--json").stdout)

    assert (newest["functionName"], oldest["functionName"]) == (HELLO, LONG)
    row = call(full.url, "api-requests", "list", "--function", HELLO).stdout.splitlines()[1]
    assert row.startswith(f"{newest['id']}  {HELLO}  GET ")
    assert f"/{newest['path']}  404 " in row
    assert len(json.loads(call(full.url, "api-requests", "list", "--failed", "--json").stdout)) == 2
    shown = call(full.url, "api-requests", "show", newest["id"])
    assert re.search(r"^statusCode +404$", shown.stdout, re.MULTILINE)
    log = call(full.url, "api-requests", "logs", newest["id"])
    assert "  at work\n" in log.stdout
    assert call(full.url, "logs", newest["id"]).stdout == log.stdout


def test_an_api_request_that_there_is_not_is_a_wrong_call(full: Dock) -> None:
    for id in ("f" * 24, "nonsense"):
        refused = call(full.url, "api-requests", "show", id)

        assert refused.exit_code == 2
        assert refused.stderr == (
            f"Error: there is no API request {id}; find its id with: taskdock api-requests list\n"
        )


@pytest.mark.parametrize(
    ("words", "advice"),
    [
        (["tasks", "list"], "no tasks yet; create one with: taskdock tasks create NAME"),
        (["tasks", "list", "--status", "new"], "no such tasks; create one with: taskdock tasks"),
        (["functions", "list"], "no functions; deploy one with: taskdock deploy PATH"),
        (["schedules", "list"], "no schedules; create one with: taskdock schedules create"),
        (["events", "list"], "no events yet"),
        (["events", "subscriptions"], "no subscriptions; add one with: taskdock events subscribe"),
        (["api-requests", "list"], "no such API requests; make one with: curl http://localhost:"),
        (["runs", "list"], "no such runs; make one with: taskdock run NAME"),
        (["faults", "list"], "no faults; inject one with: taskdock faults add"),
        (["doubles", "list"], "no doubles; copy samples with: taskdock doubles init"),
    ],
)
def test_an_empty_list_says_what_to_type(dock: Dock, words: list[str], advice: str) -> None:
    listed = call(dock.url, *words)

    assert (listed.exit_code, listed.stdout) == (0, "")
    assert advice in listed.stderr


# --watch


@pytest.fixture
def gate(dock: Dock) -> Gate:
    gate = Gate()
    dock.deploy(lambda event, runtime: gate.pass_(runtime), HELLO)
    return gate


def test_a_watched_list_is_drawn_in_place_until_it_is_interrupted(dock: Dock, gate: Gate) -> None:
    with OpenTerminal("tasks", "list", "--watch", "--url", dock.url) as terminal:
        terminal.until("no tasks yet; create one with")
        task = dock.create_task(HELLO)
        terminal.until("inProgress")
        gate.open()
        terminal.until("complete")
        seen = terminal.end()

    before, _, after = seen.text.rpartition("\x1b[?1049l")
    assert seen.code == 0
    assert before.startswith("\x1b[?1049h")
    assert "Ctrl-C ends this" in before
    assert COLOURS.sub("", after).splitlines()[1].split()[:3] == [task, HELLO, "complete"]
    assert "\n\n" not in after


@pytest.mark.parametrize("variables", [{}, {"LINES": "24"}], ids=["", "of another terminal"])
def test_a_watched_list_is_as_high_and_as_wide_as_its_terminal(
    full: Dock, variables: dict[str, str]
) -> None:
    words = ("tasks", "list", "--watch", "--url", full.url)
    with OpenTerminal(*words, columns=60, lines=6, variables=variables) as terminal:
        screen = terminal.until("Ctrl-C ends this")
        terminal.end()

    first, end, _ = screen.partition("Ctrl-C ends this")
    lines = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", first + end).replace("\r", "").splitlines()
    # Where the server was slow, pictures that say so came before.
    assert len(lines) % 6 == 0, screen
    drawn = lines[-6:]
    assert re.fullmatch(r"\d+ more lines; Ctrl-C ends this", drawn[-1])
    assert max(map(cells.width, drawn)) <= 60


def test_a_pipe_gets_a_line_for_each_change(dock: Dock, gate: Gate, piped: StartPiped) -> None:
    old = dock.create_task(HELLO, **LATER)
    watched = piped(dock.url, "tasks", "list", "--watch")
    dock.eventually(lambda: len(watched.lines) == 1)

    task = dock.create_task(HELLO)
    dock.eventually(lambda: len(watched.lines) >= 2)
    gate.open()
    dock.eventually(lambda: "complete" in watched.lines[-1])

    assert watched.interrupt() == 0
    assert watched.lines[0].split("  ")[1:] == [old, HELLO, "new"]
    assert [line.split("  ")[1] for line in watched.lines[1:]] == [task] * (len(watched.lines) - 1)
    assert watched.notes == []


def test_more_changes_than_a_page_has_are_all_told(dock: Dock, piped: StartPiped) -> None:
    dock.deploy(work, HELLO)
    watched = piped(dock.url, "tasks", "list", "--watch", "--json", "--status", "complete")
    first = dock.create_task(HELLO)
    dock.eventually(lambda: len(watched.lines) == 1)

    created = {dock.create_task(HELLO) for _ in range(120)}
    dock.eventually(lambda: len(watched.lines) >= 121)

    watched.interrupt()
    told = [json.loads(line)["id"] for line in watched.lines]
    assert sorted(told) == sorted({first, *created})


def test_a_watch_outlives_its_server(
    start_dock: StartDock, piped: StartPiped, free_port: int
) -> None:
    first = start_dock(port=free_port)
    first.deploy(work, HELLO)
    watched = piped(first.url, "tasks", "list", "--watch")
    first.create_task(HELLO)
    first.eventually(lambda: watched.lines)
    first.stop()

    first.eventually(lambda: watched.notes)
    second = start_dock(port=free_port)
    second.eventually(lambda: len(watched.notes) == 2)
    task = second.create_task(HELLO)
    second.eventually(lambda: any(task in line for line in watched.lines))

    assert watched.interrupt() == 0
    assert watched.notes == [
        f"no taskdock server answers at {first.url}; start one with: taskdock serve --port"
        f" {free_port}; it is tried again until Ctrl-C",
        f"the server at {first.url} answers again",
    ]


def test_a_watch_of_no_server_is_a_wrong_call(free_port: int) -> None:
    with OpenTerminal(
        "tasks", "list", "--watch", "--url", f"http://localhost:{free_port}"
    ) as terminal:
        seen = terminal.wait()

    assert seen.code == 2
    assert "no taskdock server answers at" in seen.text
    assert "\x1b[?1049h" not in seen.text
    assert "no tasks yet" not in seen.text


def test_a_watch_that_is_terminated_gives_the_screen_back(full: Dock) -> None:
    with OpenTerminal("tasks", "list", "--watch", "--url", full.url) as terminal:
        terminal.until("Ctrl-C ends this")
        seen = terminal.end(signal.SIGTERM)

    assert seen.code == 143
    assert "\x1b[?25h\x1b[?1049l" in seen.text


def test_a_dumb_terminal_gets_lines_and_no_sequences(full: Dock) -> None:
    words = ("tasks", "list", "--watch", "--url", full.url)
    with OpenTerminal(*words, variables={"TERM": "dumb"}) as terminal:
        terminal.until("complete")
        seen = terminal.end()

    assert seen.code == 0
    assert "\x1b" not in seen.text


def test_a_watched_list_takes_the_new_size_of_its_terminal(full: Dock) -> None:
    words = ("tasks", "list", "--watch", "--url", full.url)
    with OpenTerminal(*words, columns=60) as terminal:
        terminal.until("Ctrl-C ends this")
        before = len(terminal.seen)
        terminal.resize(columns=200, lines=24)
        terminal.until("Attempt", after=before)
        terminal.end()
