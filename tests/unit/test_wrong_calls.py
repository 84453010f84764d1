"""A table of wrong calls of the command, each with the whole of what it says.

A wrong call ends with exit code 2 and one sentence on stderr: what was wrong, what is allowed, and
where it helps what to type. Nothing is done, and no sentence has a word of a library.
"""

from __future__ import annotations

import json
import os
import re
import shlex
from collections.abc import Iterator, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from taskdock.client.deployment.config.config_words import names
from taskdock.client.deployment.config.task_config import TaskConfig
from taskdock.client.errors import UnknownFunction
from taskdock.commands import main
from tests.support.at_terminal import at_terminal
from tests.support.stub_service import StubService

GOOD = {"name": "hello", "path": "src", "entryPoint": "index.handler", "runtime": "python3.12"}
CONFIGS: dict[str, Any] = {
    "good": GOOD,
    "pair/a": GOOD,
    "pair/b": {**GOOD, "name": "other"},
    "quotes": "{'name': 1}",
    "empty": "",
    "list": [],
    "comma": '{"name": "a",}',
    "typo": {**GOOD, "timelimit": 3},
    "many": {
        **GOOD,
        "name": "a b",
        "timeLimit": "30",
        "executionPermission": "all",
        "retryPolicy": {"enable": True},
    },
    "nothing": {},
    "variable": {**GOOD, "environment": {"KEY": "$WALNUT_KEY"}},
    "out": {**GOOD, "path": "../good"},
    "nocode": {**GOOD, "path": "dist"},
    "both": {**GOOD, "image": "a"},
}
"""The task-config.json of each folder."""
FILES = {
    "bad.json": b"{a: 1}",
    "latin.json": '{"n": "Zo\u00eb"}'.encode("latin-1"),
    "void.json": b"",
}
LIBRARY_WORDS = re.compile(
    r"Usage:|Try '|Invalid value|Missing (?:argument|option|parameter)|No such"
    r"|is not (?:a valid|one of)|not in the range|unexpected extra|Got |requires an argument"
    r"|does not take|Input should"
    r"|Field required|pattern|Expecting|Extra data|char \\d|codec|Errno|Traceback|max retries"
    r"|HTTPConnection|urlopen"
)

