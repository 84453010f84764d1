"""Errors on the caller's side of the Task Service.

TaskdockError
├── ServiceError                the Task Service refused the call and said why
│   ├── CredentialsRefused      the call has no valid credentials
│   └── MalformedCall           (a WrongCall too)
├── NotStarted                  a server that the command started did not start
├── NotDeployed                 functions that the command needs could not be deployed
└── WrongCall                   nothing was done: the call has to be changed
    ├── ServerUnreachable
    │   └── ServerLost          (no WrongCall: something may have been done)
    ├── NoServer
    ├── ForeignCredentials
    ├── NotWritten
    ├── UnknownFunction
    ├── UnknownTask
    ├── NotSubscribed
    ├── BadTaskConfig
    ├── VariablesRefused
    └── BadPackage

`emulator/client/console/exits.py` maps these classes to exit codes.
"""

from __future__ import annotations

import difflib
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from taskdock.base.errors import TaskdockError


class ServiceError(TaskdockError):
    """The Task Service refused the call."""

    def __init__(self, answer: dict[str, Any]) -> None:
        self.answer = answer
        self.code = int(answer["code"])
        self.name = str(answer.get("name", ""))
        super().__init__(f"{answer.get('message', '')} ({self.code} {self.name})")


class CredentialsRefused(ServiceError):
    """The call has no credentials that this server accepts, and the server is strict."""

    def __init__(self, answer: dict[str, Any]) -> None:
        super().__init__(answer)
        self.args = (f'{self.message}; in a shell: eval "$(taskdock env --data-dir DIR)"',)


class NotStarted(TaskdockError):
    """The server did not start."""


class NotDeployed(TaskdockError):
    """Functions could not be deployed, so what needs them was not run."""


class WrongCall(TaskdockError):
    """The command cannot be carried out as it was given."""


class MalformedCall(ServiceError, WrongCall):
    """The Task Service could not make sense of the call."""


class ServerUnreachable(WrongCall):
    """No taskdock server answers."""


class ServerLost(ServerUnreachable):
    """The server went away, or fell silent, in the middle of a call: what it did is not known."""


class NoServer(WrongCall):
    """No server uses the data folder, so there is no URL to call."""

    def __init__(self, data_dir: Path) -> None:
        super().__init__(
            f"no taskdock server runs on the data folder {data_dir}; start one with: taskdock serve"
            f" --data-dir {shlex.quote(str(data_dir))}"
        )


class ForeignCredentials(WrongCall):
    """The credentials file in the data folder was not written by a server of this machine."""


class NotWritten(WrongCall):
    """A file of the user could not be written; the file is unchanged."""


class UnknownFunction(WrongCall):
    """There is no function of this name."""

    def __init__(self, name: str, known: Sequence[str]) -> None:
        close = difflib.get_close_matches(name, known)
        if close:
            advice = f"did you mean {' or '.join(close)}?"
        elif known:
            advice = f"there is {', '.join(sorted(known))}"
        else:
            advice = "none is deployed yet; deploy one with: taskdock deploy PATH"
        super().__init__(f"there is no function {name}; {advice}")


class UnknownTask(WrongCall):
    """There is no task with this id."""

    def __init__(self, task_id: str) -> None:
        super().__init__(f"there is no task {task_id}; find its id with: taskdock tasks list")


class NotSubscribed(WrongCall):
    """There is no such subscription."""


class BadTaskConfig(WrongCall):
    """The task-config.json cannot be used."""


class VariablesRefused(WrongCall):
    """The task-config.json names variables of the caller's environment that it may not have."""

    def __init__(self, source: str, variables: Sequence[str], *, asked: bool) -> None:
        """`asked`: whether the caller was asked and refused. False: there was no terminal."""
        named = ", ".join(variables)
        why = "this was not allowed" if asked else "there is no terminal to ask at"
        super().__init__(
            f"{source}: it would give the function {named} of your environment, and {why}; nothing"
            " of it is deployed. Let it have them with --yes, or set its own with --env NAME=VALUE"
        )


class BadPackage(WrongCall):
    """The folder cannot be packed."""
