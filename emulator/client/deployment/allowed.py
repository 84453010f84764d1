"""Asks the caller whether a task-config.json may take variables of the caller's environment."""

from __future__ import annotations

import sys
from collections.abc import Mapping

from taskdock.client.console import output
from taskdock.client.errors import VariablesRefused


def allow_variables(source: str, taken: Mapping[str, str], *, yes: bool) -> None:
    """Asks the caller whether the function may have these variables of the caller's environment.

    `taken`: the function's name of a variable to the caller's. `yes`: agreed without a question.
    Raises `VariablesRefused` when the caller refuses or there is no terminal to ask at.
    """
    named = ", ".join(f"{variable} (as {name})" for name, variable in taken.items())
    output.note(f"{source} takes of your environment: {named}")
    if yes:
        return
    asked = sys.stdin.isatty() and sys.stderr.isatty()
    if not asked or not output.agreed("Give the function their values?"):
        raise VariablesRefused(source, list(taken.values()), asked=asked)
