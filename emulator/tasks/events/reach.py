"""Reach: which addresses the server calls for whoever has subscribed a webhook, and which never.

Only this machine and its private networks are called: whoever may subscribe could else have this
server speak to any other. Within them the server must not reach for a caller what the caller
cannot reach itself, nor speak to itself, since it is let in where others are not.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from ipaddress import ip_network

from taskdock.base.machine.addresses import is_of_this_machine, plain

_NEAR = [
    ip_network(network)
    for network in (
        "127.0.0.0/8",
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "::1/128",
        "fc00::/7",
    )
]
# Where clouds keep the credentials of a machine, as far as that is in `_NEAR`; their other
# addresses (169.254.0.0/16, fe80::/10, 100.100.100.200, 192.0.0.192, 168.63.129.16) are in no
# private network by RFC 1918 and RFC 4193, and so are not called anyway.
_METADATA = [
    ip_network(network)
    for network in (
        # AWS: "Access instance metadata" (::254), "EKS Pod Identity Agent" (::23)
        "fd00:ec2::/32",
        "fd20:ce::254/128",  # Google Cloud: "View and query VM metadata"
        "fd00:42::42/128",  # Scaleway: cloud-init's datasource of that name
        "fd00:c1::a9fe:a9fe/128",  # Oracle Cloud
        "fd00:a9fe:a9fe::1/128",  # Linode: "Metadata Service API"
        "fd00:100::100:200/128",  # Alibaba Cloud
    )
]


@dataclass(frozen=True)
class Reach:
    """The addresses that one webhook may have, by its subscriber and by the server that calls."""

    this_machine: bool
    """Whether the subscriber is on this machine, and so can call programs there anyway."""
    own_ports: Collection[int]
    """The ports at which this server listens."""

    def refusal(self, address: str, port: int) -> str | None:
        """Why nothing is sent to this numeric address; None: it may be called."""
        if not is_near(address):
            return f"{address} is not on this machine or in a private network"
        if not is_of_this_machine(address):
            return None
        if port in self.own_ports:
            return f"{address} port {port} is this server, which does not call itself"
        if not self.this_machine:
            return (
                f"{address} is this machine, which only a subscription that was made from a"
                " loopback address of it may name; subscribe it from there, with: taskdock events"
                " subscribe"
            )
        return None


def is_near(address: str) -> bool:
    """Whether this is this machine, or in a private network, and nobody's metadata service."""
    found = plain(address)
    if found is None:
        return False
    return any(found in network for network in _NEAR) and not any(
        found in network for network in _METADATA
    )