WRONG_CALLS: list[tuple[str, str]] = [
    ("walnut", "there is no command 'walnut'; see: taskdock --help"),
    ("rum hello", "there is no command 'rum'; did you mean run?"),
    ("tasks lst", "there is no command 'lst'; did you mean list?"),
    (
        "tasks walnut",
        "there is no command 'walnut'; taskdock tasks has cancel, create, list and show",
    ),
    ("tasks create", "NAME is missing; the call is: taskdock tasks create [OPTIONS] NAME"),
    ("tasks create walnut", "there is no function walnut; there is hello"),
    ("tasks create hello --priority high", "--priority has to be a whole number, not 'high'"),
    (
        "tasks create hello --timeout soon --wait",
        "--timeout has to be a number of seconds, not 'soon'",
    ),
    (
        "tasks create hello --timeout nan --wait",
        "--timeout has to be a number of seconds, not 'nan'",
    ),
    (
        "tasks create hello --start-at soon",
        "--start-at: soon is neither an ISO 8601 time nor +SECONDS, such as"
        " 2027-01-01T00:00:00Z or +90",
    ),
    (
        "tasks create hello --start-at +soon",
        "--start-at: +soon is neither an ISO 8601 time nor +SECONDS, such as"
        " 2027-01-01T00:00:00Z or +90",
    ),
    (
        "tasks create hello --start-at 2026-13-01",
        "--start-at: 2026-13-01 is neither an ISO 8601 time nor +SECONDS, such as"
        " 2027-01-01T00:00:00Z or +90",
    ),
    (
        "tasks create hello --priority x --timeout y --walnut",
        "--priority has to be a whole number, not 'x'; --timeout has to be a number of"
        " seconds, not 'y'; taskdock tasks create has no option --walnut; did you mean"
        " --wait?",
    ),
    ("tasks list --limit 0", "--limit has to be a whole number from 1 to 50, not '0'"),
    ("tasks list --limit", "--limit needs a value: a whole number from 1 to 50"),
    (
        "tasks list --status ended",
        "--status has to be new, inProgress, complete, failed, retried or canceled, not 'ended'",
    ),
    (
        "tasks list hello",
        "there is one word too many: hello; the call is: taskdock tasks list [OPTIONS]",
    ),
    ("tasks show", "TASK_ID is missing; the call is: taskdock tasks show [OPTIONS] TASK_ID"),
    (
        "tasks show ffffffffffffffffffffffff",
        "there is no task ffffffffffffffffffffffff; find its id with: taskdock tasks list",
    ),
    (
        "tasks cancel ffffffffffffffffffffffff",
        "there is no task ffffffffffffffffffffffff; find its id with: taskdock tasks list",
    ),
    ("tasks cancel walnut", "there is no task walnut; find its id with: taskdock tasks list"),
    ("tasks cancel ''", "'' is neither a name nor an id; is a variable of the shell empty?"),
    (
        "tasks create hello --walnut --pine",
        "taskdock tasks create has no option --walnut; did you mean --wait?; taskdock"
        " tasks create has no option --pine; see: taskdock tasks create --help",
    ),
    ("tasks list --json=yes", "--json takes no value"),
    (
        "schedules walnut",
        "there is no command 'walnut'; taskdock schedules has create, delete and list",
    ),
    (
        "schedules create",
        "NAME and --every SECONDS are missing; the call is: taskdock schedules create"
        " [OPTIONS] --every SECONDS NAME",
    ),
    ("schedules create hello --every often", "--every has to be a number of seconds, not 'often'"),
    ("schedules create hello --every nan", "--every has to be a number of seconds, not 'nan'"),
    ("schedules list --limit 51", "--limit has to be a whole number from 1 to 50, not '51'"),
    (
        "schedules delete",
        "SCHEDULE_ID is missing; the call is: taskdock schedules delete [OPTIONS] SCHEDULE_ID",
    ),
    ("schedules delete ..", "there is no schedule ..; find its id with: taskdock schedules list"),
    ("--walnut", "taskdock has no option --walnut; see: taskdock --help"),
    ("version --walnut", "taskdock version has no option --walnut; see: taskdock version --help"),
    ("version now", "there is one word too many: now; the call is: taskdock version [OPTIONS]"),
    ("run", "NAME is missing; the call is: taskdock run [OPTIONS] NAME"),
    (
        "run hello walnut",
        "there is one word too many: walnut; the call is: taskdock run [OPTIONS] NAME",
    ),
    (
        "run hello -d {a: 1}",
        "there is one word too many: 1}; in a shell JSON stands in single quotes: -d"
        ' \'{"name": "Ada"}\'; the call is: taskdock run [OPTIONS] NAME',
    ),
    (
        "run hello -d {a:1}",
        "-d was given no valid JSON: line 1, column 2: a name in double quotes belongs"
        " here, not 'a'; in a shell JSON stands in single quotes: -d '{\"name\": \"Ada\"}'",
    ),
    ("run hello -d ''", "-d was given no valid JSON: it is empty"),
    (
        "run hello -d Ada",
        "-d was given no valid JSON: line 1, column 1: 'Ada' is no value; text needs double"
        ' quotes; in a shell JSON stands in single quotes: -d \'{"name": "Ada"}\'',
    ),
    (
        "run hello -d \"{'a': 1}\"",
        "-d was given no valid JSON: line 1, column 2: a name in double quotes belongs"
        ' here, not "\'"; in a shell JSON stands in single quotes: -d \'{"name": "Ada"}\'',
    ),
    (
        "run hello -d '{\"a\": 1,}'",
        "-d was given no valid JSON: line 1, column 8: the last comma has nothing after it",
    ),
    (
        "run hello -d '{\"a\": 1'",
        "-d was given no valid JSON: it ends too early, at line 1, column 8",
    ),
    ("run hello -d NaN", "-d was given no valid JSON: NaN is not JSON"),
    ("run hello -d 1 -e bad.json", "give -d or -e, not both"),
    ("run hello -d", "-d needs a value: JSON"),
    ("run hello --evnt bad.json", "taskdock run has no option --evnt; did you mean --event?"),
    ("run hello -e walnut.json", "-e: there is no file 'walnut.json'"),
    ("run hello -e nofolder", "-e: 'nofolder' is a folder, not a file"),
    (
        "run hello -e bad.json",
        "-e was given no valid JSON: line 1, column 2: a name in double quotes belongs"
        " here, not 'a'",
    ),
    ("run hello -e latin.json", "-e was given no valid JSON: byte 10 is not UTF-8"),
    ("run hello -e huge.json", "-e was given over 64 MB; AWS Lambda takes events of 6 MB"),
    ("run hello -e /proc/self/mem", "-e: the file cannot be read: Input/output error"),
    ("run hello -e void.json", "-e was given no valid JSON: it is empty"),
    ("run helo", "there is no function helo; did you mean hello?"),
    ("run HELLO", "there is no function HELLO; did you mean hello?"),
    ("run ''", "'' is neither a name nor an id; is a variable of the shell empty?"),
    ("run hello -x", "taskdock run has no option -x; see: taskdock run --help"),
    ("run ..", "'..' is neither a name nor an id"),
    (
        "logs ffffffffffffffffffffffff",
        "there is no task ffffffffffffffffffffffff; find its id with: taskdock tasks list",
    ),
    (
        "logs ffffffffffffffffffffffff -f",
        "there is no task ffffffffffffffffffffffff; find its id with: taskdock tasks list",
    ),
    ("logs ''", "'' is neither a name nor an id; is a variable of the shell empty?"),
    ("functions show helo", "there is no function helo; did you mean hello?"),
    ("functions delete walnut", "there is no function walnut; there is hello"),
    ("functions delete .", "'.' is neither a name nor an id"),
    (
        "events subscribe task_failed",
        "SUBSCRIBER is missing; the call is: taskdock events subscribe [OPTIONS]"
        " EVENT_TYPE SUBSCRIBER",
    ),
    ("events list --limit many", "--limit has to be a whole number from 1 to 50, not 'many'"),
    (
        "events generate walnut",
        "there is no command 'walnut'; see: taskdock events generate --help",
    ),
    (
        "events generate s3 --time soon",
        "--time: 'soon' is no ISO 8601 time such as 2026-01-02T03:04:05Z",
    ),
    (
        "faults add hello",
        "KIND is missing; the call is: taskdock faults add [OPTIONS] FUNCTION KIND",
    ),
    ("faults add hello delay", "a delay needs seconds, such as 0.2"),
    ("faults add hello delay --seconds -1", "seconds are more than 0, 900 at most, not -1.0"),
    ("faults add hello error --times 0", "times is 0; write 1 or more, or leave it out for always"),
    (
        "faults add hello error --probability 2",
        "probability is 2.0; write more than 0 and up to 1, such as 0.1",
    ),
    ("faults clear ''", "'' is neither a name nor an id; is a variable of the shell empty?"),
    (
        "faults add hello walnut",
        "there is no fault 'walnut'; there are error, delay, timeout, out_of_memory,"
        " crash, throttle, cold_start, init_error, no_capacity",
    ),
    (
        "doubles add",
        "METHOD and PATH are missing; the call is: taskdock doubles add [OPTIONS] METHOD PATH",
    ),
    (
        "doubles add GET /x --body {",
        "--body was given no valid JSON: it ends too early, at line 1, column 2",
    ),
    ("doubles add GET /x --status ok", "--status has to be a whole number, not 'ok'"),
    ("doubles add GET /x --file walnut", "--file: there is no file 'walnut'"),
    ("clock mode fast", "MODE has to be real, manual or auto, not 'fast'"),
    ("clock advance", "TIME is missing; the call is: taskdock clock advance [OPTIONS] TIME"),
    (
        "clock advance soon",
        '\'soon\' is no length of time; write seconds, or a text such as "90s", "1h30m" or'
        ' "7d" (ms, s, m, h, d, w)',
    ),
    (
        "clock advance -7d",
        "'-7d' is negative, and time never goes back; write seconds, or a text such as"
        ' "90s", "1h30m" or "7d" (ms, s, m, h, d, w)',
    ),
    ("clock set tomorrow", "TIME: tomorrow is no ISO 8601 time such as 2027-01-01T00:00:00Z"),
    (
        "clock --json advance 1s",
        "--json belongs behind the command: taskdock clock advance ... --json",
    ),
    ("deploy", "give the PATH of a task-config.json, or --image and --name"),
    ("deploy walnut", "walnut does not exist"),
    ("deploy nofolder", "there is no task-config.json in nofolder or in a folder of it"),
    (
        "deploy quotes",
        "quotes/task-config.json is not JSON: line 1, column 2: a name in double quotes"
        ' belongs here, not "\'"',
    ),
    ("deploy empty", "empty/task-config.json is not JSON: it is empty"),
    ("deploy list", "list/task-config.json is not a JSON object, but an empty list"),
    (
        "deploy comma",
        "comma/task-config.json is not JSON: line 1, column 13: the last comma has nothing"
        " after it",
    ),
    (
        "deploy typo",
        "typo/task-config.json: timelimit is unknown; did you mean timeLimit? valid: {fields}",
    ),
    (
        "deploy many",
        "many/task-config.json: name has to be letters, digits and hyphens, such as"
        ' send-mail, not "a b"; timeLimit has to be a whole number, not "30";'
        ' executionPermission has to be permissionRequired, allUsers or public, not "all";'
        " retryPolicy.enable is unknown; did you mean enabled? valid: enabled,"
        " errorsToRetry",
    ),
    (
        "deploy nothing",
        "nothing/task-config.json: name missing; path, entryPoint, runtime missing (or"
        " give image, for a container image)",
    ),
    (
        "deploy variable",
        "variable/task-config.json: environment.KEY is $WALNUT_KEY, but the variable"
        " WALNUT_KEY is not set; set it, or give --env KEY=VALUE",
    ),
    (
        "deploy out",
        "path '../good' leads out of out, to {folder}/good; only code in the folder of its"
        " task-config.json is deployed: put it there, or the file where the code is",
    ),
    ("deploy nocode", "nocode/dist is not a folder"),
    ("deploy good --time-limit long", "--time-limit has to be a whole number, not 'long'"),
    ("deploy good --env COLOR", "--env: COLOR is not NAME=VALUE"),
    (
        "deploy good good",
        "there is one word too many: good; the call is: taskdock deploy [OPTIONS] [PATH]",
    ),
    ("deploy pair --name x", "--name is for one function, and pair has 2"),
    (
        "deploy good --timelimit 3",
        "taskdock deploy has no option --timelimit; did you mean --time-limit?",
    ),
    ("deploy --image a", "give the PATH of a task-config.json, or --image and --name"),
    (
        "deploy both",
        "both/task-config.json: a container image takes the place of path and runtime:"
        " leave out those, or image",
    ),
    ("serve walnut", "there is one word too many: walnut; the call is: taskdock serve [OPTIONS]"),
    ("serve --prt 1", "taskdock serve has no option --prt; did you mean --port?"),
    (
        "serve --port http",
        "the setting port (TASKDOCK_PORT) is 'http'; write a whole number, at least 0 and"
        " at most 65535",
    ),
    (
        "serve --port 70000 --auth maybe --clock slow",
        "the setting port (TASKDOCK_PORT) is '70000'; write a whole number, at least 0 and"
        " at most 65535; the setting auth (TASKDOCK_AUTH) is 'maybe'; write open or"
        " strict; the setting clock (TASKDOCK_CLOCK) is 'slow'; write real, manual or auto",
    ),
    ("serve --port", "--port needs a value: a whole number"),
    (
        "serve --container-callers here --doubles walnut",
        "the setting container_callers (TASKDOCK_CONTAINER_CALLERS) is 'here'; 'here' is"
        " no network such as 192.0.2.0/24",
    ),
    (
        "TASKDOCK_PORT=http serve",
        "the setting port (TASKDOCK_PORT) is 'http'; write a whole number, at least 0 and"
        " at most 65535",
    ),
    ("serve --open-beyond-loopback=yes", "--open-beyond-loopback takes no value"),
    (
        "TASKDOCK_AUTH=maybe TASKDOCK_KEEP_DAYS=-1 serve",
        "the setting auth (TASKDOCK_AUTH) is 'maybe'; write open or strict; the setting"
        " keep_days (TASKDOCK_KEEP_DAYS) is '-1'; write a number, at least 0 and at most"
        " 36500",
    ),
    (
        "serve --retire-after inf",
        "the setting retire_after (TASKDOCK_RETIRE_AFTER) is 'inf'; write a number, more than 0",
    ),
    (
        "TASKDOCK_IMAGES=none runtimes",
        "TASKDOCK_IMAGES has to be auto, registry or standin, not 'none'",
    ),
    ("runtimes --images none", "--images has to be auto, registry or standin, not 'none'"),
    (
        "images walnut1.x",
        "'walnut1.x' is not a runtime that AWS Lambda has or had; see: taskdock runtimes",
    ),
    (
        "images walnut1.x nodejs20",
        "'walnut1.x' is not a runtime that AWS Lambda has or had; see: taskdock runtimes",
    ),
    ("exec", "give the COMMAND to run: taskdock exec --functions DIR -- COMMAND"),
    ("exec --functions walnut -- true", "walnut does not exist"),
    ("exec --port 1 -- true", "taskdock exec has no option --port; did you mean --host?"),
    (
        "exec --functions pair --concurrency x -- true",
        "the setting concurrency (TASKDOCK_CONCURRENCY) is 'x'; write a whole number, at"
        " least 1 and at most 1000",
    ),
    (
        "env --data-dir walnut",
        "no taskdock server runs on the data folder walnut; start one with: taskdock serve"
        " --data-dir walnut",
    ),
    ("env --data-dir bad.json", "--data-dir: 'bad.json' is a file, not a folder"),
    ("runs show", "ID is missing; the call is: taskdock runs show [OPTIONS] ID"),
    ("runs save", "ID and FILE are missing; the call is: taskdock runs save [OPTIONS] ID FILE"),
    (
        "runs replay nofolder",
        "nofolder is a folder; give the file of a recording, or the id of a run",
    ),
    ("runs replay walnut", "there is no file walnut, and ids of runs have 24 hexadecimal digits"),
    (
        "runs replay bad.json",
        "bad.json is no JSON, so it is no recording of a run: write one with taskdock runs"
        " save ID FILE",
    ),
    ("runs list --limit x", "--limit has to be a whole number from 1 to 1000, not 'x'"),
    (
        "doctor --port http",
        "the setting port (TASKDOCK_PORT) is 'http'; write a whole number, at least 0 and"
        " at most 65535",
    ),
    ("demo --images none", "--images has to be auto, registry or standin, not 'none'"),
    ("demo --ui --url :1", "--ui starts a server of its own: leave out --url"),
    ("demo --port 1", "--port is for the server of --ui: add --ui"),
]
"""A call as it is typed, with its variables, and what it says. {folder}: where it is made.
{fields}: those of task-config.json."""


