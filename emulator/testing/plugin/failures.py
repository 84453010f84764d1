"""The report of a test that has failed: pytest shows the tasks and invocations of that test."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from taskdock.base.errors import TaskdockError
from taskdock.testing.plugin import evidence, github
from taskdock.testing.plugin.evidence import Section
from taskdock.testing.plugin.suite_server import SuiteServer
from taskdock.testing.values.errors import NotSupported

_HIDE = "__tracebackhide__"
PROPERTY = "taskdock.task_id"


@dataclass(frozen=True)
class Beginning:
    """The state of a server when a test began."""

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
    def pytest_fixture_setup(
        self, request: pytest.FixtureRequest
    ) -> Generator[None, object, object]:
        """Not the setup of a test: that of the first one has begun before this plugin is there."""
        with _skipping(request.node):
            return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, None, None]:
        with _skipping(item):
            yield

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        beginning = item.stash.get(BEGINNING, None)
        with ExitStack() as stack:
            if call.excinfo is not None and beginning is not None and not _is_skip(call.excinfo):
                stack.enter_context(_without_our_frames(call.excinfo, item))
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
        found = evidence.sections(
            tasks,
            runs,
            lambda name: server.paths(self._root, name),
            lambda run: server.advice(self._root, run, calls),
        )
        return [*evidence.bounded(found), *evidence.unmatched(calls)]


def skipped(url: str, reason: str) -> BaseException:
    """The exception that skips a test, with the server's URL once."""
    told = reason if url in reason else f"{url}: {reason}"
    return pytest.skip.Exception(told, _use_item_location=True)


@contextmanager
def _skipping(node: Any) -> Iterator[None]:
    """Skips a test that asks a server of somebody else for what that cannot do."""
    try:
        yield
    except NotSupported as error:
        beginning = node.stash.get(BEGINNING, None)
        if beginning is None or beginning.server.is_own:
            raise
        raise skipped(beginning.server.url, str(error)) from None


@contextmanager
def _without_our_frames(
    excinfo: pytest.ExceptionInfo[BaseException], item: pytest.Item
) -> Iterator[None]:
    """Of a failure inside of taskdock, its author wants to see the line of the test; with
    `--full-trace` pytest shows all. pytest leaves frames out whose module says so."""
    frames = list(excinfo.traceback)
    of_test = next((i for i, frame in enumerate(frames) if Path(frame.path) == item.path), 0)
    begin = next((i for i in range(of_test, len(frames)) if _is_ours(frames[i])), len(frames))
    hidden = [frame.frame.f_globals for frame in frames[begin:]]
    if any(_is_theirs(frame, item.config.rootpath) for frame in frames[begin:]):
        hidden = []
    for module in hidden:
        module[_HIDE] = True
    try:
        yield
    finally:
        for module in hidden:
            module.pop(_HIDE, None)


def _is_skip(excinfo: pytest.ExceptionInfo[BaseException]) -> bool:
    return isinstance(excinfo.value, pytest.skip.Exception)


def _is_ours(frame: Any) -> bool:
    """Not those of this module, through which all that a test raises passes."""
    name = str(frame.frame.f_globals.get("__name__"))
    return name.startswith("taskdock.") and name != __name__


def _is_theirs(frame: Any, root: Path) -> bool:
    """Of the repository: it was called from inside of taskdock."""
    path = Path(frame.path)
    is_installed = "site-packages" in path.parts
    return not _is_ours(frame) and not is_installed and path.is_relative_to(root)
