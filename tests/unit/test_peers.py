"""Who has too many connections."""

from __future__ import annotations

import pytest

from emulator.web.peers import A_FEW, MAX_CONNECTIONS, MAX_OF_A_FUNCTION, Peer, is_crowded

OTHERS = [Peer("172.17.0.3", port) for port in range(MAX_CONNECTIONS)]


def calls(environment: str, function: str = "oak", count: int = 1) -> list[Peer]:
    return [Peer("", environment=environment, function=function)] * count


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
    others = [Peer(address, port) for port in range(count)]

    assert is_crowded(Peer(address, count), [*others, *OTHERS]) is crowded


@pytest.mark.parametrize(
    ("count", "crowded"), [(MAX_CONNECTIONS - 1, False), (MAX_CONNECTIONS, True)]
)
def test_each_container_has_its_own_share(count: int, crowded: bool) -> None:
    (peer,) = calls("a")
    neighbours = [*calls("b", count=MAX_CONNECTIONS), *calls("c", "elm", MAX_CONNECTIONS)]

    assert is_crowded(peer, [*calls("a", count=count), *neighbours, *OTHERS]) is crowded


@pytest.mark.parametrize(
    ("function", "crowded"), [("oak", True), ("elm", False)], ids=["this one", "another"]
)
def test_a_functions_containers_have_a_share_together(function: str, crowded: bool) -> None:
    full = [
        peer
        for number in range(MAX_OF_A_FUNCTION // MAX_CONNECTIONS)
        for peer in calls(f"e{number}", function, MAX_CONNECTIONS)
    ]
    (peer,) = calls("a")

    assert is_crowded(peer, [*calls("a", count=A_FEW), *full]) is crowded


def test_each_container_has_a_few_however_many_its_function_has() -> None:
    """A runtime that holds one connection is not kept out by a thousand of the same."""
    neighbours = [peer for number in range(1000) for peer in calls(f"e{number}")]
    (peer,) = calls("a")

    assert not is_crowded(peer, [*calls("a", count=A_FEW - 1), *neighbours])
    assert is_crowded(peer, [*calls("a", count=A_FEW), *neighbours])


def test_containers_without_a_function_have_no_share_together() -> None:
    (peer,) = calls("a", "")

    others = [*calls("a", "", A_FEW), *calls("b", "", MAX_OF_A_FUNCTION)]

    assert not is_crowded(peer, others)
