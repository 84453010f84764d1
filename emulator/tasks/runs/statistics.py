"""Statistics of the runs that are kept, by function: how many, how long, and the last one."""

from __future__ import annotations

import json
from typing import Any, TypedDict

from taskdock.base.strict_json import IsoTime, ObjectId, present
from taskdock.base.timing.clock import from_epoch, to_iso
from taskdock.store.database import Store
from taskdock.tasks.runs.history import RunHistory

# No number of a run comes twice, also after a reset.
_ENDS = "SELECT (SELECT MIN(sequence) FROM run), (SELECT MAX(sequence) FROM run)"
MOST_RANKED = 5000  # the newest runs; to rank more takes long
# A percentile is the least duration that so many are not above.
_DURATIONS = """
WITH
ranked AS (
    SELECT
        function_name,
        duration,
        ROW_NUMBER() OVER (PARTITION BY function_name ORDER BY duration) AS place,
        COUNT(*) OVER (PARTITION BY function_name) AS total
    FROM run
    WHERE duration IS NOT NULL AND sequence > (SELECT MAX(sequence) FROM run) - ?
)
SELECT
    function_name,
    MIN(CASE WHEN place * 100 >= total * 50 THEN duration END),
    MIN(CASE WHEN place * 100 >= total * 95 THEN duration END)
FROM ranked
GROUP BY function_name
"""
# https://www.sqlite.org/lang_select.html#bareagg: the other columns are those of the newest row.
_LAST = """
SELECT
    function_name, MAX(sequence), COUNT(*), COUNT(error), id, at, kind, task_id, error, duration
FROM run
GROUP BY function_name
"""


class LastRunJson(TypedDict):
    id: ObjectId
    at: IsoTime
    kind: str
    taskId: ObjectId | None
    error: str | None
    """The name of its error; absent where the function has answered."""
    duration: float | None


class RunStatisticsJson(TypedDict):
    """The runs of one function that are kept. Durations are milliseconds, of the newest 5000 runs
    of all functions."""

    runs: int
    failed: int
    median: float | None
    percentile95: float | None
    last: LastRunJson | None


class RunStatistics:
    """For any thread."""

    def __init__(self, *, store: Store, history: RunHistory) -> None:
        self._store = store
        self._history = history
        self._known: tuple[list[tuple[Any, ...]], dict[str, RunStatisticsJson]] | None = None

    def by_function(self) -> dict[str, RunStatisticsJson]:
        """The statistics of every function of which there are runs. They are found anew only when
        other runs are kept, however many pages ask."""
        self._history.write_waiting()
        ends, known = self._store.rows(_ENDS), self._known
        if known is None or known[0] != ends:
            known = self._known = (ends, self._found())
        return known[1]

    def _found(self) -> dict[str, RunStatisticsJson]:
        durations = {
            name: (median, percentile)
            for name, median, percentile in self._store.rows(_DURATIONS, (MOST_RANKED,))
        }
        return {
            row[0]: _shown(row, *durations.get(row[0], (None, None)))
            for row in self._store.rows(_LAST)
        }


def _shown(
    row: tuple[Any, ...], median: float | None, percentile: float | None
) -> RunStatisticsJson:
    _, _, count, failed, id, at, kind, task_id, error, duration = row
    last: LastRunJson = {
        "id": id,
        "at": to_iso(from_epoch(at)),
        "kind": kind,
        "taskId": task_id,
        "error": None if error is None else str(json.loads(error).get("name")),
        "duration": duration,
    }
    shown: RunStatisticsJson = {
        "runs": count,
        "failed": failed,
        "median": median,
        "percentile95": percentile,
        "last": present(last),
    }
    return present(shown)


def none_kept() -> RunStatisticsJson:
    """The statistics of a function of which no run is kept."""
    shown: RunStatisticsJson = {
        "runs": 0,
        "failed": 0,
        "median": None,
        "percentile95": None,
        "last": None,
    }
    return present(shown)
