"""Signals: an interrupted benchmark ends everything that it has started."""

from __future__ import annotations

import signal
import sys


def heed() -> None:
    """SIGTERM and SIGINT end this process in order. For the main thread.

    A shell that starts us in the background has SIGINT ignored by us and by all that we start: SAM
    CLI would not stop by it, which costs 20 seconds for each of its servers.
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    signal.signal(signal.SIGINT, signal.default_int_handler)
