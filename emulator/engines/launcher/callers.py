"""Callers: the addresses that may call at a door of the network, checked before a word is read.

A token lets a caller in. The check of addresses keeps away those who could only guess a token:
neighbours in the network, and containers of others where their addresses do not look like ours.
Pure but for names, which are looked up.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network

from taskdock.base.machine.addresses import plain

AddressRange = IPv4Network | IPv6Network


@dataclass(frozen=True)
class Callers:
    networks: tuple[AddressRange, ...]

    def may(self, address: str) -> bool:
        """`address`: as a socket has it, perhaps with an interface behind a %."""
        caller = plain(address)
        return caller is not None and any(caller in network for network in self.networks)

    def __str__(self) -> str:
        return ", ".join(map(str, self.networks))


def callers(addresses: Sequence[str]) -> Callers:
    """The callers on this machine itself, and those at these addresses and networks (192.0.2.0/24).
    Raises `ValueError` where one is none."""
    given = filter(None, (address.strip() for address in addresses))
    named = (ip_network(address, strict=False) for address in dict.fromkeys(given))
    return Callers((ip_network("127.0.0.0/8"), *named))


def addresses_of(host: str) -> list[str]:
    """All that a name leads to; empty where it leads nowhere."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError:
        return []
    return list(dict.fromkeys(str(address[0]).partition("%")[0] for *_, address in found))
