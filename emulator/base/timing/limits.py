"""Delays and limits that are no user's setting: all in one value, which a server is given.

A test that needs others gives its server others: `Limits(init=0.5)`. Nothing reads them from a
module, so none is ever patched. All times are seconds unless a field says otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Limits:
    # Environments

    init: float = 10.0
    """A runtime has to poll within this time; later, its first invocation restarts it.
    https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html"""

    # Tasks, events and their logs

    patience: float = 30.0
    """A call whose caller waits, such as a direct execution, waits so long for room in memory."""

    task_patience: float = 300.0
    """A task or an asynchronous event waits so long for room in memory once it is claimed."""

    server_silence: float = 300.0
    """A server that has not said for so long that it is alive has lost its claims: as long as the
    Task Service waits for a worker's report."""
