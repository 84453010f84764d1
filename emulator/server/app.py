"""The composition root: puts one server together, starts and stops it."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable, Iterable
from types import TracebackType

from taskdock.base.errors import StartupError, StorageError
from taskdock.base.files.lookout import Lookout
from taskdock.base.health import Health
from taskdock.base.notices import Notices
from taskdock.base.settings import Settings
from taskdock.base.timing.clock import Clock
from taskdock.base.timing.closing import close_all
from taskdock.base.timing.limits import Limits
from taskdock.engines.engine import Engine
from taskdock.identity.directory import Directory
from taskdock.lambdas.environment.environment import Environment
from taskdock.lambdas.functions.catalog import Catalog
from taskdock.lambdas.functions.images_in_use import ImageOf, ImagesInUse
from taskdock.lambdas.pool.pool import Pool
from taskdock.server.parts import clocks, order
from taskdock.server.parts.build_agenda import build_agenda
from taskdock.server.parts.build_lambda import build_lambda
from taskdock.server.parts.build_tasks import build_tasks
from taskdock.server.parts.foundation import Given, open_foundation
from taskdock.server.parts.order import Stage
from taskdock.server.parts.web.build_web import build_web
from taskdock.tasks.queue.service import Service
from taskdock.web.harness_api.observing.server.doctor import Examine
from taskdock.web.harness_api.observing.server.notices import KeptNotices
from taskdock.web.http.connection_limit import Peer


class Emulator:
    """One server: `with Emulator(settings, engine=..., image_of=...) as emulator:`.

    `foundation`, `lambdas`, `tasks`, `agenda` and `web` are its parts. They are for tests, and for
    a program that has the server in its own process; their content may change with each release.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        engine: Engine,
        image_of: ImageOf,
        clock: Clock | None = None,
        work_clock: Clock | None = None,
        notices: Notices | None = None,
        health: Health | None = None,
        limits: Limits = Limits(),  # noqa: B008 - frozen
        give_up: Callable[[str], object] = lambda _: None,
        examine: Examine = lambda: iter(()),
    ) -> None:
        """Opens the data folder and the ports; nothing runs yet.

        `image_of`: finds the image that a function runs in. `clock`: the time of tasks and
        schedules; None: as the settings say. `work_clock`: by which environments idle and calls
        wait for them; None: the machine's time passes. `give_up` is called once, on another thread,
        with the reason why this server can serve no more; whoever made the server has to stop it
        then. `examine`: looks at this machine when a page of the dashboard asks for it.

        Raises `StartupError`, and holds nothing then.
        """
        self.settings = settings
        clock = clock or clocks.service_clock(settings)
        self.notices = notices or Notices()
        self.health = health or Health(clock=clock, notices=self.notices, limits=limits)
        given = Given(
            settings=settings,
            engine=engine,
            images=ImagesInUse(image_of),
            clock=clock,
            work_clock=work_clock or clocks.work_clock(clock),
            notices=self.notices,
            kept_notices=KeptNotices(self.notices),
            health=self.health,
            limits=limits,
            examine=examine,
        )
        self._stopped = False
        self._began = False  # the start has come to the stages that run
        with contextlib.ExitStack() as undo:
            self.foundation = open_foundation(given, undo)
            try:
                self.lambdas = build_lambda(self.foundation, self._lead)
                self.tasks = build_tasks(self.foundation, self.lambdas)
                self.agenda = build_agenda(self.foundation, self.lambdas, self.tasks)
                self.web = build_web(self.foundation, self.lambdas, self.tasks, self.agenda)
            except StorageError as error:
                raise StartupError(error.message) from None
            undo.pop_all()
        self._lookout = self._look_out(give_up)

    @property
    def url(self) -> str:
        """The address of the Task Service, by a name that its SDK accepts."""
        return self.foundation.url

    @property
    def port(self) -> int:
        return self.foundation.port

    @property
    def catalog(self) -> Catalog:
        """The functions."""
        return self.lambdas.catalog

    @property
    def directory(self) -> Directory:
        """Users, their permissions and their tokens."""
        return self.lambdas.directory

    @property
    def pool(self) -> Pool:
        """The environments."""
        return self.lambdas.pool

    @property
    def service(self) -> Service:
        """The Task Service's verbs."""
        return self.tasks.service

    def __enter__(self) -> Emulator:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stops. Functions that run may finish within the settings' grace, unless an exception ends
        the block."""
        self.stop(None if kind is None else 0.0)

    def start(self) -> None:
        """Clears what an earlier crash left, then serves. Where it raises, all is stopped."""
        try:
            _start(self._opened())
            self._began = True
            _start(self._running())
        except BaseException:
            self.stop(0.0)
            raise

    def stop(self, grace: float | None = None) -> None:
        """Takes no more work, lets functions that run finish within the grace, and gives tasks
        that are cut off back to the queue.

        Each part is ended whatever becomes of the others, and none is waited for without limit.
        The data folder is given up last, when no thread of this server can write there any more.
        Stopping again is harmless.

        `grace`: seconds; None: the settings' `stop_grace`.
        """
        if self._stopped:
            return
        self._stopped = True
        stages = [*self._opened(), *(self._running(grace) if self._began else ())]
        close_all([stage.part for stage in reversed(stages)], self.notices)
        with contextlib.suppress(Exception):  # it was told above
            self.foundation.store.close()  # this thread's connection
        self.foundation.folder.close()

    def hurry(self) -> None:
        """Ends functions that run now, for a `stop` that is under way. For any thread."""
        self.pool.stop()

    def _opened(self) -> list[Stage]:
        return order.opened(self.foundation, self.lambdas, self.tasks, self._lookout)

    def _running(self, grace: float | None = None) -> list[Stage]:
        grace = self.settings.stop_grace if grace is None else grace
        return order.running(
            self.foundation, self.lambdas, self.tasks, self.agenda, self.web, grace=grace
        )

    def _look_out(self, give_up: Callable[[str], object]) -> Lookout:
        store = self.foundation.store
        return Lookout(
            faults=[self.foundation.folder.fault, store.lost],
            refuse=store.refuse,
            look_again=[store.look_again],
            give_up=give_up,
            health=self.health,
            notices=self.notices,
        )

    def _lead(self, environment: Environment, letter: str, connection: socket.socket) -> None:
        function = environment.function
        peer = Peer(
            "", environment=environment.id, function=function.name, deployers=function.deployers
        )
        self.web.switchboard.lead(peer, letter, connection)


def _start(stages: Iterable[Stage]) -> None:
    for stage in stages:
        if stage.start is not None:
            stage.start()
