"""Bounds the bytes of requests in memory at a time: of one caller, and of all together.

A body larger than `SMALL` takes its whole size from a budget before it is read, so a request that
has begun can also finish: taken piece by piece, a budget could be used up by halves that all wait
for each other. A caller that has to wait is not read from meanwhile: its bytes wait in the kernel
and cost nothing here. Refused at once, several large deployments at a time would fail that only
have to come one after the other.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from taskdock.web.http.connection_limit import Peer

SMALL = 64 * 1024
"""Bytes of a body that need no budget: nearly all requests are smaller, and are read as they come.
A connection holds one such body at most, so `connection_limit` bounds them."""


class Budget:
    """On the reactor's thread."""

    def __init__(
        self, total: int, *, of_one: int | None = None, of_function: int | None = None
    ) -> None:
        """All in bytes. `of_one`: of one container or address; None: `total`. `of_function`: of all
        containers of a function; None: as `of_one`."""
        self.total = total
        self.largest = total if of_one is None else of_one
        """Bytes that one body may have."""
        self._of_function = self.largest if of_function is None else of_function
        self._held: Counter[Share] = Counter()  # by whom
        self._used = 0
        self._waiting: dict[BudgetClaim, None] = {}

    def take(self, peer: Peer, size: int) -> BudgetClaim:
        """Asks for `size` bytes, `largest` at most. See `BudgetClaim.then`."""
        claim = BudgetClaim(self, _shares(peer), size)
        self._waiting[claim] = None
        self._grant()
        return claim

    @property
    def used(self) -> int:
        return self._used

    def _shrink(self, claim: BudgetClaim, size: int) -> None:
        given_back = claim.size - size
        claim.size = size
        self._used -= given_back
        self._held.subtract(dict.fromkeys(claim.shares, given_back))
        self._held += Counter()
        self._grant()

    def _release(self, claim: BudgetClaim) -> None:
        if self._waiting.pop(claim, self) is self:  # it has them
            self._used -= claim.size
            self._held.subtract(dict.fromkeys(claim.shares, claim.size))
            self._held += Counter()  # forgets who holds nothing
        self._grant()

    def _grant(self) -> None:
        """Grants claims in the order of asking. A claim beyond its caller's share is passed over.
        The first claim that is too large for what is left of `total` holds up those behind it:
        else it could wait for ever."""
        for claim in list(self._waiting):
            if claim not in self._waiting or self._has_its_share(claim):
                continue
            if self._used + claim.size > self.total:
                return
            del self._waiting[claim]
            self._used += claim.size
            self._held.update(dict.fromkeys(claim.shares, claim.size))
            claim.grant()

    def _has_its_share(self, claim: BudgetClaim) -> bool:
        return any(
            self._held[share] + claim.size > (self._of_function if share[1] else self.largest)
            for share in claim.shares
        )


Share = tuple[str, bool]
"""A container, address or function that draws on a budget; True for a function."""


class BudgetClaim:
    """A claim on bytes of a budget, waiting or granted."""

    def __init__(self, budget: Budget, shares: list[Share], size: int) -> None:
        self._budget: Budget | None = budget
        self._notify: Callable[[], object] = lambda: None
        self.shares = shares
        self.size = size
        self.granted = False

    def then(self, granted: Callable[[], object]) -> None:
        """Calls `granted` as soon as the bytes are there, which may be now."""
        if self.granted:
            granted()
        else:
            self._notify = granted

    def grant(self) -> None:
        self.granted = True
        notify, self._notify = self._notify, lambda: None
        notify()

    def shrink(self, size: int) -> None:
        """Gives back the bytes beyond `size`: a body that says no length has taken as many as the
        largest may have. Only for a claim that was granted."""
        if self._budget is not None and self.granted and size < self.size:
            self._budget._shrink(self, size)

    def release(self) -> None:
        """Gives the bytes back, or waits for them no more. A second call does nothing."""
        budget, self._budget = self._budget, None
        if budget is not None:
            budget._release(self)


def _shares(peer: Peer) -> list[Share]:
    """A container draws on its own share and on its function's."""
    if peer.address:
        return [(peer.address, False)]
    return [(peer.environment, False), *([(peer.function, True)] if peer.function else [])]
