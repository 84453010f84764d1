"""OwnServer: a server that the session starts, as a process of its own.

A process shares nothing with the tests: neither the time that a test freezes, nor the modules that
it patches, nor the lines that it measures. It ends by itself when the tests' process does, however
that ends, and removes what it has made.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import ExitStack

from taskdock.base.errors import TaskdockError
from taskdock.base.settings import EPHEMERAL
from taskdock.base.timing.clock import SystemClock
from taskdock.client.execution import folders
from taskdock.client.servers import credentials
from taskdock.client.servers.local_server import LocalServer, own_command
from taskdock.testing.plugin.suite_server import SuiteServer
from taskdock.testing.plugin.wanted import Kind, WrongTestSetting

_LINES_KEPT = 200
_LINES_SHOWN = 20
_SHARED_BY = "TASKDOCK_MEMORY_SHARED_BY"
_WORKERS = "PYTEST_XDIST_WORKER_COUNT"  # xdist sets it in its workers


class OwnServer(SuiteServer):
    """Ends with `close`, and leaves nothing then."""

    is_own = True

    def __init__(self, kind: Kind, options: Sequence[str], environment: Mapping[str, str]) -> None:
        """`options`: further ones of `taskdock serve`. `environment`: of the tests' process.

        Raises `WrongTestSetting` where it does not start, with the server's own words.
        """
        self._said: deque[str] = deque(maxlen=_LINES_KEPT)
        with ExitStack() as stack:
            folder = stack.enter_context(folders.passing(environment, SystemClock().now()))
            self._server = LocalServer(
                own_command(),
                data_dir=folder,
                clock=SystemClock(),
                on_line=self._said.append,
                options=[*_options(kind), *options],
                variables={EPHEMERAL: "1", _SHARED_BY: environment.get(_WORKERS, "1")},
            )
            try:
                stack.enter_context(self._server)
                found = credentials.read(folder)
                super().__init__(self._server.url, found, signs=kind.auth == "strict")
            except TaskdockError as error:
                raise WrongTestSetting(self._why(error)) from None
            stack.callback(super().close)
            self._at_end = stack.pop_all()

    @property
    def runs(self) -> bool:
        return self._server.runs

    def last_words(self) -> str:
        return "\n".join(list(self._said)[-_LINES_SHOWN:])

    def close(self) -> None:
        self._at_end.close()

    def _why(self, error: TaskdockError) -> str:
        words = self.last_words().removeprefix("Error: ").strip()
        return f"no server can be started: {words or error.message}"


def _options(kind: Kind) -> list[str]:
    options = ["--auth", kind.auth, "--harness", "on", "--clock", "auto"]
    options += ["--log-level", "WARNING", "--stop-grace", "0"]
    if kind.doubles is not None:
        options += ["--doubles", str(kind.doubles)]
    return options
