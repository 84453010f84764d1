"""The command exec: runs a command with a server of its own."""

from __future__ import annotations

import os
import sys
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import click

from taskdock.base.errors import StartupError
from taskdock.base.settings import Settings
from taskdock.base.timing.clock import SystemClock
from taskdock.client.api import Json
from taskdock.client.console import options, output
from taskdock.client.deployment.config import function_names, task_config
from taskdock.client.deployment.preparing import prepare
from taskdock.client.errors import WrongCall
from taskdock.client.execution import program
from taskdock.client.execution import run as execution
from taskdock.client.servers.local_server import own_command

_OF_ITS_OWN = ("port", "data_dir")
"""Settings of the server that are not the caller's to choose."""
_UNLESS_GIVEN = {"log_level": "WARNING", "stop_grace": "0", "harness": "on"}
"""Nobody waits for a task once the tests are over, and who starts a server for tests wants what
tests need, also where callers have to sign in."""


@click.command(context_settings={"allow_interspersed_args": False})
@click.option(
    "--functions",
    "folders",
    multiple=True,
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Deploy these functions first: a folder with a task-config.json, or a folder of such"
    " folders; repeat for more.",
)
@options.environment
@click.option(
    "--yes",
    is_flag=True,
    help="Let the files take the variables of this environment, and run the builds, they name.",
)
@click.option(
    "--server-log",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write what the server logs into this file.",
)
@partial(options.settings, without=_OF_ITS_OWN)
@click.argument("command", nargs=-1, type=click.UNPROCESSED, metavar="-- COMMAND...")
def exec_command(
    *,
    folders: tuple[Path, ...],
    environment: dict[str, str],
    yes: bool,
    server_log: Path | None,
    command: tuple[str, ...],
    **given: Any,
) -> None:
    """Run COMMAND with a server of its own, and its functions deployed.

    An example: taskdock exec --functions tasks -- npm test

    pytest needs no exec: its plugin starts servers of its own, one for each worker.

    The server has a free port and an empty data folder. Once the functions are deployed, COMMAND
    runs with TASKDOCK_URL, API_HOST, the API_OAUTH_ variables and AWS_ENDPOINT_URL_LAMBDA set, and
    with a region and credentials for AWS's SDKs where there are none. When COMMAND ends, all of
    that goes, and its exit code is the one of this command: 128 plus the number of a signal that
    ended it, 127 where there is no such command. Where the server or the functions could not be
    started, COMMAND is not run: 3. Signals are handed on to it.
    """
    if not command:
        raise click.UsageError("give the COMMAND to run: taskdock exec --functions DIR -- COMMAND")
    given = _with_ours(given)
    try:
        settings = Settings.load(given)
    except StartupError as error:
        raise click.UsageError(error.message) from None
    functions = _functions(folders, environment, yes=yes)
    plan = execution.Plan(
        words=command,
        server=own_command(),
        options=options.as_words(given),
        functions=functions,
        region=settings.region,
        grace=settings.stop_grace,
        environment=os.environ,
    )
    with ExitStack() as stack:
        try:
            log = None if server_log is None else stack.enter_context(server_log.open("w"))
        except OSError as error:
            raise WrongCall(f"{server_log} cannot be written: {error.strerror}") from None
        try:
            code = execution.run(plan, SystemClock(), log)
        except program.NotRun as error:
            output.note(f"Error: {error.message}")
            sys.exit(error.exit_code)
    sys.exit(code)


def _with_ours(given: dict[str, Any]) -> dict[str, Any]:
    ours = {
        name: value
        for name, value in _UNLESS_GIVEN.items()
        if given[name] is None and not os.environ.get(f"TASKDOCK_{name.upper()}")
    }
    return {**given, **ours}


def _functions(
    folders: tuple[Path, ...], environment: dict[str, str], *, yes: bool
) -> dict[str, Json]:
    """The requests that make the functions, by file. Raises `WrongCall`."""
    files = list(dict.fromkeys(file for folder in folders for file in task_config.find(folder)))
    function_names.refuse_namesakes(files)
    found: dict[str, Json] = {}
    for file in files:
        prepared = prepare(file, given={}, environment=environment, yes=yes)
        prepared.warn(prepared.findings)
        found[str(file)] = prepared.config.to_request(prepared.folder, output.note)
    return found
