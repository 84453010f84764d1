"""What pytest shows of a test that has failed: the tasks and invocations of that test."""

from __future__ import annotations

import os
import sys
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

import pytest

from taskdock.base.errors import TaskdockError
from taskdock.testing.plugin import evidence, github
from taskdock.testing.plugin.evidence import Section
from taskdock.testing.plugin.suite_server import SuiteServer
from taskdock.testing.values.errors import NotSupported

PROPERTY = "taskdock.task_id"


@dataclass(frozen=True)
class Beginning:
    """What there was when a test began."""

    server: SuiteServer
    last_run: int = 0
    """The number of the latest run; 0: no earlier one is there."""
    last_task: str = ""
    """When the latest task was made; empty: no earlier one is there."""


BEGINNING = pytest.StashKey[Beginning]()
_TOLD = pytest.StashKey[bool]()


class Failures:
    """A plugin of its own, which is there as soon as a test uses a server."""

    def __init__(self, config: pytest.Config) -> None:
        self._root = config.rootpath
        self.remarks: list[str] = []
        """Sentences for the end of the run."""

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, None, None]:
        try:
            yield
        except NotSupported as error:
            beginning = item.stash.get(BEGINNING, None)
            if beginning is None or beginning.server.is_own:
                raise
            reason = f"{beginning.server.url}: {error}"
            raise pytest.skip.Exception(reason, _use_item_location=True) from None

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        beginning = item.stash.get(BEGINNING, None)
        if call.excinfo is not None and beginning is not None:
            _hide_our_frames()
        report = yield
        if report.failed and beginning is not None and not item.stash.get(_TOLD, False):
            item.stash[_TOLD] = True
            self._tell(item, report, beginning)
        return report

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        for remark in dict.fromkeys(self.remarks):
            terminalreporter.write_line(f"taskdock: {remark}", yellow=True)

    def _tell(self, item: pytest.Item, report: pytest.TestReport, beginning: Beginning) -> None:
        """Into the report, and that as plain values: a worker of pytest-xdist sends them."""
        sections = self._sections(beginning)
        report.sections += [(section.title, section.text) for section in sections]
        properties = [(PROPERTY, section.task_id) for section in sections if section.task_id]
        report.user_properties += properties  # this report's, and those of later phases
        item.user_properties += properties
        if github.is_on(os.environ):
            report.taskdock_annotations = [  # type: ignore[attr-defined]
                github.annotation(
                    section.place, f"{item.nodeid}: {section.failure}", os.environ, self._root
                )
                for section in sections
                if section.place is not None
            ]

    def _sections(self, beginning: Beginning) -> list[Section]:
        server = beginning.server
        if not server.runs:
            return [
                Section("taskdock: the server has ended", server.last_words() or "without a word")
            ]
        try:
            tasks, runs = server.tasks_and_runs(beginning.last_run)
            calls = [] if server.not_reset else server.unmatched_calls()
        except TaskdockError as error:
            return [Section("taskdock: tasks and runs are not known", str(error))]
        tasks = [task for task in tasks if task["creationTimestamp"] > beginning.last_task]
        found = evidence.sections(tasks, runs, lambda name: server.paths(self._root, name))
        return [*evidence.bounded(found), *evidence.unmatched(calls)]


def _hide_our_frames() -> None:
    """Of a failure inside of taskdock, its author wants to see the line of the test; with
    `--full-trace` pytest shows all."""
    for name, module in list(sys.modules.items()):
        if name.startswith("taskdock."):
            vars(module)["__tracebackhide__"] = True
