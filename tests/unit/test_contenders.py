"""When a taskdock server leaves the machine to the other contenders."""

import pytest

from benchmarks.peers import at_rest

STATUSES = [
    ([], [], True),
    ([], ["busy", "frozen"], True),
    ([], ["frozen", "retiring"], False),
    ([], ["starting"], False),
    ([(8, 8)], [], True),
    ([(8, 8), (7, 8)], [], False),
]


@pytest.mark.parametrize(("prepared", "states", "expected"), STATUSES)
def test_a_server_is_at_rest_with_a_full_prewarm_pool_and_nothing_coming_or_going(
    prepared, states, expected
):
    status = {
        "prepared": [{"count": count, "wanted": wanted} for count, wanted in prepared],
        "environments": [{"state": state} for state in states],
    }

    assert at_rest(status) is expected


def test_a_server_that_shall_prewarm_is_not_at_rest_without_a_prewarmed_one():
    assert at_rest({"prepared": [], "environments": []})
    assert not at_rest({"prepared": [], "environments": []}, prewarmed=True)
    full = [{"count": 2, "wanted": 2}]
    assert at_rest({"prepared": full, "environments": []}, prewarmed=True)
