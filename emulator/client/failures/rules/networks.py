"""Hints for calls of services, and for the network."""

from __future__ import annotations

import shlex

from taskdock.client.failures.failed_run import FailedRun
from taskdock.client.failures.frames import own_frame

_NO_WAY = (
    "Network is unreachable",
    "ENETUNREACH",
    "EAI_AGAIN",
    "Temporary failure in name resolution",
)
_REFUSED = ("fetch failed", "ECONNREFUSED", "Connection refused", "Cannot assign requested address")
_LOCAL = ("localhost", "127.0.0.1", "::1")
_MOST = 3


def service(failed: FailedRun) -> str | None:
    """A call of a service that is not here: there is what it asked for."""
    if not failed.unmatched:
        return None
    calls = [f"{method} {path}" for method, path in dict.fromkeys(failed.unmatched)]
    more = f" and {len(calls) - _MOST} more" if len(calls) > _MOST else ""
    method, path = failed.unmatched[0]
    return (
        f"it called {', '.join(calls[:_MOST])}{more}, a service that is not here\n"
        f"to answer it: taskdock doubles add {method} {shlex.quote(path)} --answer '{{}}'\n"
        "or: taskdock doubles init, which writes samples for taskdock serve --doubles"
    )


def unreachable(failed: FailedRun) -> str | None:
    text = failed.message
    if any(words in text for words in _NO_WAY):
        return (
            "the function's container has no way out to the network: see taskdock serve --network,"
            " and taskdock doctor"
        )
    if not any(words in text for words in _REFUSED):
        return None
    frame = own_frame(failed)
    if any(name in text or (frame and name in frame.source) for name in _LOCAL):
        return (
            "localhost is the function's own container, and not this machine: give the function"
            " the machine's address in its network"
        )
    return None
