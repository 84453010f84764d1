"""The far side: programs of these benchmarks, each in a process of its own that is asked in JSON.

A program answers each line of its standard input with a line of its standard output. Python runs
its file alone (-I), so it imports only the standard library and uses little memory and time.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

T = TypeVar("T", bound="FarSide")


class FarSide:
    """`with FarSide("calls.py") as far:` this file runs; it is killed at the end of the block."""

    def __init__(self, name: str) -> None:
        self._file = Path(__file__).with_name(name)

    def __enter__(self: T) -> T:
        self._process = subprocess.Popen(
            [sys.executable, "-I", str(self._file)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        try:
            self.begin()
        except BaseException:
            self.__exit__(*sys.exc_info())
            raise
        return self

    def begin(self) -> None:
        """Asks for what the program does from its start on."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._process.communicate()

    @property
    def pid(self) -> int:
        return self._process.pid

    def ask(self, order: object) -> Any:
        """The answer. Raises `OSError` if the program has ended."""
        assert self._process.stdin is not None, "Popen was asked for pipes"
        assert self._process.stdout is not None, "Popen was asked for pipes"
        print(json.dumps(order), file=self._process.stdin, flush=True)
        line = self._process.stdout.readline()
        if not line:
            raise OSError(f"{self._file} has ended")
        return json.loads(line)
