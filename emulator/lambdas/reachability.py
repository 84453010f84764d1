"""Whether containers reach this server: tried once for an engine, remembered, tried again in doubt.

Where they do not, no function is started: each would fail alone, with its runtime's traceback.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from emulator.clock import Clock
from emulator.engines.engine import Engine
from emulator.engines.reach import Call, Reached
from emulator.errors import NotReachable
from emulator.notices import Notices

_AGAIN = 5.0  # seconds until what has failed is tried again, if somebody asks
_TRUSTED = 60.0  # seconds in which nobody doubts what has been tried
_REMEMBERED = 24 * 60 * 60  # seconds


class Reachability:
    """For any thread but the reactor's; who asks while it is tried waits for that."""

    def __init__(
        self,
        *,
        engine: Engine,
        calls: Callable[[], Sequence[Call]],
        memory: Path | None,
        clock: Clock,
        notices: Notices,
    ) -> None:
        """`memory`: a folder that several servers share, safe to delete; None: all is tried."""
        self._engine = engine
        self._calls = calls
        self._memory = memory
        self._clock = clock
        self._notices = notices
        self._trying = threading.Lock()
        self._stopped = False
        self._found: Reached | None = None
        self._tried: float | None = None  # by the monotonic clock; None: not by this server

    def start(self) -> None:
        """Finds out, on a thread of its own."""
        threading.Thread(target=self._begin, name="reachability", daemon=True).start()

    def stop(self) -> None:
        """The server stops: what a container meets from now on says nothing, and refuses nobody."""
        self._stopped = True

    def require(self) -> None:
        """Raises `NotReachable` where containers do not reach this server."""
        with self._trying:
            if self._found is None or (self._found.fault and self._is_older_than(_AGAIN)):
                self._try()
            self._refuse()

    def doubt(self) -> None:
        """A program has ended without a word to this server. Raises `NotReachable`."""
        with self._trying:
            if self._is_older_than(_TRUSTED):
                self._try()
            self._refuse()

    @property
    def works(self) -> bool:
        """False also as long as it is not known."""
        return self._found is not None and not self._found.fault

    @property
    def found(self) -> Reached | None:
        """None: not yet tried."""
        return self._found

    def _begin(self) -> None:
        with self._trying:
            if self._found is None and not self._recall():
                self._try()

    def _is_older_than(self, seconds: float) -> bool:
        return self._tried is None or self._clock.monotonic() - self._tried > seconds

    def _try(self) -> None:
        if self._stopped:
            return
        found = self._engine.reach(self._calls())
        if self._stopped:
            return
        self._found = found
        self._tried = self._clock.monotonic()
        self._remember()
        if self._found.fault:
            self._notices.publish("server_not_reachable", error=message(self._found))
        elif self._found.untried:
            self._notices.publish("reach_not_tried", reason=self._found.untried)

    def _refuse(self) -> None:
        if self._found is not None and self._found.fault and not self._stopped:
            raise NotReachable(message(self._found))

    def _recall(self) -> bool:
        """Takes what was found for this engine lately, if it is still one of its ways."""
        if self._memory is None:
            return False
        try:
            file = self._memory / self._engine.fingerprint
            age = self._clock.now().timestamp() - file.stat().st_mtime
            way = self._engine.ways[int(file.read_text())]
        except (OSError, ValueError, IndexError):
            return False
        if abs(age) >= _REMEMBERED:  # clocks are set back, too
            return False
        self._engine.way, self._found = way, Reached()
        return True

    def _remember(self) -> None:
        """That it works; what does not is tried anew each time."""
        if self._memory is None or self._found is None:
            return
        file = self._memory / self._engine.fingerprint
        with contextlib.suppress(OSError):
            if self._found.attempts and not self._found.fault:
                self._memory.mkdir(parents=True, exist_ok=True)
                file.write_text(str(self._engine.ways.index(self._engine.way)))
            else:
                file.unlink(missing_ok=True)


def message(found: Reached) -> str:
    """The fault, and below it what mends it, a line each."""
    lines = [f"containers cannot reach this server: {found.fault}."]
    if found.remedies:
        lines += ["To mend it:", *(f"    {remedy}" for remedy in found.remedies)]
    return "\n".join(lines)
