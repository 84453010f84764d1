"""IP addresses: which are loopback, and which are of this machine. Others ask here."""

from __future__ import annotations

import socket
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address

Address = IPv4Address | IPv6Address


def parsed(text: str) -> Address | None:
    """The address that a socket or a header names, without an interface behind a %. None where
    `text` is no address."""
    try:
        return ip_address(text.partition("%")[0])
    except ValueError:
        return None


def plain(text: str) -> Address | None:
    """As `parsed`, and an IPv4 address where IPv6 only wraps one (::ffff:127.0.0.1: RFC 4291,
    2.5.5.2)."""
    found = parsed(text)
    return getattr(found, "ipv4_mapped", None) or found


@lru_cache(1024)
def is_loopback(text: str) -> bool:
    """Whether `text` is ::1 or in 127.0.0.0/8, also as IPv6 writes IPv4. False for other text."""
    found = plain(text)
    return found is not None and found.is_loopback


def is_of_this_machine(text: str) -> bool:
    """Whether `text` is a loopback address or another address of this machine.

    The system is asked each time, and nothing is sent: it sends to an address of its own from that
    same address, and to one that many machines have (multicast) from another.
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
    except OSError:  # the system knows no route, so the address is not ours
        return False
