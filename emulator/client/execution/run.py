"""A command with a server of its own: started before it, and gone after it."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from typing import TextIO

from taskdock.base.errors import TaskdockError
from taskdock.base.settings import EPHEMERAL
from taskdock.base.timing.clock import Clock
from taskdock.client.api import Json, TaskService
from taskdock.client.console import output
from taskdock.client.deployment.deploy import deploy
from taskdock.client.errors import NotDeployed, NotStarted, ServerUnreachable
from taskdock.client.execution import folders, program, variables
from taskdock.client.servers import credentials
from taskdock.client.servers.local_server import LocalServer

_SECONDS_TO_STOP = 30  # once nothing runs any more
_LINES_KEPT = 200  # of the server's log, to be shown should it fail


@dataclass(frozen=True, kw_only=True)
class Plan:
    """All that is known before anything is started."""

    words: Sequence[str]
    """The command."""
    server: Sequence[str]
    """The command that runs taskdock."""
    options: Sequence[str]
    """Those of `taskdock serve`."""
    functions: Mapping[str, Json]
    """The bodies of requests that make the functions, by the file or folder of each."""
    region: str
    grace: float
    """Seconds that tasks get that still run when the command has ended."""
    environment: Mapping[str, str]


def run(plan: Plan, clock: Clock, log: TextIO | None) -> int:
    """Runs the command, with the server and the functions of the plan. Returns its exit code.

    `log`: gets each line that the server logs. Nothing of the server is left, whatever happens.
    Raises `NotRun`, `NotStarted` or another `TaskdockError`, and then the command was not run.
    """
    path = program.find(plan.words[0])
    said: deque[str] = deque(maxlen=_LINES_KEPT)

    def hear(line: str) -> None:
        said.append(line)
        if log is not None:
            log.write(f"{line}\n")
            log.flush()

    with ExitStack() as stack:
        ours = stack.enter_context(program.Foreground())
        folder = stack.enter_context(folders.passing(plan.environment, clock.now()))
        server = LocalServer(
            plan.server,
            data_dir=folder,
            clock=clock,
            on_line=hear,
            options=plan.options,
            variables={EPHEMERAL: "1"},
            stop_limit=plan.grace + _SECONDS_TO_STOP,
        )
        ours.hurry = server.hurry
        try:
            stack.enter_context(server)
        except (NotStarted, ServerUnreachable):
            for line in said:
                output.note(line)
            raise
        found = credentials.read(folder)
        _deploy(plan.functions, found)
        more = variables.of_server(found, plan.environment, region=plan.region)
        code = ours.run(path, plan.words, {**plan.environment, **more})
        if not server.runs:
            for line in said:
                output.note(line)
            output.note("the server had ended before the command did; it said why above")
        return code


def _deploy(functions: Mapping[str, Json], found: Mapping[str, str]) -> None:
    """Deploys all functions, or says what is wrong with each that cannot be."""
    url, failed = found["API_HOST"], 0
    with closing(TaskService(url, credentials.signature(url, found))) as service:
        for source, body in functions.items():
            try:
                deploy(service, body)
            except ServerUnreachable:
                raise
            except TaskdockError as error:
                output.note(f"failed   {source}: {error.message}")
                failed += 1
    if failed:
        count = f"{failed} of {len(functions)} functions" if len(functions) > 1 else "the function"
        raise NotDeployed(f"{count} could not be deployed; the command was not run")
