"""Who has too many connections."""

import pytest

from emulator.web.peers import MAX_CONNECTIONS, is_crowded

OTHER = "172.17.0.3"


@pytest.mark.parametrize(
    ("peer", "count", "crowded"),
    [
        ("172.17.0.2", 0, False),
        ("172.17.0.2", MAX_CONNECTIONS - 1, False),
        ("172.17.0.2", MAX_CONNECTIONS, True),
        ("fe80::1%eth0", MAX_CONNECTIONS, True),
        ("127.0.0.1", MAX_CONNECTIONS, False),
        ("::1", MAX_CONNECTIONS, False),
    ],
)
def test_each_address_has_its_own_share_and_loopback_has_no_limit(peer, count, crowded):
    assert is_crowded(peer, [peer] * count + [OTHER] * MAX_CONNECTIONS) is crowded
