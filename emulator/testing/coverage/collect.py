"""Collects what a run has counted, at its end."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from taskdock.testing.coverage import javascript, python_data
from taskdock.testing.coverage.records import Record, read
from taskdock.testing.coverage.repository import Repository

LCOV = "taskdock.lcov"


@dataclass(frozen=True, kw_only=True)
class Counted:
    """All that a run has counted."""

    python: Mapping[Path, frozenset[int]]
    """By file: the lines that ran."""
    javascript: Mapping[Path, Mapping[int, bool]]
    """By file: each of its lines, and whether the line ran."""
    data_file: Path | None = None
    """Of coverage.py; None: no Python ran."""
    lcov: Path | None = None
    """None: no JavaScript ran."""
    remarks: list[str] = field(default_factory=list)
    """Sentences that say what could not be counted, and why."""

    @property
    def summary(self) -> list[str]:
        """Lines for people: JavaScript, of which coverage.py says nothing, and the remarks."""
        lines = []
        for file, ran in sorted(self.javascript.items()):
            missing = [number for number in sorted(ran) if not ran[number]]
            share = 100 * (len(ran) - len(missing)) // max(len(ran), 1)
            without = f"  without {_runs(missing, sorted(ran))}" if missing else ""
            lines.append(f"{os.path.relpath(file)}  {share} % of {len(ran)} lines{without}")
        if self.lcov is not None:
            lines.append(f"written to {os.path.relpath(self.lcov)}, in LCOV's format")
        return [*lines, *self.remarks]


def collect(
    folder: Path,
    functions: Mapping[str, Path | Sequence[Path]],
    into: Path | None = None,
    *,
    lcov: Path | None = None,
    append: bool = True,
) -> Counted:
    """Leads what was counted back to files of the repository, and writes it where reports look.

    `folder`: of `--coverage`, or one with several of those in it, as test workers have them.
    `functions`: by name, the folder whose content was deployed, or several of one name. `into`:
    coverage.py's data file, by default the one of its settings; while coverage.py measures this
    process (pytest-cov, `coverage run`), the lines count as if this process had run them. `lcov`:
    the file for JavaScript, by default `taskdock.lcov` beside `into`. `append`: to what the data
    file has; False: it is begun anew.

    A file counts if it is what the container ran, by its digest. Raises `StartupError` where Python
    ran and coverage.py is not installed, after what can be written was written.
    """
    repository = Repository(functions)
    python: dict[Path, list[Record]] = defaultdict(list)
    node: dict[Path, list[Record]] = defaultdict(list)
    for record in read(folder):
        if (file := repository.file(record)) is not None:
            (python if record.left is None else node)[file].append(record)
    scripts = {file: _javascript(file, records) for file, records in node.items()}
    written = _write_lcov(scripts, lcov or (into.parent if into else Path()) / LCOV)
    remarks = _remarks(repository)
    data_file = None
    if python:
        data_file, bare = python_data.hand_over(python, into, append=append)
        if bare:
            remarks.append(
                "branches were not counted in some functions, whose lines alone were: leave"
                " --coverage-detail lines out"
            )
    ran = {file: frozenset(python_data.lines(records)) for file, records in python.items()}
    return Counted(
        python=ran, javascript=scripts, data_file=data_file, lcov=written, remarks=remarks
    )


def _javascript(file: Path, records: list[Record]) -> dict[int, bool]:
    left = javascript.common(record.left or () for record in records)
    source = file.read_bytes().decode("utf-8-sig", "replace")
    return javascript.counted(source, left)


def _write_lcov(scripts: Mapping[Path, dict[int, bool]], file: Path) -> Path | None:
    if not scripts:
        return None
    named = [(os.path.relpath(script), lines) for script, lines in sorted(scripts.items())]
    file.write_text(javascript.lcov(named), encoding="utf-8")
    return file


def _remarks(repository: Repository) -> list[str]:
    remarks = [
        f"{os.path.relpath(file)} is not counted: the function {function} ran another version of it"
        for file, function in sorted(repository.unlike.items())
    ]
    remarks += [
        f"the function {function} is not counted: its folder is not known"
        for function in sorted(repository.unknown)
    ]
    return remarks


def _runs(numbers: list[int], all_of: list[int]) -> str:
    """As coverage.py has them: 3-5, 9. Numbers that follow each other in `all_of` are one run."""
    place = {number: index for index, number in enumerate(all_of)}
    runs: list[list[int]] = []
    for number in numbers:
        if runs and place[number] == place[runs[-1][1]] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in runs)
