"""The sections of a failed test's report: one for each task, and for each invocation without one.

Pure: from the JSON of tasks and runs to text.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from taskdock.testing.plugin.source_paths import SourcePaths, SourcePlace

Json = dict[str, Any]

MOST_SECTIONS = 12
MOST_LINES = 60  # of a log, or a stack trace
MOST_LETTERS = 500  # of a line
_MARGIN = "  "


@dataclass(frozen=True)
class Section:
    """A part of a report: all that there is to see of one task or invocation."""

    title: str
    text: str
    task_id: str | None = None
    place: SourcePlace | None = None
    """Where the function failed, in the repository."""
    failure: str = ""
    """Name and message of its error."""


Advise = Callable[[Json], Sequence[str]]
"""Of a run that has failed: lines with its place in the author's code, and what helps."""


def sections(
    tasks: Sequence[Json],
    runs: Sequence[Json],
    paths_of: Callable[[str], SourcePaths],
    advise: Advise = lambda run: (),
) -> list[Section]:
    """In the order in which they came. `paths_of`: of a function, by its name."""
    by_task = {
        task_id: list(group)
        for task_id, group in groupby(
            sorted(runs, key=lambda run: (str(run.get("taskId") or ""), run["sequence"])),
            key=lambda run: run.get("taskId"),
        )
    }
    found: list[tuple[str, Section]] = []
    for task in tasks:
        of_task = by_task.pop(task["id"], [])
        section = _of_task(task, of_task, paths_of(task["functionName"]), advise)
        found.append((task["creationTimestamp"], section))
    for rest in by_task.values():  # direct executions, API functions, Invoke, and deleted tasks
        for run in rest:
            found.append((run["at"], _of_run(run, paths_of(run["functionName"]), advise)))
    return [section for _, section in sorted(found, key=lambda each: each[0])]


def unmatched(calls: Sequence[Json]) -> list[Section]:
    """One section of the calls to other services that no double has answered; none where there
    are none. `calls`: JSON of the calls."""
    if not calls:
        return []
    lines = []
    for call in calls[:MOST_SECTIONS]:
        method, path, query = call["method"], call["path"], call.get("query")
        caller = call.get("functionName") or "no function"
        asked = f"{path}?{query}" if query else path
        lines.append(_short(f"{method} {asked} by {caller}: {call.get('status')}"))
        if call.get("nearest"):
            lines.append(_short(f"{_MARGIN}{call['nearest']}"))
        lines.append(_short(f'{_MARGIN}taskdock.doubles.add("{method}", "{path}", json=...)'))
    if left := len(calls) - MOST_SECTIONS:
        lines += [f"and {left} more: taskdock doubles calls --unmatched"] if left > 0 else []
    return [Section("taskdock: calls that no double has answered", "\n".join(lines))]


def bounded(sections: Sequence[Section]) -> list[Section]:
    """At most `MOST_SECTIONS`, those with a failure rather than others; and a last one that says
    how many were left out."""
    if len(sections) <= MOST_SECTIONS:
        return list(sections)
    ranked = sorted(enumerate(sections), key=lambda each: (not each[1].failure, -each[0]))
    kept = sorted(ranked[:MOST_SECTIONS])
    left = len(sections) - len(kept)
    note = f"{left} more tasks and invocations of this test are not shown: taskdock runs list"
    return [*(section for _, section in kept), Section("taskdock: more", note)]


