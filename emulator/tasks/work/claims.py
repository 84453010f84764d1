"""Claims: one server's hold on one piece of work, and the fence that every ending of it passes.

Work is a row with two columns: `claimed_by`, the server that holds the row, and `claim`, how often
it was claimed. An ending names both. When the row was given back or claimed again meanwhile, they
do not fit, the ending changes nothing, and its caller publishes `claim_lost`.

Tasks have statements of their own, for their order and their statuses: `tasks/queue/statements.py`.
Events, deliveries and schedules share `ClaimTable`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from taskdock.base.timing.clock import Clock, from_epoch, to_epoch
from taskdock.store import sql
from taskdock.store.database import Store
from taskdock.store.tables import Table

FENCE = "claimed_by = ? AND claim = ?"
"""The condition of every ending; its values are `Claim.values`."""


@dataclass(frozen=True)
class Claim:
    """`server` holds a piece of work, which was claimed `number` times."""

    server: str
    number: int

    @property
    def values(self) -> tuple[str, int]:
        return self.server, self.number


class ClaimTable:
    """The claims of one server on the rows of one table. Any thread may call.

    Rows are due at a time in the column `due`. A row that is claimed by nobody waits; one that is
    claimed stays where it is until its ending is written or it is given back.
    """

    def __init__(
        self, store: Store, table: type[Table], *, key: str, due: str, server: str
    ) -> None:
        """`key`, `due`: names of columns; `server`: the name that this server's claims carry."""
        self._store = store
        self._server = server
        name = f'"{table._meta.table_name}"'
        waiting = "claimed_by IS NULL"
        first = f"WHERE {waiting} AND {due} <= ? ORDER BY {due}, {key} LIMIT ?"
        self._some_due = f"SELECT 1 FROM {name} WHERE {waiting} AND {due} <= ? LIMIT 1"  # noqa: S608
        self._first = f"SELECT {key}, claim FROM {name} {first}"  # noqa: S608
        self._next = f"SELECT MIN({due}) FROM {name} WHERE {waiting}"  # noqa: S608
        self._claim = f"UPDATE {name} SET claimed_by = ?, claim = claim + 1 WHERE {key} IN ({{}})"  # noqa: S608
        self._end = f"UPDATE {name} SET claimed_by = NULL{{}} WHERE {key} = ? AND {FENCE}"  # noqa: S608
        self._there = f"SELECT 1 FROM {name} WHERE {key} = ?"  # noqa: S608
        self._remove = f"DELETE FROM {name} WHERE {key} = ? AND {FENCE}"  # noqa: S608
        self._of_others = "WHERE claimed_by IS NOT NULL AND claimed_by NOT IN ({})"
        self._lost = f"SELECT 1 FROM {name} {self._of_others} LIMIT 1"  # noqa: S608
        self._reclaim = f"UPDATE {name} SET claimed_by = NULL {self._of_others}"  # noqa: S608
        self._forward = f"UPDATE {name} SET {due} = ? WHERE {waiting} AND {due} > ?"  # noqa: S608

    @contextmanager
    def claim(self, now: datetime, limit: int) -> Iterator[dict[Any, Claim]]:
        """Claims up to `limit` rows that are due, those that have waited longest first; the claims
        by the rows' keys.

        The rows are read inside, in the same transaction: where one cannot be, none is claimed.
        """
        moment = to_epoch(now)
        if not self._store.rows(self._some_due, (moment,)):
            yield {}  # so that an idle server begins no transaction
            return
        with self._store.transaction():
            rows = self._store.rows(self._first, (moment, limit))
            if rows:
                keys = [key for key, _ in rows]
                statement = self._claim.format(sql.placeholders(len(keys)))
                self._store.change(statement, (self._server, *keys))
            yield {key: Claim(self._server, number + 1) for key, number in rows}

    def next_due(self) -> datetime | None:
        """The time at which the earliest row that nobody holds is or was due."""
        ((moment,),) = self._store.rows(self._next)
        return None if moment is None else from_epoch(moment)

    def is_there(self, key: Any) -> bool:
        """Whether there is such a row, whoever holds it."""
        return bool(self._store.rows(self._there, (key,)))

    def give_back(self, key: Any, claim: Claim, values: Mapping[str, Any] | None = None) -> bool:
        """Ends a claim whose row stays, with new `values` by their columns, as the database keeps
        them. False: the claim was lost, nothing changed."""
        changes = "".join(f", {column} = ?" for column in values or ())
        new = tuple((values or {}).values())
        return self._store.change(self._end.format(changes), (*new, key, *claim.values)) > 0

    def remove(self, key: Any, claim: Claim) -> bool:
        """Ends a claim whose row is done. False: the claim was lost, nothing changed."""
        return self._store.change(self._remove, (key, *claim.values)) > 0

    def reclaim(self, servers: Collection[str]) -> int:
        """Gives back what is held by any server but these; how many rows."""
        held = sql.placeholders(len(servers))
        if not self._store.rows(self._lost.format(held), tuple(servers)):
            return 0
        return self._store.change(self._reclaim.format(held), tuple(servers))

    def bring_forward(self, clock: Clock, longest: timedelta) -> int:
        """Has rows be due now that are due later than any wait is long, since the clock was set
        back; how many."""
        now = clock.now()
        return self._store.change(self._forward, (to_epoch(now), to_epoch(now + longest)))


def epochs(**moments: datetime) -> dict[str, int]:
    """Moments as the database keeps them, by their columns."""
    return {column: to_epoch(moment) for column, moment in moments.items()}
