"""--taskdock-cov: the lines that functions run in containers count in the coverage of the tests."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import Any

import pytest

from taskdock.base.errors import TaskdockError
from taskdock.testing.coverage import collect, python_data

NAME = "taskdock-counting"
_FOLDERS = "functions.json"
_COV = "_cov"
"""The name by which pytest-cov registers itself while it measures."""
_INPUT = "taskdock_counted"


class Counting:
    """Of one process of pytest: the only one, a worker of pytest-xdist, or what starts those."""

    def __init__(self, config: pytest.Config) -> None:
        """Raises `pytest.UsageError` without coverage.py."""
        try:
            python_data.check()
        except TaskdockError as error:
            raise pytest.UsageError(f"--taskdock-cov: {error.message}") from None
        self._config = config
        self._said: list[str] = []
        self._folders: dict[str, set[str]] = defaultdict(set)
        given: Mapping[str, Any] | None = getattr(config, "workerinput", {}).get(_INPUT)
        self._is_worker = given is not None
        if given is not None:
            self._root, self._detail = Path(given["folder"]), str(given["detail"])
        else:
            self._root = Path(tempfile.mkdtemp(prefix="taskdock-cov-"))
            self._detail = ""

    @property
    def server_options(self) -> list[str]:
        """Of `taskdock serve`."""
        return ["--coverage", str(self._root), "--coverage-detail", self._chosen_detail()]

    def remember(self, folders: Mapping[str, Path]) -> None:
        """The folder whose content was deployed, by function. One name may have had several."""
        before = sum(map(len, self._folders.values()))
        for name, folder in folders.items():
            self._folders[name].add(str(folder))
        if sum(map(len, self._folders.values())) != before:
            text = json.dumps({name: sorted(each) for name, each in self._folders.items()})
            (self._root / _FOLDERS).write_text(text, encoding="utf-8")

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Each worker of pytest-xdist has a folder below ours."""
        folder = self._root / node.gateway.id
        folder.mkdir(exist_ok=True)
        node.workerinput[_INPUT] = {"folder": str(folder), "detail": self._chosen_detail()}

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_runtestloop(self) -> Generator[None, object, object]:
        """The innermost: lines are there before pytest-cov saves its own and reports."""
        result = yield
        python_data.expect_no_lines_of_tests()
        if not self._is_worker:
            try:
                self._collect()
            except (TaskdockError, OSError) as error:
                self._said.append(f"lines of functions are not counted: {error}")
        return result

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        if self._said:
            terminalreporter.section("taskdock: lines of functions")
            for line in self._said:
                terminalreporter.write_line(line)

    def pytest_unconfigure(self) -> None:
        if not self._is_worker:
            shutil.rmtree(self._root, ignore_errors=True)

    def _collect(self) -> None:
        functions: dict[str, set[Path]] = defaultdict(set)
        for file in (*self._root.glob(_FOLDERS), *self._root.glob(f"*/{_FOLDERS}")):
            for name, folders in json.loads(file.read_text(encoding="utf-8")).items():
                functions[name].update(map(Path, folders))
        measured = self._config.pluginmanager.hasplugin(_COV)
        counted = collect(
            self._root,
            {name: sorted(folders) for name, folders in functions.items()},
            append=measured,
        )
        if counted.data_file is not None and not measured:
            files = f"{len(counted.python)} file{'s' * (len(counted.python) != 1)}"
            self._said.append(
                f"Python: {files}, in {counted.data_file.name}; see `coverage report -m`"
            )
        self._said += counted.summary

    def _chosen_detail(self) -> str:
        self._detail = self._detail or ("branches" if python_data.wants_branches() else "lines")
        return self._detail
