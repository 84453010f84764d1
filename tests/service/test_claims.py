"""Claims on work of every kind: held by one server at a time, and no ending without its claim."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from taskdock.base.timing.limits import Limits
from taskdock.store.database import Store
from taskdock.store.tables import DeliveryRow
from taskdock.tasks.work.claims import Claim, ClaimTable
from taskdock.tasks.work.servers import Servers
from taskdock.testing.clock import NOON, ManualClock
from tests.support.aws import NAME, facts, lambda_client
from tests.support.builders import LIMIT, Dock, Gate, StartDock
from tests.support.hook import Hook, answer

SECOND = timedelta(seconds=1)


@pytest.fixture
def hook() -> Iterator[Hook]:
    with Hook() as hook:
        yield hook


# The table of claims


@pytest.fixture
def table(store: Store) -> Callable[[str], ClaimTable]:
    """The claims of a server on the deliveries of one database."""
    return partial(_table, store)


def _table(store: Store, server: str) -> ClaimTable:
    return ClaimTable(store, DeliveryRow, key="id", due="due_timestamp", server=server)


def add(store: Store, *seconds: float) -> list[int]:
    """Deliveries that are due so long after noon; their keys."""
    return [
        DeliveryRow.insert(
            event_id="e" * 24,
            subscription_id="s" * 24,
            due_timestamp=NOON + timedelta(seconds=each),
        ).execute(store.db)
        for each in seconds
    ]


def test_what_has_waited_longest_is_claimed_first_and_nothing_before_it_is_due(
    store: Store, table: Callable[[str], ClaimTable]
) -> None:
    ours = table("ours")
    second, first, third, later = add(store, -2, -3, 0, 1)

    assert list(claimed(ours, 2)) == [first, second]
    assert list(claimed(ours, 2)) == [third]
    assert claimed(ours, 2) == {}
    assert ours.next_due() == NOON + SECOND
    assert list(claimed(ours, 2, NOON + SECOND)) == [later]
    assert ours.next_due() is None


def test_what_one_server_holds_no_other_can_claim(
    store: Store, table: Callable[[str], ClaimTable]
) -> None:
    (key,) = add(store, 0)

    held = claimed(table("ours"), 1)

    assert held == {key: Claim("ours", 1)}
    assert claimed(table("theirs"), 1) == {}


def test_what_cannot_be_read_when_it_is_claimed_leaves_all_of_it_unclaimed(
    store: Store, table: Callable[[str], ClaimTable]
) -> None:
    keys = add(store, 0, 0)

    with pytest.raises(ValueError, match="no JSON"), table("ours").claim(NOON, 2):
        raise ValueError("no JSON")

    assert list(claimed(table("theirs"), 2)) == keys


Ending = Callable[[ClaimTable, int, Claim], bool]
ENDINGS: dict[str, Ending] = {
    "removed": lambda table, key, claim: table.remove(key, claim),
    "given back": lambda table, key, claim: table.give_back(key, claim),
    "postponed": lambda table, key, claim: table.give_back(key, claim, {"attempts": 7}),
}


def claimed(table: ClaimTable, limit: int, now: datetime = NOON) -> dict[Any, Claim]:
    with table.claim(now, limit) as claims:
        return claims


def rows(store: Store) -> list[Any]:
    return store.rows("SELECT id, attempts, claimed_by, claim FROM delivery")


@pytest.mark.parametrize("ending", ENDINGS.values(), ids=ENDINGS)
def test_an_ending_counts_once(
    store: Store, table: Callable[[str], ClaimTable], ending: Ending
) -> None:
    (key,) = add(store, 0)
    ours = table("ours")
    claim = claimed(ours, 1)[key]

    assert ending(ours, key, claim)
    after = rows(store)

    assert not ending(ours, key, claim)
    assert rows(store) == after


@pytest.mark.parametrize("ending", ENDINGS.values(), ids=ENDINGS)
@pytest.mark.parametrize("next_holder", ["ours", "theirs"])
def test_an_ending_of_an_earlier_claim_changes_nothing(
    store: Store, table: Callable[[str], ClaimTable], ending: Ending, next_holder: str
) -> None:
    (key,) = add(store, 0)
    ours, holder = table("ours"), table(next_holder)
    before = claimed(ours, 1)[key]
    assert ours.give_back(key, before)
    claim = claimed(holder, 1)[key]

    assert not ending(ours, key, before)

    assert claim == Claim(next_holder, 2)
    assert rows(store) == [(key, 0, next_holder, 2)]
    assert ending(holder, key, claim)


def test_what_servers_that_are_gone_hold_is_given_back_and_what_others_hold_is_not(
    store: Store, table: Callable[[str], ClaimTable]
) -> None:
    ours, theirs, gone = table("ours"), table("theirs"), table("gone")
    keys = add(store, 0, 0, 0)
    for each in (ours, theirs, gone):
        claimed(each, 1)

    assert ours.reclaim(["ours", "theirs"]) == 1

    assert claimed(ours, 3) == {keys[2]: Claim("ours", 2)}
    assert ours.reclaim(["ours", "theirs"]) == 0


def test_what_a_clock_that_was_set_back_keeps_waiting_is_due_unless_it_is_held(
    store: Store, table: Callable[[str], ClaimTable]
) -> None:
    ours = table("ours")
    _held, _soon, ahead = add(store, 0, 3600 + 5, 3600 + 6)
    claimed(ours, 1)

    assert ours.bring_forward(ManualClock(NOON + timedelta(hours=1)), 5 * SECOND) == 1

    assert claimed(ours, 3, NOON + timedelta(hours=1)) == {ahead: Claim("ours", 1)}


# Which servers are there


@pytest.fixture
def servers(store: Store, clock: ManualClock) -> Callable[[str], Servers]:
    return lambda name: Servers(store=store, name=name, clock=clock, silence=300.0)


def test_a_server_is_gone_once_it_has_been_silent_for_too_long(
    servers: Callable[[str], Servers], clock: ManualClock
) -> None:
    ours, theirs = servers("ours"), servers("theirs")
    ours.enter(alone=False)
    theirs.enter(alone=False)
    assert ours.alive() == ["ours", "theirs"]

    clock.jump(299)
    assert ours.alive() == ["ours", "theirs"]
    theirs.beat()
    clock.jump(299)
    assert ours.alive() == ["ours", "theirs"]
    clock.jump(300)

    assert ours.alive() == ["ours"]
    theirs.beat()  # it was only slow
    assert ours.alive() == ["ours", "theirs"]


@pytest.mark.parametrize("hours", [-5, 5])
def test_a_clock_that_is_set_makes_no_server_silent(
    servers: Callable[[str], Servers], clock: ManualClock, hours: int
) -> None:
    ours, theirs = servers("ours"), servers("theirs")
    theirs.enter(alone=False)
    ours.alive()

    clock.set(NOON + timedelta(hours=hours))

    assert ours.alive() == ["ours", "theirs"]


def test_a_server_that_has_the_database_alone_knows_that_all_others_are_gone(
    servers: Callable[[str], Servers],
) -> None:
    ours = servers("ours")
    servers("theirs").enter(alone=False)

    ours.enter(alone=True)

    assert ours.alive() == ["ours"]


def test_a_server_that_leaves_is_gone_at_once(servers: Callable[[str], Servers]) -> None:
    ours, theirs = servers("ours"), servers("theirs")
    theirs.enter(alone=False)
    assert ours.alive() == ["ours", "theirs"]

    theirs.leave()

    assert ours.alive() == ["ours"]


def test_a_server_has_its_row_while_it_runs_and_not_afterwards(
    start_dock: StartDock, tmp_path: Path
) -> None:
    dock = start_dock()
    store = dock.emulator.foundation.store
    name = dock.emulator.tasks.servers.name

    assert store.rows("SELECT id FROM server") == [(name,)]
    dock.stop()

    with closing(Store(tmp_path / "data" / "taskdock.db")) as again:
        assert again.rows("SELECT id FROM server") == []


# An ending whose claim was lost, in a whole server


def lose(dock: Dock, table: str) -> None:
    """Has another server, which is alive, hold what this one has claimed."""
    with dock.emulator.foundation.store.transaction():
        store = dock.emulator.foundation.store
        changed = store.change(
            f"UPDATE {table} SET claimed_by = 'other', claim = claim + 1"
            " WHERE claimed_by IS NOT NULL"
        )
    assert changed == 1


def rows_of(dock: Dock, table: str) -> list[Any]:
    return dock.emulator.foundation.store.rows(f"SELECT * FROM {table}")


def test_a_task_whose_claim_was_lost_does_not_end(dock: Dock) -> None:
    gate = Gate()
    dock.deploy(lambda event, runtime: gate.pass_(runtime))
    task = dock.create_task()
    dock.eventually(lambda: gate.waiting)
    lose(dock, "task")
    before = rows_of(dock, "task")

    gate.open()

    dock.eventually(lambda: facts(dock, "claim_lost"))
    assert facts(dock, "claim_lost") == [{"task": task, "function": NAME}]
    assert rows_of(dock, "task") == before


@pytest.mark.parametrize("fails", [False, True])
def test_an_event_whose_claim_was_lost_neither_ends_nor_waits_for_a_retry(
    dock: Dock, *, fails: bool
) -> None:
    gate = Gate()

    def handler(event: Any, runtime: Any) -> None:
        gate.pass_(runtime)
        if fails:
            raise ValueError("no legs")

    dock.deploy(handler)
    with closing(lambda_client(dock.emulator.url)) as client:
        request = client.invoke(FunctionName=NAME, InvocationType="Event")
    dock.eventually(lambda: gate.waiting)
    lose(dock, "backlog")
    before = rows_of(dock, "backlog")

    gate.open()

    dock.eventually(lambda: facts(dock, "claim_lost"))
    lost = {"function": NAME, "request": request["ResponseMetadata"]["RequestId"]}
    assert facts(dock, "claim_lost") == [lost]
    assert rows_of(dock, "backlog") == before


@pytest.mark.parametrize("status", [200, 500])
def test_a_delivery_whose_claim_was_lost_neither_ends_nor_waits_for_a_retry(
    dock: Dock, hook: Hook, status: int
) -> None:
    before: list[Any] = []

    def behave(request: Any) -> None:
        lose(dock, "delivery")
        before.extend(rows_of(dock, "delivery"))
        answer(request, status=status)

    hook.behaviours = [behave]
    body = {"eventTypes": ["task_failed"], "url": hook.url}
    subscribed = dock.call("POST", "/subscriptions", base="/events/v1", json=body)
    assert subscribed.status_code == 200, subscribed.text
    dock.create_task("nobody")

    dock.eventually(lambda: facts(dock, "claim_lost"))
    (lost,) = facts(dock, "claim_lost")
    assert lost["url"] == hook.url
    assert rows_of(dock, "delivery") == before


def test_a_schedule_whose_claim_was_lost_makes_no_task_and_is_not_moved_on(
    dock: Dock, monkeypatch: pytest.MonkeyPatch
) -> None:
    schedules, before = dock.emulator.tasks.schedules, list[Any]()
    make = schedules.make

    def late(*run: Any) -> Any:
        lose(dock, "schedule")
        before.extend(rows_of(dock, "schedule"))
        return make(*run)

    monkeypatch.setattr(schedules, "make", late)
    created = dock.post("/schedules", {"functionName": NAME, "interval": 10})
    assert created.status_code == 200, created.text

    dock.eventually(lambda: facts(dock, "claim_lost"))
    assert facts(dock, "claim_lost") == [{"schedule": created.json()["id"]}]
    assert rows_of(dock, "schedule") == before
    assert dock.get("/").json()["page"]["total"] == 0


# What a server that is gone has claimed


def test_what_a_silent_server_holds_is_made_by_another_once_it_is_gone(
    start_dock: StartDock, clock: ManualClock, hook: Hook
) -> None:
    """Tasks and events run, webhooks are told and schedules make their tasks."""
    dock = start_dock(clock=clock, limits=Limits(server_silence=60.0))
    tasks, store = dock.emulator.tasks, dock.emulator.foundation.store
    for loop in (tasks.worker, tasks.dispatcher, tasks.webhook_sender, tasks.scheduler):
        loop.stop()
    ran: list[Any] = []
    dock.deploy(lambda event, runtime: ran.append(event))
    body = {"eventTypes": ["task_failed"], "url": hook.url}
    assert dock.call("POST", "/subscriptions", base="/events/v1", json=body).status_code == 200
    assert dock.post("/schedules", {"functionName": NAME, "interval": 3600}).status_code == 200
    with closing(lambda_client(dock.emulator.url)) as client:
        client.invoke(FunctionName=NAME, InvocationType="Event", Payload=b'"event"')
    task = dock.create_task()
    other = Servers(store=store, name="other", clock=clock, silence=300.0)
    other.enter(alone=False)
    store.change("UPDATE task SET status = 'inProgress', claimed_by = 'other', claim = 1")
    for table in ("backlog", "schedule"):
        store.change(f"UPDATE {table} SET claimed_by = 'other', claim = 1")

    tasks.rescuer.run_once()
    assert dock.status(task) == "inProgress"
    clock.jump(60)
    tasks.rescuer.run_once()

    assert dock.task(task)["error"]["name"] == "zombieTaskCleaned"
    held = "SELECT COUNT(*) FROM {} WHERE claimed_by IS NOT NULL"
    assert [store.rows(held.format(table)) for table in ("backlog", "schedule")] == [[(0,)]] * 2
    for loop in (tasks.dispatcher, tasks.webhook_sender, tasks.scheduler):
        loop.run_once()
        assert loop.await_idle(LIMIT)
    assert ran == ["event"]
    assert len(hook.calls) == 1
    assert dock.get(f"/?eq(functionName,{NAME})&eq(status,new)").json()["page"]["total"] == 1


def test_a_webhook_is_told_also_when_the_clock_is_set_back(
    start_dock: StartDock, clock: ManualClock, hook: Hook
) -> None:
    dock = start_dock(clock=clock)
    sender = dock.emulator.tasks.webhook_sender
    sender.stop()
    body = {"eventTypes": ["task_failed"], "url": hook.url}
    assert dock.call("POST", "/subscriptions", base="/events/v1", json=body).status_code == 200
    dock.finish(dock.create_task("nobody"))

    clock.set(NOON - timedelta(hours=1))
    while sender.run_once() == 0.0:
        pass

    assert len(hook.calls) == 1
