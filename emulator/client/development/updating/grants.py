"""Grants: the caller allows at the start what the files of functions ask for, and not later.

A file that asks for more while it is watched cannot be answered: nobody may be looking.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from taskdock.client.deployment.allowed import allow_build, allow_variables
from taskdock.client.deployment.build import Build
from taskdock.client.errors import NotYetAllowed, WrongCall


@dataclass
class Grants:
    """Of one run of the command."""

    yes: bool
    is_asking: bool = True
    """False: the start is over."""
    _variables: set[tuple[str, str]] = field(default_factory=set)
    _builds: set[tuple[str, str]] = field(default_factory=set)
    _refused: dict[tuple[str, str], WrongCall] = field(default_factory=dict)
    """By the file that has asked, and what it has asked for."""

    def allow_variables(self, source: str, taken: Mapping[str, str]) -> None:
        """Raises `VariablesRefused`, or `NotYetAllowed` for one that is named since the start."""
        new = {variable for variable in taken.values() if (source, variable) not in self._variables}
        if not new:
            return
        named = ", ".join(sorted(new))
        with self._asking(source, f"give the function {named} of your environment"):
            allow_variables(source, taken, yes=self.yes)
        self._variables |= {(source, variable) for variable in new}

    def allow_build(self, build: Build) -> None:
        """Raises `BuildRefused`, or `NotYetAllowed` for a command that is named since the start."""
        key = (str(build.folder.resolve()), build.command)
        if key in self._builds:
            return
        with self._asking(str(build.source), f"run the command {build.command}"):
            allow_build(build, yes=self.yes)
        self._builds.add(key)

    @contextmanager
    def _asking(self, source: str, wish: str) -> Iterator[None]:
        """Nobody is asked twice, and after the start nobody is asked."""
        key = (source, wish)
        if key in self._refused:
            raise self._refused[key]
        if not (self.is_asking or self.yes):
            raise NotYetAllowed(source, wish)
        try:
            yield
        except WrongCall as error:
            self._refused[key] = error
            raise
