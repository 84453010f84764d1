"""Hands lines of Python to coverage.py: to the one that measures this process, or to its file."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from taskdock.base.errors import StartupError
from taskdock.testing.coverage.records import Record

if TYPE_CHECKING:
    from coverage import Coverage, CoverageData

MISSING = "counting the lines of functions in Python takes coverage.py: pip install coverage"


def check() -> None:
    """Raises `StartupError` where coverage.py is not installed."""
    try:
        import coverage  # noqa: F401, PLC0415 - late: few use it
    except ImportError:
        raise StartupError(MISSING) from None


def wants_branches() -> bool:
    """Whether coverage.py counts branches, by its settings or those of the one that measures this
    process. It is installed."""
    from coverage import Coverage  # noqa: PLC0415 - late: few use it

    return bool((Coverage.current() or Coverage()).get_option("run:branch"))


def expect_no_lines_of_tests() -> None:
    """Keeps coverage.py, where it measures this process, from warning that it has no data: code
    that runs in containers alone has none here, and that is no mistake. It is installed."""
    from coverage import Coverage  # noqa: PLC0415 - late: few use it

    if active := Coverage.current():
        known = active.get_option("run:disable_warnings")
        named = list(known) if isinstance(known, list) else []
        active.set_option("run:disable_warnings", [*named, "no-data-collected"])


def hand_over(
    files: Mapping[Path, list[Record]], into: Path | None, *, append: bool
) -> tuple[Path, bool]:
    """The data file, and whether branches were asked for that were not counted.

    `into`: a data file; None: the one of coverage.py's own settings. While coverage.py measures
    this process, as pytest-cov and `coverage run` let it, what it will save counts instead.
    """
    check()
    from coverage import Coverage, CoverageData  # noqa: PLC0415 - late: few use it

    active = Coverage.current()
    settings = active or (Coverage() if into is None else Coverage(data_file=str(into)))
    if active is not None:
        data = active.get_data()
    else:
        data = CoverageData(basename=str(settings.get_option("run:data_file")))
        if append:
            data.read()
        else:
            data.erase()
    has_branches = _has_branches(data, settings)
    named = {_name(file, settings): records for file, records in files.items()}
    if has_branches:
        data.add_arcs({name: _steps(records) for name, records in named.items()})
    else:
        data.add_lines({name: lines(records) for name, records in named.items()})
    if active is None:
        data.write()
        data.close()
    bare = has_branches and any(record.lines for records in files.values() for record in records)
    return Path(data.base_filename()), bare


def _has_branches(data: CoverageData, settings: Coverage) -> bool:
    """One file of data has either lines or branches."""
    if data.measured_files():
        return data.has_arcs()
    return bool(settings.get_option("run:branch"))


def _name(file: Path, settings: Coverage) -> str:
    if settings.get_option("run:relative_files"):
        return os.path.relpath(file)
    return str(file)


def _steps(records: list[Record]) -> set[tuple[int, int]]:
    alone = {(-1, line) for record in records for line in record.lines}
    return alone.union(*(record.steps for record in records))


def lines(records: list[Record]) -> set[int]:
    """The lines that ran."""
    steps = {line for record in records for _, line in record.steps if line > 0}
    return steps.union(*(record.lines for record in records))
