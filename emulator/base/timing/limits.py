"""Delays and limits that are no user's setting: all in one value, which a server is given.

A test that needs others gives its server others: `Limits(init=0.5)`. Nothing reads them from a
module, so none is ever patched. All times are seconds unless a field says otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Limits:
    # Environments (emulator/lambdas)

    init: float = 10.0
    """A runtime has to poll within this time; later, its first invocation restarts it.
    https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html"""
    runtime_end: float = 5.0
    """For a runtime that is stopped to end; after it the whole container is given up."""
    settle: float = 2.0
    """Without output, for a runtime that has answered to ask for its next event: after it the
    outcome is told without the rest of the log."""
    linger: float = 0.002
    """Until an environment is frozen that nobody calls again at once."""
    almost_free: float = 0.1
    """For a call to wait for an environment that has answered and is almost free."""
    removal_stuck: float = 5.0
    """For a removal: after it nobody counts on the room that it will give."""
    removal_retry: float = 2.0
    """Until a removal is tried again that has failed."""
    environments_stop: float = 30.0
    """For all containers to be removed at a stop, however the engine hangs."""
    idle_round: float = 1.0
    """Between two looks at what idles."""
    prewarm_calm: float = 1.0
    """Without a start, until containers are prewarmed."""
    prewarm_retry: float = 60.0
    """Until containers are prewarmed again after that has failed."""
    quiet: float = 0.2
    """Without output, after which nothing is left inside a runtime that has printed a lot."""
    pipe: int = 32 * 1024
    """Bytes that a pipe surely takes at once: half of what Linux has by default, see pipe(7)."""
    max_log: int = 16 * 1024 * 1024
    """Bytes of output that are kept of one invocation: who prints for ever shall not fill the
    disk."""
    light_code: int = 1000
    """Files and folders that may be put into a prewarmed container: linking them takes no time to
    speak of."""
    starts: int = 32
    """Threads that start containers; each may wait for a pull or a build."""
    creations: int = 8
    """Of these, those that have the engine create a container: more would slow each other down."""
    engine_calls: int = 8
    """Threads for calls to the engine that take a moment."""
    removals: int = 8
    """Threads that remove containers: as many as create some, else they would pile up."""