@pytest.fixture(scope="module")
def stub() -> Iterator[StubService]:
    with StubService() as stub:
        stub.add_function("hello")
        stub.add_task("hello")
        yield stub


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("calls").resolve()
    for name, config in CONFIGS.items():
        (folder / name / "src").mkdir(parents=True)
        (folder / name / "src" / "index.py").write_text("handler = print")
        text = config if isinstance(config, str) else json.dumps(config)
        (folder / name / "task-config.json").write_text(text)
    for name, content in FILES.items():
        (folder / name).write_bytes(content)
    (folder / "nofolder").mkdir()
    (folder / "huge.json").touch()
    os.truncate(folder / "huge.json", 65 * 1024 * 1024)
    return folder


@pytest.mark.parametrize(("call", "said"), WRONG_CALLS, ids=[call for call, _ in WRONG_CALLS])
def test_a_wrong_call_does_nothing_and_says_what_to_change(
    stub: StubService, folder: Path, monkeypatch: pytest.MonkeyPatch, call: str, said: str
) -> None:
    monkeypatch.chdir(folder)
    before = deepcopy((stub.functions, stub.tasks, sorted(folder.rglob("*"))))
    variables, words = split(call)

    result = CliRunner().invoke(
        main,
        words,
        env={**NONE_OF_OURS, "TASKDOCK_URL": stub.url, **variables},
        prog_name="taskdock",
    )

    said = said.replace("{folder}", str(folder)).replace("{fields}", ", ".join(names(TaskConfig)))
    assert result.stderr == f"Error: {said}\n"
    assert result.exit_code == 2
    assert result.stdout in printed_by(words)
    assert not LIBRARY_WORDS.search(said)
    assert (stub.functions, stub.tasks, sorted(folder.rglob("*"))) == before


