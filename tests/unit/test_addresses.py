"""What an address is to this machine: loopback, one of its own, another's, or none."""

import socket

import pytest

from taskdock.base.machine.addresses import is_loopback, is_of_this_machine, parsed, plain


@pytest.mark.parametrize(
    ("address", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.255.0.9", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("::ffff:10.0.0.1", False),
        ("172.17.0.1", False),
        ("0.0.0.0", False),
        ("fe80::1%eth0", False),
        ("", False),  # a container, by its door
        ("localhost", False),  # no address
    ],
)
def test_loopback_is_all_of_it_and_nothing_else(address, loopback):
    assert is_loopback(address) is loopback


@pytest.mark.parametrize("address", ["127.0.0.1", "127.8.8.8", "::1", "0.0.0.0", "::"])
def test_what_always_leads_here_is_of_this_machine(address):
    assert is_of_this_machine(address)


def test_what_the_system_calls_its_own_is_of_this_machine():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("127.8.8.8", 9))
        own = probe.getsockname()[0]

    assert is_of_this_machine(own)
    assert is_of_this_machine(f"::ffff:{own}")


@pytest.mark.parametrize(
    "address",
    [
        "198.51.100.7",  # RFC 5737: nobody's
        "2001:db8::7",  # RFC 3849: nobody's
        "224.0.0.1",  # many have it
        "255.255.255.255",
        "localhost",
        "",
    ],
)
def test_what_is_anothers_or_many_have_is_not_of_this_machine(address):
    assert not is_of_this_machine(address)


def test_an_interface_is_no_part_of_an_address_and_ipv4_is_not_hidden_in_ipv6():
    assert str(parsed("fe80::1%eth0")) == "fe80::1"
    assert str(plain("::ffff:10.0.0.1")) == "10.0.0.1"
    assert parsed("10.0.0.256") is None
