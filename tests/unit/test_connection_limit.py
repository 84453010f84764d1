"""Who has too many connections."""

from __future__ import annotations

import pytest

from taskdock.web.http.connection_limit import (
    A_FEW,
    MAX_CONNECTIONS,
    MAX_OF_A_FUNCTION,
    Crowd,
    Peer,
)


def calls(environment: str, function: str = "oak", count: int = 1) -> list[Peer]:
    return [Peer("", environment=environment, function=function)] * count


def crowd_of(*groups: list[Peer]) -> Crowd:
    crowd = Crowd(100_000, 100_000)
    for peer in (peer for group in groups for peer in group):
        assert crowd.enter(peer)
    return crowd


_FULL = MAX_OF_A_FUNCTION // MAX_CONNECTIONS  # containers
OTHERS = [Peer("172.17.0.3", port) for port in range(MAX_CONNECTIONS)]


@pytest.mark.parametrize(
    ("address", "count", "crowded"),
    [
        ("172.17.0.2", 0, False),
        ("172.17.0.2", MAX_CONNECTIONS - 1, False),
        ("172.17.0.2", MAX_CONNECTIONS, True),
        ("fe80::1%eth0", MAX_CONNECTIONS, True),
        ("127.0.0.1", MAX_CONNECTIONS, False),
        ("::1", MAX_CONNECTIONS, False),
    ],
)
def test_each_address_has_its_own_share_and_loopback_has_no_limit(
    address: str, count: int, crowded: bool
) -> None:
    crowd = crowd_of([Peer(address, port) for port in range(count)], OTHERS)

    assert crowd.enter(Peer(address, count)) is not crowded


@pytest.mark.parametrize(
    ("count", "crowded"), [(MAX_CONNECTIONS - 1, False), (MAX_CONNECTIONS, True)]
)
def test_each_container_has_its_own_share(count: int, crowded: bool) -> None:
    (peer,) = calls("a")
    neighbours = [*calls("b", count=MAX_CONNECTIONS), *calls("c", "elm", MAX_CONNECTIONS)]

    crowd = crowd_of(calls("a", count=count), neighbours, OTHERS)

    assert crowd.enter(peer) is not crowded


@pytest.mark.parametrize(
    ("function", "crowded"), [("oak", True), ("elm", False)], ids=["this one", "another"]
)
def test_a_functions_containers_have_a_share_together(function: str, crowded: bool) -> None:
    full = [calls(f"e{n}", function, MAX_CONNECTIONS) for n in range(_FULL)]
    (peer,) = calls("a")

    crowd = crowd_of(*full, calls("a", count=A_FEW))

    assert crowd.enter(peer) is not crowded


def test_each_container_has_a_few_however_many_its_function_has() -> None:
    """A runtime that holds one connection is not kept out by a thousand of the same."""
    neighbours = [peer for number in range(1000) for peer in calls(f"e{number}")]
    (peer,) = calls("a")

    assert crowd_of(calls("a", count=A_FEW - 1), neighbours).enter(peer)
    assert not crowd_of(calls("a", count=A_FEW), neighbours).enter(peer)


def test_containers_without_a_function_have_no_share_together() -> None:
    (peer,) = calls("a", "")
    others = [calls(f"e{n}", "", MAX_CONNECTIONS) for n in range(_FULL + 1)]

    assert crowd_of(calls("a", "", A_FEW), *others).enter(peer)


def test_all_containers_together_have_a_bound_that_is_not_the_others() -> None:
    crowd = Crowd(10, 10)
    for number in range(3):
        for peer in calls(f"e{number}", f"f{number}", A_FEW):
            assert crowd.enter(peer)

    assert not crowd.enter(*calls("e0", "f0"))
    assert crowd.enter(*calls("new", "new"))
    assert [crowd.enter(Peer("127.0.0.1", port)) for port in range(11)] == [True] * 10 + [False]
    assert crowd.is_full


def test_who_leaves_makes_room_and_nothing_is_kept_of_who_is_gone() -> None:
    crowd = crowd_of(OTHERS, calls("a", count=MAX_CONNECTIONS))
    (peer,) = calls("a")
    assert not crowd.enter(peer)

    crowd.leave(peer)
    assert crowd.enter(peer)

    for each in [*OTHERS, *calls("a", count=MAX_CONNECTIONS)]:
        crowd.leave(each)
    assert not crowd._counts
