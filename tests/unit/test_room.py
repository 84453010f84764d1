"""Room: who gets it, what gives way, and who may pass the call that waits longest."""

from __future__ import annotations

import itertools
import random

import pytest

from taskdock.lambdas.lifecycle import State
from taskdock.lambdas.pool.room import Room
from taskdock.lambdas.slot import Slot

IDLE = (State.READY, State.FROZEN, State.DOWN)
NOW = 1000.0
LONG = 10_000.0  # seconds
STUCK = 5.0  # seconds


def slot(id, state=State.READY, *, memory=128, since=NOW, limit=30.0, reserved=False):
    return Slot(
        id=id,
        fingerprint="v1",
        state=state,
        memory=memory,
        since=since,
        time_limit=limit,
        reserved=reserved,
    )


def room(*slots, budget=1024, max_environments=1000):
    return Room(slots, budget=budget, max_environments=max_environments, now=NOW, stuck=STUCK)


def admitted(free, megabytes, limit=30.0):
    """What became of a call: `now`, the ids of what is evicted for it, or None for no room."""
    admission = free.admit(megabytes, limit)
    if admission is None:
        return None
    return "now" if admission.at_once else [each.id for each in admission.evicted]


@pytest.mark.parametrize("state", State)
def test_room_that_is_held_is_nobody_elses(state):
    one = slot("one", state)
    given = {State.GONE: "now", State.RETIRING: []}.get(state, ["one"] if state in IDLE else None)

    assert admitted(room(one, budget=255), 128) == given
    assert admitted(room(one, budget=256), 128) == "now"
    assert admitted(room(one, max_environments=1), 128) == given


@pytest.mark.parametrize(
    ("pool", "megabytes", "budget", "given"),
    [
        ([], 128, 1024, "now"),
        ([slot("a")], 128, 256, "now"),
        ([slot("a")], 128, 200, ["a"]),
        ([slot("young", since=2), slot("old", since=1)], 128, 256, ["old"]),
        ([slot("young", since=2), slot("old", since=1)], 256, 256, ["old", "young"]),
        ([slot("busy", State.BUSY)], 128, 128, None),
        ([slot("busy", State.BUSY), slot("idle")], 128, 256, ["idle"]),
        ([slot("busy", State.BUSY), slot("idle")], 256, 256, None),
        ([slot("going", State.RETIRING)], 128, 128, []),
        ([slot("going", State.RETIRING), slot("idle")], 128, 256, []),
        ([slot("going", State.RETIRING), slot("idle")], 256, 256, ["idle"]),
        ([slot("reserved", reserved=True)], 128, 128, None),
    ],
)
def test_what_idles_longest_gives_way_and_what_is_going_is_counted_on(
    pool, megabytes, budget, given
):
    assert admitted(room(*pool, budget=budget), megabytes) == given


def test_what_is_still_not_removed_after_a_while_is_not_counted_on():
    stuck = slot("stuck", State.RETIRING, since=NOW - 60)

    assert admitted(room(stuck, slot("idle"), budget=256), 128) == ["idle"]
    assert admitted(room(stuck, budget=128), 128) is None


@pytest.mark.parametrize(
    ("pool", "max_environments", "given"),
    [
        ([], 1, "now"),
        ([slot("young", since=2), slot("old", since=1)], 3, "now"),
        ([slot("young", since=2), slot("old", since=1)], 2, ["old"]),
        ([slot("busy", State.BUSY), slot("idle")], 2, ["idle"]),
        ([slot("busy", State.BUSY)], 1, None),
        ([slot("going", State.RETIRING)], 1, []),
    ],
)
def test_there_are_no_more_environments_than_there_may_be(pool, max_environments, given):
    assert admitted(room(*pool, budget=10240, max_environments=max_environments), 128) == given


def test_what_one_call_is_given_is_gone_for_the_next():
    free = room(slot("one"), slot("two"), budget=384)

    assert admitted(free, 128) == "now"
    assert admitted(free, 128) == ["one"]
    assert admitted(free, 128) == ["two"]
    assert admitted(free, 128) is None


def test_one_eviction_makes_room_for_one_call():
    free = room(slot("going", State.RETIRING), slot("idle"), budget=256)

    assert admitted(free, 128) == []
    assert admitted(free, 128) == ["idle"]


def test_what_is_free_beside_a_removal_that_is_waited_for_is_not_given_away():
    free = room(slot("going", State.RETIRING, memory=256), budget=384)

    assert admitted(free, 384) == []
    assert admitted(free, 128) is None


def test_what_serves_a_call_cannot_give_way_to_the_next():
    idle = slot("idle")
    free = room(idle, budget=128)

    assert free.use(idle, 30.0)
    assert admitted(free, 128) is None


def test_one_larger_than_the_budget_runs_alone():
    assert admitted(room(slot("idle")), 10240) == ["idle"]
    assert admitted(room(slot("busy", State.BUSY)), 10240) is None
    assert admitted(room(slot("large", State.BUSY, memory=10240)), 128) is None


# The reservation


def test_nobody_takes_what_the_call_that_waits_longest_needs():
    busy = [slot(f"busy {n}", State.BUSY, since=NOW - 1) for n in range(7)]
    idle = slot("idle")
    free = room(*busy, idle)

    assert admitted(free, 512) is None
    assert admitted(free, 128) is None, "a new one in place of the idle one"
    assert not free.use(idle, 30.0), "the idle one, which will have to give way"


def test_what_fits_beside_it_passes_and_no_more_of_it():
    busy = slot("busy", State.BUSY, memory=768)  # has to end: 768 + 512 is too much
    free = room(busy, slot("old", memory=128, since=0))

    assert admitted(free, 512) is None
    assert admitted(free, 128, LONG) == "now"
    assert admitted(free, 128, LONG) == ["old"]
    assert admitted(free, 128, LONG) is None, "there is no more room"


def test_what_will_have_ended_by_then_passes():
    long = slot("long", State.BUSY, memory=512, limit=900.0)
    busy = [slot(f"busy {n}", State.BUSY, memory=128, limit=900.0) for n in range(3)]
    free = room(long, *busy)

    assert admitted(free, 768) is None
    assert admitted(free, 128, 60.0) == "now"
    assert admitted(room(long, *busy), 128, LONG) == "now", "nobody waits there"

    free = room(long, *busy)
    assert admitted(free, 900) is None
    assert admitted(free, 128, LONG) is None


def test_who_waits_longest_has_the_reservation_and_no_other():
    free = room(slot("busy", State.BUSY, memory=896, limit=60.0))

    assert admitted(free, 512) is None
    assert admitted(free, 1024) is None
    assert admitted(free, 128, LONG) == "now"


def test_a_stream_of_small_ones_lets_a_large_one_in_within_their_time_limit():
    """A simulation: small calls come whenever there is room, a large one waits from the start."""
    chance = random.Random(1)
    numbers = itertools.count()
    working = {f"{next(numbers)}": (chance.uniform(0, 30), 0.0) for _ in range(32)}  # end, since
    for now in range(100):
        working = {id: each for id, each in working.items() if each[0] > now}
        slots = [slot(id, State.BUSY, since=since) for id, (_, since) in working.items()]
        free = Room(slots, budget=4096, max_environments=1000, now=float(now), stuck=STUCK)
        if admitted(free, 3008) == "now":
            break
        while admitted(free, 128) == "now":
            working[f"{next(numbers)}"] = now + chance.uniform(0, 30), float(now)
    assert now <= 30
