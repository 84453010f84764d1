"""The load: clients that call over raw sockets, one event loop in a process of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

from benchmarks.speed.far import FarSide

PATIENCE = 90.0  # seconds that an order may take


@dataclass(frozen=True)
class Target:
    """The target of one call: a POST of `body`, to a port of this machine."""

    port: int
    path: str
    body: str = "{}"
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Result:
    """The result of an order."""

    taken: list[float]  # milliseconds of each call that was answered with 2xx
    seconds: float  # from the first call to the last answer
    busy: float  # seconds of processor time that the clients themselves took
    failed: dict[str, int]  # how many calls ended otherwise, by status or fault

    @property
    def rate(self) -> float:
        """Answered calls per second."""
        return len(self.taken) / self.seconds


class Clients(FarSide):
    """`with Clients() as clients:` is the process that calls.

    `share`: the largest part of a processor that it took by itself in any order.
    """

    def __init__(self) -> None:
        super().__init__("calls.py")
        self.share = 0.0

    def call(
        self,
        targets: Sequence[Target],
        *,
        clients: int = 1,
        calls: int = 1_000_000,
        seconds: float = PATIENCE,
    ) -> Result:
        """Each client calls one target (they share them out), again and again, on a connection
        that is kept; until `calls` in all were begun, or `seconds` are over."""
        order = {
            "targets": [asdict(target) for target in targets],
            "clients": clients,
            "calls": calls,
            "seconds": seconds,
        }
        result = Result(**self.ask(order))
        self.share = max(self.share, result.busy / result.seconds)
        return result
