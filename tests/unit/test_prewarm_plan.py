"""What is prewarmed next, and when: learned from what starts."""

from dataclasses import replace

import pytest

from taskdock.base.timing.limits import Limits
from taskdock.lambdas.functions.function import Function
from taskdock.lambdas.pool.prewarm.plan import MAX_LEARNED, PrewarmPlan, RuntimeShape
from taskdock.testing.clock import NOON, ManualClock

OAK = Function(name="oak", runtime="python3.11", entry_point="a.b", update_timestamp=NOON)
ELM = replace(OAK, name="elm")
LARGE = replace(OAK, name="large", memory_limit=256)
SMALL_SHAPE, LARGE_SHAPE = RuntimeShape("python3.11", 128), RuntimeShape("python3.11", 256)
LIMITS = Limits(prewarm_calm=1.0, prewarm_retry=60.0)


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def plan(clock):
    return plan_of(clock)


def plan_of(clock, per_shape=1, can_prewarm=lambda function: True):
    return PrewarmPlan(per_shape=per_shape, can_prewarm=can_prewarm, clock=clock, limits=LIMITS)


def test_a_shape_is_in_use_once_a_function_of_it_is_expected(plan):
    plan.expect(OAK)

    assert plan.next({}) is OAK
    assert plan.next({SMALL_SHAPE: 1}) is None
    assert (SMALL_SHAPE in plan, LARGE_SHAPE in plan) == (True, False)


def test_the_shape_that_was_wanted_last_comes_first(plan, clock):
    plan.expect(LARGE)
    clock.jump(1)
    plan.expect(OAK)
    clock.jump(1)
    plan.expect(ELM)

    assert plan.next({}) is ELM
    assert plan.next({SMALL_SHAPE: 1}) is LARGE


@pytest.mark.parametrize(("side_by_side", "wanted"), [(1, 1), (3, 3), (20, MAX_LEARNED)])
def test_as_many_are_wanted_as_were_started_side_by_side_up_to_a_limit(plan, side_by_side, wanted):
    for _ in range(side_by_side):
        plan.starts(OAK)
    for _ in range(side_by_side):
        plan.started(OAK)

    assert plan.wanted() == {SMALL_SHAPE: wanted}


def test_nothing_is_prewarmed_while_something_starts_and_for_a_moment_after_that(plan, clock):
    calm = [plan.is_calm]
    plan.starts(OAK)
    calm.append(plan.is_calm)
    plan.started(OAK)
    calm.append(plan.is_calm)
    clock.jump(LIMITS.prewarm_calm)
    calm.append(plan.is_calm)

    assert calm == [True, False, False, True]


def test_a_failure_is_not_repeated_for_a_while_whatever_starts_meanwhile(plan, clock):
    plan.back_off()
    plan.starts(OAK)
    plan.started(OAK)
    clock.jump(LIMITS.prewarm_retry - 1)
    before = plan.is_calm
    clock.jump(1)

    assert (before, plan.is_calm) == (False, True)


def test_a_shape_that_nobody_wants_is_forgotten_unless_something_starts_in_it(plan, clock):
    plan.expect(LARGE)
    plan.starts(OAK)
    clock.jump(600)

    early, late = plan.expire(601), plan.expire(600)

    assert (early, late) == ([], [LARGE_SHAPE])
    assert plan.wanted() == {SMALL_SHAPE: 1}


@pytest.mark.parametrize(
    "without",
    [{"per_shape": 0}, {"can_prewarm": lambda function: False}],
    ids=["none are to be", "none can be"],
)
def test_where_nothing_is_prewarmed_no_shape_is_in_use(clock, without):
    plan = plan_of(clock, **without)

    assert (plan.expect(OAK), plan.starts(OAK), plan.next({})) == (None, None, None)
    plan.started(OAK)
    assert plan.wanted() == {}
