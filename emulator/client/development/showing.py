"""Showing: what `taskdock dev` prints. States go to stderr, and results of runs to stdout."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from taskdock.base.timing.clock import Clock
from taskdock.client import follow
from taskdock.client.console import output
from taskdock.client.deployment.inspection import Finding, report
from taskdock.client.development.trial import TrialRun
from taskdock.client.development.updating.developed_function import Update, UpdateKind
from taskdock.client.failures import telling
from taskdock.client.failures.telling import LogChoice

_KILOBYTE = 1000


@dataclass
class Screen:
    """The `View` of a session; also shows trials."""

    url: str
    clock: Clock
    _warned: set[tuple[str, Finding]] = field(default_factory=set)

    def started(self, functions: Sequence[tuple[Path, Update]]) -> None:
        rows = [_row(file, update) for file, update in functions]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        output.note(f"\n{self.url}  {_counted(len(rows), 'function')}, changed on each save")
        for row in rows:
            cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
            output.note(f"  {'  '.join(cells).rstrip()}")
        output.note("Ctrl-C ends.\n")
        for _, update in functions:
            self._warn(update)

    def updated(self, update: Update) -> None:
        self._say(f"{update.name}: {_words(update)}")
        self._warn(update)

    def line(self, name: str, text: str) -> None:
        output.note(f"{name}: {text}" if name else text)

    def note(self, text: str) -> None:
        self._say(text)

    def unreachable(self, reason: str) -> None:
        self._say(f"{reason}; waiting until it answers, then all functions are deployed anew")

    def reachable(self) -> None:
        self._say(f"{self.url} answers; deploying all functions")

    def tried(self, trial: TrialRun) -> None:
        """A function was run with the caller's event."""
        if trial.refused:
            self._say(f"{trial.name}: not run: {trial.refused}")
            return
        telling.show_log(trial.log, LogChoice.FULL)
        if trial.failed:
            telling.show_block(trial.block)
            output.note(f"its log: taskdock logs {trial.task_id}")
        elif trial.has_result:
            output.document(trial.value)
        else:
            output.note(follow.NO_RESULT)
        if trial.changes is None:
            return
        if not trial.changes:
            output.note("the same as before")
        for change in trial.changes:
            output.note(f"changed  {change}")

    def _say(self, text: str) -> None:
        time = self.clock.now().astimezone().strftime("%H:%M:%S")
        output.note(f"{time}  {text}")

    def _warn(self, update: Update) -> None:
        """Says what deploy warns of: each finding once, and again when it has been gone."""
        found = {(update.name, finding) for finding in update.findings}
        for finding in update.findings:
            if (update.name, finding) not in self._warned and update.kind is not UpdateKind.KEPT:
                first, *more = report.lines(finding, update.name, update.code)
                self._say(first)
                for line in more:
                    output.note(line)
        for remark in update.remarks:
            self._say(remark)
        self._warned = {one for one in self._warned if one[0] != update.name} | found


def _row(file: Path, update: Update) -> list[str]:
    folder = os.path.relpath(file.parent)
    function = update.function
    about = update.reason if function is None else output.limits(function)
    kind = "failed" if update.kind is UpdateKind.KEPT else update.kind.value
    return [update.name, kind, folder, about]


def _words(update: Update) -> str:
    if update.kind is UpdateKind.KEPT:
        return f"the old version stays: {update.reason}"
    took = f"{update.seconds * 1000:.0f} ms"
    sent = f"{_counted(update.files, 'file')}, {update.size / _KILOBYTE:.1f} kB"
    return f"{update.kind.value} in {took}  ({sent})"


def _counted(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
