"""Addresses: what a numeric one is to this machine. The one place that knows what loopback is."""

from __future__ import annotations

import socket
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address

Address = IPv4Address | IPv6Address


def parsed(text: str) -> Address | None:
    """As a socket or a header has it, without an interface behind a %; None: it is no address."""
    try:
        return ip_address(text.partition("%")[0])
    except ValueError:
        return None


def plain(text: str) -> Address | None:
    """As `parsed`; as IPv4 where IPv6 only wraps that (::ffff:127.0.0.1: RFC 4291, 2.5.5.2)."""
    found = parsed(text)
    return getattr(found, "ipv4_mapped", None) or found


@lru_cache(1024)
def is_loopback(text: str) -> bool:
    """All of 127.0.0.0/8 is, also as IPv6 writes IPv4. False for what is no address."""
    found = plain(text)
    return found is not None and found.is_loopback


def is_of_this_machine(text: str) -> bool:
    """Whether what is sent there arrives here: at a loopback address or another of our own.

    The system answers that, anew each time: it sends to an address of its own from that same one,
    and to one that many have (multicast) from another. Nothing is sent by asking.
    """
    found = plain(text)
    if found is None:
        return False
    if found.is_loopback or found.is_unspecified:
        return True
    family = socket.AF_INET if found.version == 4 else socket.AF_INET6
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((str(found), 9))  # RFC 863's port; no packet leaves
            return parsed(str(probe.getsockname()[0])) == found
    except OSError:  # there is no way to it, so it is not here
        return False
