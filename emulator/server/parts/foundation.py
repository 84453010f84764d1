"""The foundation of a server: its arguments, and all that it opens before it is put together.

Nothing here runs yet: no thread, no request, no container.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from taskdock.base.errors import ForeignFile, StartupError
from taskdock.base.files.data_folder import DataFolder
from taskdock.base.files.own_folder import DATABASE, NONCES
from taskdock.base.health import Health
from taskdock.base.notices import Notices
from taskdock.base.settings import Settings
from taskdock.base.timing.clock import Clock, SystemClock, to_epoch
from taskdock.base.timing.limits import Limits
from taskdock.base.timing.reactor import Reactor
from taskdock.engines.engine import Engine
from taskdock.lambdas.functions.code import CodeStore
from taskdock.lambdas.functions.images_in_use import ImagesInUse
from taskdock.server.notices import DataFolderClosed
from taskdock.store.database import Store
from taskdock.web.access.nonces import Nonces
from taskdock.web.access.oauth1 import LIFETIME
from taskdock.web.harness_api.observing.server.doctor import Examine
from taskdock.web.harness_api.observing.server.notices import KeptNotices
from taskdock.web.http.listeners import open_public


@dataclass(frozen=True, kw_only=True)
class Given:
    """The arguments of a server, from whoever makes it."""

    settings: Settings
    engine: Engine
    images: ImagesInUse
    clock: Clock
    """The time of tasks and schedules."""
    work_clock: Clock
    """The time of environments: the same in records, but it passes with the machine's."""
    notices: Notices
    kept_notices: KeptNotices
    health: Health
    limits: Limits
    examine: Examine
    """Looks at this machine, as `taskdock doctor` does."""


@dataclass(frozen=True, kw_only=True)
class Foundation(Given):
    folder: DataFolder
    """Locked for this server."""
    reactor: Reactor
    """Not started yet."""
    sockets: Sequence[socket.socket]
    """Bound, at least one, all on the same port."""
    port: int
    """The port of the sockets, known also when they are closed."""
    store: Store
    code: CodeStore
    nonces: Nonces

    @property
    def data(self) -> Path:
        """The data folder, absolute."""
        return self.folder.path

    @property
    def url(self) -> str:
        """The Task Service's, by a name that its SDK accepts."""
        host = self.settings.host
        local = host in ("localhost", "127.0.0.1", "0.0.0.0", "::", "::1")  # noqa: S104
        return f"http://{'localhost' if local else host}:{self.port}"

    def close_sockets(self) -> None:
        for opened in self.sockets:
            opened.close()


def open_foundation(given: Given, undo: contextlib.ExitStack) -> Foundation:
    """Opens the data folder, the ports and the database; `undo` closes them again. Raises
    `StartupError`."""
    settings = given.settings
    folder = DataFolder(settings.data_dir)
    undo.callback(folder.close)
    for sentence in folder.closed:
        given.notices.publish(DataFolderClosed(reason=sentence))
    reactor = Reactor(given.work_clock)
    undo.callback(reactor.stop)
    sockets = open_public(settings.host, settings.port)
    for opened in sockets:
        undo.callback(opened.close)
    code = folder.path / "code"
    store = Store(
        folder.path / DATABASE,
        health=given.health,
        code=code,
        lock_patience=given.limits.lock_patience,
    )
    undo.callback(store.close)
    nonces = _open_nonces(folder, given.health)
    undo.callback(nonces.close)
    return Foundation(
        **vars(given),
        folder=folder,
        reactor=reactor,
        sockets=sockets,
        port=sockets[0].getsockname()[1],
        store=store,
        code=CodeStore(code, light=given.limits.light_code),
        nonces=nonces,
    )


def _open_nonces(folder: DataFolder, health: Health) -> Nonces:
    now = to_epoch(SystemClock().now()) // 1000
    try:
        return Nonces(LIFETIME, folder.path / NONCES, now, health)
    except ForeignFile as error:
        raise StartupError(error.message) from None
    except OSError as error:
        why = error.strerror or error
        raise StartupError(f"the nonces of signed requests cannot be kept: {why}") from None
