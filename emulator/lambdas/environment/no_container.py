"""The container of an environment that has none: not yet, or not any more. Pure."""

from __future__ import annotations

from taskdock.engines.engine import Dialed, Program


class NoContainer:
    """A `Container` whose verbs do nothing: nothing is there that they could change."""

    id = ""

    def run(self, program: Program) -> None:
        pass

    def stop(self) -> None:
        pass

    def flush(self) -> None:
        pass

    def mute(self) -> None:
        pass

    def freeze(self) -> None:
        pass

    def thaw(self) -> None:
        pass

    def dial(self, port: int, dialed: Dialed) -> None:
        dialed(None)

    def rename(self, name: str) -> None:
        pass

    def limit_cpu(self, cpus: float | None) -> None:
        pass

    def kill(self) -> None:
        pass

    def remove(self) -> None:
        pass
