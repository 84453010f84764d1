"""A proxy before the engine's socket: through it the engine seems gone, hung, or back again.

The engine itself goes on, so its containers are real.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from pathlib import Path
from types import TracebackType

_PIECE = 1 << 16  # bytes


class EngineDoor:
    """`with EngineDoor(engine, place) as door:` listens at `place`, and leads to `engine`."""

    def __init__(self, engine: str, place: Path) -> None:
        """`engine`: an address, unix://."""
        self._engine = engine.removeprefix("unix://")
        self._place = place
        self._flows = threading.Event()
        self._flows.set()
        self._lines: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._listener: socket.socket | None = None

    @property
    def address(self) -> str:
        return f"unix://{self._place}"

    def __enter__(self) -> EngineDoor:
        self.come_back()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.leave()

    def leave(self) -> None:
        """As if the engine had been killed: there is no socket, what is under way breaks off."""
        listener, self._listener = self._listener, None
        self._place.unlink(missing_ok=True)
        with self._lock:
            lines, self._lines = self._lines, set()
        for each in [listener, *lines]:
            if each is not None:
                with contextlib.suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)
                each.close()
        self._flows.set()

    def hang(self) -> None:
        """It takes connections and requests, and nothing comes back."""
        self._flows.clear()

    def come_back(self) -> None:
        """From being gone, or from hanging: what was asked meanwhile is answered."""
        self._flows.set()
        if self._listener is None:
            self._listener = socket.socket(socket.AF_UNIX)
            self._listener.bind(str(self._place))
            self._listener.listen(128)
            self._thread(self._accept, self._listener)

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = listener.accept()
                far = socket.socket(socket.AF_UNIX)
                far.connect(self._engine)
                with self._lock:
                    self._lines |= {near, far}
                self._thread(self._pump, near, far)
                self._thread(self._pump, far, near)

    def _pump(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while some := source.recv(_PIECE):
                self._flows.wait()
                target.sendall(some)
        with contextlib.suppress(OSError):
            target.shutdown(socket.SHUT_WR)

    @staticmethod
    def _thread(work: object, *arguments: socket.socket) -> None:
        threading.Thread(target=work, args=arguments, daemon=True).start()  # type: ignore[arg-type]
