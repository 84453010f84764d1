"""The transport that containers take, once one of them has led here."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import TypeVar

from taskdock.base.errors import EngineError, NotReachable, StartFailed
from taskdock.base.health import Health
from taskdock.base.timing.clock import Clock
from taskdock.engines.docker.transports.transports import Transport

T = TypeVar("T")

TRANSPORT = "passage"
"""The trouble's name in `Health`, which clients of /status know."""
MAKESHIFT = 60.0  # seconds


class TransportChoice:
    """For any thread."""

    def __init__(
        self,
        candidates: Callable[[], Sequence[Transport]],
        health: Health,
        clock: Clock,
        makeshift: float = MAKESHIFT,
    ) -> None:
        """`candidates`: gives the transports that may work, the likeliest first. `makeshift`:
        seconds until a likelier transport is tried again than one that was the way out."""
        self.transport: Transport | None = None
        """The one that works; None: none was tried yet."""
        self._candidates = candidates
        self._health = health
        self._clock = clock
        self._makeshift = makeshift
        self._until = float("inf")  # by the clock's monotonic time
        self._searching = threading.Lock()

    def use(
        self,
        create: Callable[[Transport], T],
        explain: Callable[[Transport], NotReachable],
    ) -> T:
        """The result of `create` with the transport that works. Where none is known, each of them
        is tried.

        `create` raises `NotReachable` when a container does not arrive by its transport, and
        `explain` makes the error that says why. Raises `StartFailed`, and what else `create` does.
        """
        transport = self._known()
        if transport is None:
            with self._searching:
                transport = self._known()
                if transport is None:
                    return self._search(create, explain)
        try:
            return create(transport)
        except NotReachable:  # others came by it: the engine may be another by now
            with self._searching:
                return self._search(create, explain)

    def _known(self) -> Transport | None:
        """None: the transport has to be found, or a likelier one is to be tried again."""
        return self.transport if self._clock.monotonic() < self._until else None

    def _search(
        self,
        create: Callable[[Transport], T],
        explain: Callable[[Transport], NotReachable],
    ) -> T:
        failed: list[StartFailed] = []
        for transport in self._candidates():
            try:
                created = create(transport)
            except NotReachable:
                failed.append(explain(transport))
            except StartFailed as error:
                failed.append(error)
            else:
                self._keep(transport, failed)
                return created
        unreachable = [fault for fault in failed if isinstance(fault, NotReachable)]
        raise unreachable[-1] if unreachable else failed[0]

    def _keep(self, transport: Transport, faults: Sequence[EngineError]) -> None:
        """For good, unless a likelier transport failed for a reason that may pass. `faults`: those
        of the likelier ones."""
        self.transport, self._until = transport, float("inf")
        passing = [fault.message for fault in faults if not isinstance(fault, NotReachable)]
        if passing:
            self._until = self._clock.monotonic() + self._makeshift
            reason = f"containers come by {transport.description}, since: {passing[0]}"
            self._health.report(TRANSPORT, reason, degraded=True)
        else:
            self._health.clear(TRANSPORT)