@pytest.mark.parametrize(
    ("line", "offered"),
    [("taskdock walnut ", ["plain,tasks"]), ("taskdock tasks ca", ["plain,cancel"])],
)
def test_the_shell_completes_what_there_is_and_is_told_nothing_else(
    line: str, offered: list[str]
) -> None:
    words = line.split(" ")
    variables = {
        "_TASKDOCK_COMPLETE": "bash_complete",
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(words) - 1),
    }

    result = CliRunner().invoke(main, [], env=variables, prog_name="taskdock")

    assert set(offered) <= set(result.stdout.split())
    assert (result.exit_code, result.stderr) == (0, "")


def test_of_many_functions_none_is_listed_in_a_message() -> None:
    names = [f"walnut-{number}" for number in range(500)]

    error = UnknownFunction("oak", names)

    assert error.message == "there is no function oak; there are 500; see: taskdock functions list"


def test_a_terminal_gets_lines_of_whole_words_and_each_command_in_one_line() -> None:
    narrow = {"COLUMNS": "48"}

    seen = at_terminal("schedules", "create", variables=narrow)
    listed = at_terminal("tasks", "list", "--status", "ended", variables=narrow)

    assert seen.text == (
        "Error: NAME and --every SECONDS are missing; the\n"
        "call is:\n"
        "taskdock schedules create [OPTIONS] --every SECONDS NAME\n"
    )
    assert listed.text == (
        "Error: --status has to be new, inProgress,\n"
        "complete, failed, retried or canceled, not\n"
        "'ended'\n"
    )


