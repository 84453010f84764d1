"""Asks the caller what a task-config.json may do: take variables of the caller's environment, and
run a command."""

from __future__ import annotations

import sys
from collections.abc import Mapping

from taskdock.client.console import output
from taskdock.client.deployment.build import Build
from taskdock.client.errors import BuildRefused, VariablesRefused


def allow_variables(source: str, taken: Mapping[str, str], *, yes: bool) -> None:
    """Asks the caller whether the function may have these variables of the caller's environment.

    `taken`: the function's name of a variable to the caller's. `yes`: agreed without a question.
    Raises `VariablesRefused` when the caller refuses or there is no terminal to ask at.
    """
    named = ", ".join(f"{variable} (as {name})" for name, variable in taken.items())
    output.note(f"{source} takes of your environment: {named}")
    if yes:
        return
    asked = _is_at_terminal()
    if not asked or not output.agreed("Give the function their values?"):
        raise VariablesRefused(source, list(taken.values()), asked=asked)


def allow_build(build: Build, *, yes: bool) -> None:
    """Asks the caller whether the command may be run: the file may be a stranger's.

    `yes`: agreed without a question. Raises `BuildRefused` when the caller refuses or there is no
    terminal to ask at.
    """
    output.note(f"{build.source} runs in {build.folder}: {build.command}")
    if yes:
        return
    asked = _is_at_terminal()
    if not asked or not output.agreed("Run this command?"):
        raise BuildRefused(str(build.source), build.command, asked=asked)


def _is_at_terminal() -> bool:
    return sys.stdin.isatty() and sys.stderr.isatty()
