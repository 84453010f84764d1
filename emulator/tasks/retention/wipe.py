"""Wipe: removes all work, whatever state it is in, for a reset of the server.

Functions, users, roles, applications and tokens are not touched.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from taskdock.store.database import Store

TABLES: Mapping[str, tuple[str, ...]] = {
    "tasks": ("task_tag", "task"),
    "schedules": ("schedule_run", "schedule"),
    "events": ("delivery", "event"),
    "subscriptions": ("delivery", "subscription"),
    "invocations": ("backlog", "invocation"),
    "apiRequests": ("api_request",),
}
"""The tables of each subject; the last one has a row for each that is counted."""
OWNERS = {"tasks": "task", "invocations": "invocation", "apiRequests": "api_request"}
"""The subjects that own log lines, which go with them."""
LINES = "logLines"


def wipe(store: Store, keep: Collection[str]) -> dict[str, int]:
    """Removes the rows of all subjects but those in `keep`; how many there were of each.

    Only inside a transaction.
    """
    removed = dict.fromkeys((*TABLES, LINES), 0)
    for subject, tables in TABLES.items():
        if subject not in keep:
            for table in tables:
                removed[subject] = store.change(f"DELETE FROM {table}")  # noqa: S608 - ours
    kept = " AND ".join(
        f"NOT EXISTS (SELECT 1 FROM {table} WHERE {table}.id = task_log.task_id)"  # noqa: S608
        for subject, table in OWNERS.items()
        if subject in keep
    )
    where = f" WHERE {kept}" if kept else ""
    removed[LINES] = store.change(f"DELETE FROM task_log{where}")  # noqa: S608 - ours
    return removed