def _of_task(task: Json, runs: Sequence[Json], paths: SourcePaths, advise: Advise) -> Section:
    error = task.get("error") or {}
    lines = [_state("new", task["creationTimestamp"], _due(task))]
    lines += [_state("inProgress", run["at"]) for run in runs]
    if task["status"] not in ("new", "inProgress"):
        lines.append(_state(task["status"], task["statusChangedTimestamp"], _error(error)))
    elif task["status"] == "inProgress" and not runs:
        lines.append(_state("inProgress", task["statusChangedTimestamp"]))
    if task.get("retryForTaskIds"):
        lines.append(f"a retry of {task['retryForTaskIds'][-1]}")
    if task.get("retriedByTaskId"):
        lines.append(f"retried by {task['retriedByTaskId']}")
    for run in runs:
        lines += _details(run, paths, advise)
    lines += _log(task.get("log") or (), paths)
    return Section(
        title=f"taskdock: {task['functionName']}, task {task['id']}, {task['status']}",
        text="\n".join(lines),
        task_id=task["id"],
        place=_place(runs, paths),
        failure=_error(error) or next((_error(run.get("error")) for run in runs[::-1]), ""),
    )


def _of_run(run: Json, paths: SourcePaths, advise: Advise) -> Section:
    ended = "failed" if run.get("error") else "answered"
    lines = [_state("began", run["at"])]
    lines += _details(run, paths, advise)
    return Section(
        title=f"taskdock: {run['functionName']}, {run['kind']} {run['id']}, {ended}",
        text="\n".join(lines),
        task_id=run.get("taskId"),
        place=_place([run], paths),
        failure=_error(run.get("error")),
    )


def _details(run: Json, paths: SourcePaths, advise: Advise) -> list[str]:
    error = run.get("error") or {}
    lines = []
    if fault := run.get("fault"):
        lines.append(f"injected fault: {_fault(fault)}")
    if error:
        lines.append(f"error: {_error(error)}")
        lines += [_short(line) for line in advise(run)]
    if trace := _trace(error):
        lines += ["stack trace:", *_shown(paths.shown("\n".join(trace)).split("\n"))]
    return lines + _log(run.get("log") or (), paths)


def _log(lines: Sequence[str], paths: SourcePaths) -> list[str]:
    parts = _lines(lines)
    return ["log:", *_shown(paths.shown("\n".join(parts)).split("\n"))] if parts else []


def _place(runs: Sequence[Json], paths: SourcePaths) -> SourcePlace | None:
    for run in reversed(runs):
        for trace in (_trace(run.get("error") or {}), _lines(run.get("log"))):
            if run.get("error") and (place := paths.place(trace)):
                return place
    return None


def _trace(error: Mapping[str, Any]) -> list[str]:
    return _lines(error.get("stackTrace"))


def _lines(entries: Sequence[Any] | None) -> list[str]:
    return [line for entry in entries or () for line in _parts(str(entry))]


def _parts(line: str) -> list[str]:
    """Python's runtime writes the lines of an error as one, with carriage returns and spaces that
    do not break."""
    return line.replace("\xa0", " ").replace("\r\n", "\n").replace("\r", "\n").rstrip().split("\n")


def _shown(lines: Sequence[str]) -> list[str]:
    """Indented, and cut in the middle where there are many: how it began and ended says most."""
    if len(lines) > MOST_LINES:
        half = MOST_LINES // 2
        cut = f"... {len(lines) - 2 * half} lines are left out here ..."
        lines = [*lines[:half], cut, *lines[-half:]]
    return [_MARGIN + _short(line) for line in lines]


def _short(line: str) -> str:
    if len(line) <= MOST_LETTERS:
        return line
    return f"{line[:MOST_LETTERS]}... ({len(line) - MOST_LETTERS} more letters)"


def _state(state: str, at: str, remark: str = "") -> str:
    return f"{state:<11} {at}  {_short(remark)}".rstrip()


def _due(task: Json) -> str:
    start = task.get("startTimestamp")
    return f"due {start}" if start and start > task["creationTimestamp"] else ""


def _error(error: Mapping[str, Any] | None) -> str:
    if not error:
        return ""
    name, message = error.get("name", "Error"), error.get("message", "")
    return f"{name}: {message}" if message else str(name)


def _fault(fault: Any) -> str:
    if isinstance(fault, Mapping):
        return ", ".join(f"{name} {value}" for name, value in fault.items() if value is not None)
    return str(fault)
