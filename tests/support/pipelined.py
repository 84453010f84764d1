"""Several answers on one connection, read one after the other by http.client."""

from __future__ import annotations

import io
from typing import Any


class Readable:
    """A stand-in for http.client's socket that keeps the stream open for the next answer."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def makefile(self, *_: object) -> Any:
        return _KeptOpen(self._stream)


class _KeptOpen(io.BufferedIOBase):
    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self.read, self.readline, self.readinto = stream.read, stream.readline, stream.readinto  # type: ignore[method-assign]

    def close(self) -> None:
        pass
