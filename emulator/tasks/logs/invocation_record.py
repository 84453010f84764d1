"""The record of an invocation by the Lambda API, under which its log lines are found."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from taskdock.store import sql
from taskdock.store.database import Store
from taskdock.store.tables import InvocationRow

_INSERT = sql.insert(InvocationRow)


@dataclass(frozen=True, kw_only=True)
class InvocationRecord:
    """One invocation by the Lambda API; its log lines belong to it."""

    id: str
    request_id: str
    function_name: str
    timestamp: datetime


def write_invocations(store: Store, records: Iterable[InvocationRecord]) -> None:
    """Writes the rows, by which the logs can be found from the function. Only inside a
    transaction."""
    rows = (sql.to_row(InvocationRow, record.__dict__) for record in records)
    store.change_many(_INSERT, rows)
