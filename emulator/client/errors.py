"""Errors on the caller's side of the Task Service.

TaskdockError
├── ServiceError                the Task Service refused the call and said why
│   ├── CredentialsRefused      the call has no valid credentials
│   └── MalformedCall           (a WrongCall too)
├── BuildFailed                 the function's build command failed
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
    ├── CredentialsTaken
    ├── BuildRefused
    ├── NotYetAllowed
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

_FEW = 10  # names that a message lists


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
        self.args = (f'{self.message}; in a shell: eval "$(taskdock env)"',)


class BuildFailed(TaskdockError):
    """The command that builds a function has failed, so nothing was sent."""

    def __init__(self, command: str, how: str) -> None:
        """`how`: the end of a sentence that the command begins."""
        self.told = f"the build {how}: {command}"
        super().__init__(f"{self.told}; nothing was sent, and the version that is deployed stays")


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
        by_lower = {each.lower(): each for each in known}
        close = [by_lower[each] for each in difflib.get_close_matches(name.lower(), by_lower)]
        if close:
            advice = f"did you mean {' or '.join(close)}?"
        elif len(known) > _FEW:
            advice = f"there are {len(known)}; see: taskdock functions list"
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


class BuildRefused(WrongCall):
    """The file of a function names a build command that may not be run."""

    def __init__(self, source: str, command: str, *, asked: bool) -> None:
        """`asked`: whether the caller was asked and refused. False: there was no terminal."""
        why = "this was not allowed" if asked else "there is no terminal to ask at"
        super().__init__(
            f"{source}: it would run the command {command}, and {why}; nothing of it is deployed."
            " Let it run with --yes"
        )


class CredentialsTaken(WrongCall):
    """The user of a function's executionCredentials is somebody else's."""


class NotYetAllowed(WrongCall):
    """A file that is watched asks for something that was not asked for at the start."""

    def __init__(self, source: str, wish: str) -> None:
        """`wish`: what it would do, a verb first."""
        super().__init__(
            f"{source}: it would now {wish}, which was not asked for at the start; to be asked,"
            " start taskdock dev again"
        )


class BadPackage(WrongCall):
    """The folder cannot be packed."""