def every_command(
    group: click.Group, words: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from every_command(command, (*words, name))
        yield (*words, name), command


COMMANDS = dict(every_command(main))
WRONG_VALUES = ("walnut", "", "-1e999", "\udcff", "a" * 5000)


@pytest.mark.parametrize("words", list(COMMANDS), ids=" ".join)
def test_no_option_of_any_command_is_refused_in_a_librarys_words(
    stub: StubService, folder: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    monkeypatch.chdir(folder)

    for param in COMMANDS[words].params:
        if not isinstance(param, click.Option) or is_text(param):
            continue
        option = max(param.opts, key=len)
        values = ([option, value] for value in WRONG_VALUES)
        for more in [[f"{option}=walnut"]] if param.is_flag else [[option], *values]:
            result = call_wrongly(stub, [*words, "--pine", *more])

            assert option in result.stderr, result.stderr


@pytest.mark.parametrize("words", list(COMMANDS), ids=" ".join)
def test_no_command_takes_an_option_or_words_that_it_does_not_have(
    stub: StubService, folder: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    monkeypatch.chdir(folder)

    result = call_wrongly(stub, [*words, "--walnut", "pine"])

    assert "has no option --walnut" in result.stderr or "--" in TAKES_ALL.get(words, "")


TAKES_ALL = {("clock", "advance"): "-- a length of time may begin with a minus"}


def is_text(param: click.Option) -> bool:
    """Whether any text, or nearly any, is a value of the option as far as its type goes."""
    kind = (click.types.StringParamType, click.types.UnprocessedParamType)
    return not param.is_flag and isinstance(param.type, (*kind, click.Path))


def printed_by(words: Sequence[str]) -> tuple[str, ...]:
    """The possible output of a wrong call: `eval "$(taskdock env)"` has to fail, too."""
    return ("", "false\n") if words[0] == "env" else ("",)


def call_wrongly(stub: StubService, words: list[str]) -> Result:
    variables = {**NONE_OF_OURS, "TASKDOCK_URL": stub.url}
    result = CliRunner().invoke(main, words, env=variables, prog_name="taskdock", input="")

    assert result.exit_code == 2, result.output
    assert result.stdout in printed_by(words)
    assert result.stderr.startswith("Error: ")
    assert result.stderr.count("\n") == 1
    assert not LIBRARY_WORDS.search(result.stderr), result.stderr
    return result


NONE_OF_OURS = {
    name: None for name in os.environ if name.startswith(("TASKDOCK_", "API_", "WALNUT_"))
}


def split(call: str) -> tuple[dict[str, str], list[str]]:
    """The variables before a call, and its words."""
    words = shlex.split(call)
    variables: dict[str, str] = {}
    while re.match("TASKDOCK_[A-Z_]+=", words[0]):
        name, _, value = words.pop(0).partition("=")
        variables[name] = value
    return variables, words
