"""Who has room for a body, and who waits."""

from __future__ import annotations

from taskdock.web.http.budget import Budget
from taskdock.web.http.connection_limit import Peer

ONE, OTHER = Peer("10.0.0.1"), Peer("10.0.0.2")


def test_all_together_have_no_more_than_there_is_and_are_served_in_their_order() -> None:
    budget = Budget(10)
    first = budget.take(ONE, 8)
    large, small = budget.take(OTHER, 5), budget.take(ONE, 1)

    assert [each.granted for each in (first, large, small)] == [True, False, False]

    first.release()
    first.release()
    assert (large.granted, small.granted, budget.used) == (True, True, 6)


def test_who_has_its_share_keeps_nobody_up() -> None:
    budget = Budget(10, of_one=4)
    budget.take(ONE, 4)

    assert not budget.take(ONE, 4).granted
    assert budget.take(OTHER, 4).granted


def test_a_functions_containers_have_a_share_together() -> None:
    budget = Budget(10, of_one=4, of_function=6)
    peers = [Peer("", environment=name, function="oak") for name in ("a", "b")]

    assert [budget.take(each, 4).granted for each in peers] == [True, False]


def test_who_waits_no_more_makes_room_for_the_next() -> None:
    budget = Budget(10)
    budget.take(ONE, 8)
    waiting, next_ = budget.take(ONE, 5), budget.take(OTHER, 2)

    waiting.release()

    assert next_.granted


def test_what_turned_out_smaller_makes_room_for_the_next() -> None:
    budget = Budget(10)
    first, next_ = budget.take(ONE, 8), budget.take(OTHER, 5)

    first.shrink(9)  # it is no way to more
    assert (next_.granted, budget.used) == (False, 8)
    first.shrink(5)
    assert (next_.granted, budget.used) == (True, 10)

    next_.release()
    next_.shrink(1)
    first.release()
    assert budget.used == 0


def test_who_gave_some_of_its_share_back_may_take_that_again() -> None:
    budget = Budget(10, of_one=4)
    budget.take(ONE, 4).shrink(1)

    assert budget.take(ONE, 3).granted
    assert not budget.take(ONE, 1).granted
