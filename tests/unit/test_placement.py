"""Placement: plain values in, decisions out."""

import pytest

from taskdock.lambdas.lifecycle import State
from taskdock.lambdas.pool.placement import serve_from, serving_soon, to_freeze, to_retire
from taskdock.lambdas.slot import Slot, held

IDLE = (State.READY, State.FROZEN, State.DOWN)


def slot(id, state=State.READY, *, fingerprint="v1", memory=128, since=0.0, **more):
    return Slot(id=id, fingerprint=fingerprint, state=state, memory=memory, since=since, **more)


def ids(slots):
    return None if slots is None else [s.id for s in slots]


@pytest.mark.parametrize(
    ("pool", "served"),
    [
        ([], None),
        ([slot("a")], "a"),
        ([slot("a", since=1), slot("b", since=2)], "b"),
        ([slot("frozen", State.FROZEN, since=9), slot("ready", since=1)], "ready"),
        ([slot("frozen", State.FROZEN)], "frozen"),
        ([slot("other", fingerprint="v2")], None),
        ([slot("stale", stale=True)], None),
        ([slot("reserved", reserved=True)], None),
        ([slot("down", State.DOWN, since=9), slot("frozen", State.FROZEN)], "frozen"),
        ([slot("down", State.DOWN)], "down"),
        ([slot(s.value, s) for s in State if s not in IDLE], None),
    ],
)
def test_the_most_recently_used_idle_environment_of_the_version_serves(pool, served):
    chosen = serve_from(pool, "v1")

    assert (chosen and chosen.id) == served


@pytest.mark.parametrize("state", State)
def test_memory_is_held_until_an_environment_is_gone(state):
    pool = [slot("one", state, memory=128), slot("other", State.BUSY, memory=256)]

    assert held(pool) == (256 if state is State.GONE else 128 + 256)


@pytest.mark.parametrize(
    ("answered", "soon"),
    [
        ([], 0),
        ([slot("now", State.SETTLING, since=10)], 1),
        ([slot("just", State.SETTLING, since=9.91)], 1),
        ([slot("at the limit", State.SETTLING, since=9.5)], 0),
        ([slot("works on", State.SETTLING, since=9)], 0),
        ([slot("stale", State.SETTLING, since=10, stale=True)], 0),
        ([slot(s.value, s, since=10) for s in State if s is not State.SETTLING], 0),
        ([slot("a", State.SETTLING, since=10), slot("b", State.SETTLING, since=10)], 2),
    ],
)
def test_who_has_just_answered_and_can_be_used_again_serves_soon(answered, soon):
    assert serving_soon(answered, now=10, within=0.5) == soon


def test_only_what_has_been_ready_for_long_enough_is_frozen():
    pool = [
        slot("long", since=0),
        slot("short", since=8),
        slot("busy", State.BUSY),
        slot("frozen", State.FROZEN),
        slot("reserved", reserved=True),
    ]

    assert ids(to_freeze(pool, now=10, after=5)) == ["long"]


def test_what_idles_too_long_or_is_stale_is_retired():
    pool = [
        slot("expired", State.FROZEN, since=0),
        slot("fresh", since=9),
        slot("stale", since=9, stale=True),
        slot("busy", State.BUSY, stale=True),
    ]

    assert ids(to_retire(pool, now=10, after=10)) == ["expired", "stale"]


@pytest.mark.parametrize(
    ("since", "retired"), [(70.1, []), (70, ["works on"]), (0, ["works on"]), (99, [])]
)
def test_what_works_on_after_its_answer_may_do_so_for_its_whole_time_limit(since, retired):
    pool = [
        slot("works on", State.SETTLING, since=since, time_limit=30),
        slot("busy", State.BUSY, since=0, time_limit=30),
    ]

    assert ids(to_retire(pool, now=100, after=1)) == retired


def test_the_youngest_of_each_function_are_kept_warm_but_never_what_is_stale():
    pool = [
        slot("oldest", State.DOWN, since=0),
        slot("older", State.FROZEN, since=1),
        slot("old", since=2),
        slot("other", State.FROZEN, since=0, fingerprint="v2"),
        slot("stale", State.FROZEN, since=9, stale=True),
    ]

    assert ids(to_retire(pool, now=100, after=10, keep_warm=1)) == ["older", "oldest", "stale"]
