"""Suite: the servers of a test session, and which of them a test gets."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Any

import pytest

from taskdock.base.errors import TaskdockError
from taskdock.testing.plugin import options
from taskdock.testing.plugin.failures import BEGINNING, Beginning, Failures, skipped
from taskdock.testing.plugin.own_server import OwnServer
from taskdock.testing.plugin.suite_server import SuiteServer
from taskdock.testing.plugin.wanted import Kind, WrongTestSetting, wanted
from taskdock.testing.values.errors import NotSupported

if TYPE_CHECKING:
    from taskdock.testing.plugin.counting import Counting

_LOOK = 0.5  # seconds between two looks at whether a server that is kept still runs


class Suite:
    """Of each kind that tests want, one server, started for the first of them."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._settings = options.settings(config)
        self._url: str = options.given_url(config)
        self._servers: dict[Kind, SuiteServer] = {}
        self._refusals: dict[Kind, str] = {}
        self._clients: dict[str, Any] = {}
        self._counting: Counting | None = config.pluginmanager.getplugin("taskdock-counting")
        self._failures = Failures(config)
        config.pluginmanager.register(self._failures, "taskdock-failures")

    def general(self) -> SuiteServer:
        """The server that the settings ask for."""
        try:
            return self._server(wanted(self._config.rootpath, self._settings, ()).kind)
        except WrongTestSetting as error:
            reason = str(error)
        raise _failure(reason)

    def begin(self, item: pytest.Item) -> SuiteServer:
        """The server of a test, made ready for it. Fails or skips the test where it cannot have
        what it wants."""
        markers = [(marker.args, marker.kwargs) for marker in item.iter_markers("taskdock")]
        reason, is_asked_too_much = "", False
        try:
            asked = wanted(self._config.rootpath, self._settings, markers)
            server = self._server(asked.kind)
            server.prepare(asked)
            self._remember(server)
            item.stash[BEGINNING] = self._beginning(server)
            return server
        except NotSupported as error:
            reason, is_asked_too_much = str(error), bool(self._url)
        except (WrongTestSetting, TaskdockError) as error:
            reason = str(error)
        if is_asked_too_much:
            raise skipped(self._url, reason)
        raise _failure(reason)

    def _beginning(self, server: SuiteServer) -> Beginning:
        self._failures.remarks += server.remarks
        if not server.not_reset:
            return Beginning(server)
        self._failures.remarks.append(
            f"tests see each other's tasks at {server.url}, which is not reset: {server.not_reset}"
        )
        return Beginning(server, server.last_run(), server.last_task())

    def lambda_client(self, url: str) -> Any:
        """boto3's, the same one for each test of a server: its making takes 80 ms."""
        if url not in self._clients:
            boto3 = pytest.importorskip("boto3", reason="boto3 is not installed: pip install boto3")
            config = pytest.importorskip("botocore.config")  # it comes with boto3
            self._clients[url] = boto3.session.Session().client(
                "lambda",
                endpoint_url=url,
                region_name="us-east-1",
                aws_access_key_id="taskdock",
                aws_secret_access_key="taskdock",  # noqa: S106 - any will do
                config=config.Config(retries={"max_attempts": 0}, proxies={}, read_timeout=900),
            )
        return self._clients[url]

    def end(self) -> None:
        """Ends the servers, or lets them be until Ctrl-C if they are to be kept."""
        for server in self._servers.values():
            self._remember(server)
        if self._config.getoption("taskdock_keep") and self._servers:
            self._config.add_cleanup(self._keep)
        else:
            self._close()

    def _remember(self, server: SuiteServer) -> None:
        """Where the functions come from whose lines are counted."""
        if self._counting is not None:
            self._counting.remember(server.taskdock.folders)

    def _server(self, kind: Kind) -> SuiteServer:
        """Raises `WrongTestSetting` where there can be none, the same each time."""
        if kind in self._refusals:
            raise WrongTestSetting(self._refusals[kind])
        server = self._servers.get(kind)
        if server is not None and not server.runs:  # the next test shall not suffer for it
            self._servers.pop(kind).close()
            server = None
        if server is None:
            try:
                server = self._servers[kind] = self._made(kind)
            except WrongTestSetting as error:
                self._refusals[kind] = str(error)
                raise
        return server

    def _made(self, kind: Kind) -> SuiteServer:
        if not self._url:
            counting = self._counting
            return OwnServer(kind, counting.server_options if counting else (), os.environ)
        if self._servers:  # it is what it is
            return next(iter(self._servers.values()))
        from taskdock.testing.plugin.given_server import (  # noqa: PLC0415 - late: few runs need it
            GivenServer,
        )

        try:
            return GivenServer(self._url, os.environ)
        except TaskdockError as error:
            raise WrongTestSetting(f"--taskdock-url: {error}") from None

    def _keep(self) -> None:
        reporter = self._config.pluginmanager.getplugin("terminalreporter")
        servers, over = list(self._servers.values()), threading.Event()
        try:
            for server in servers:
                told = f"taskdock: the server stays up at {server.url}; Ctrl-C ends it"
                reporter.write_line(told, bold=True)
            while any(server.runs for server in servers):
                over.wait(_LOOK)
        except KeyboardInterrupt:
            pass
        finally:
            self._close()

    def _close(self) -> None:
        for client in self._clients.values():
            client.close()
        self._clients.clear()
        for server in self._servers.values():
            server.close()
        self._servers.clear()


def _failure(reason: str) -> BaseException:
    """To be raised outside of any `except`, so that pytest shows the reason alone."""
    return pytest.fail.Exception(f"taskdock: {reason}", pytrace=False)
