"""The composition root: puts one server together, starts and stops it."""

from __future__ import annotations

import fcntl
import hashlib
import platform as machine
import socket
import threading
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, TextIO

from emulator import ids
from emulator.clock import Clock, SystemClock
from emulator.engines.engine import Engine
from emulator.engines.images import platform
from emulator.errors import EngineError, StartupError
from emulator.functions.catalog import Catalog
from emulator.functions.code import CodeStore
from emulator.functions.function import Function
from emulator.health import Health
from emulator.identity.directory import Directory
from emulator.lambdas import launch
from emulator.lambdas.environment import Environment
from emulator.lambdas.images_in_use import ImageOf, ImagesInUse
from emulator.lambdas.invoker import Invoker
from emulator.lambdas.keeper import Keeper
from emulator.lambdas.outfitter import Outfitter
from emulator.lambdas.pool import Pool
from emulator.notices import Notices
from emulator.reactor import Reactor
from emulator.settings import Settings
from emulator.store.database import Store
from emulator.tasks.api_requests import ApiRequests
from emulator.tasks.backlog import Backlog
from emulator.tasks.courier import Courier
from emulator.tasks.dispatcher import Dispatcher
from emulator.tasks.events import Events
from emulator.tasks.invocations import Invocations
from emulator.tasks.journal import Journal, Scribe
from emulator.tasks.outbox import Outbox
from emulator.tasks.queue import Queue
from emulator.tasks.rescuer import Rescuer
from emulator.tasks.retention import Retention
from emulator.tasks.runner import Runner
from emulator.tasks.scheduler import Scheduler
from emulator.tasks.service import Service
from emulator.tasks.timetable import Timetable
from emulator.tasks.worker import Worker
from emulator.web import front, problems, runtime_api
from emulator.web.connection import Site
from emulator.web.front import Front
from emulator.web.lambda_invoke import InvokeApi
from emulator.web.lambda_names import Names
from emulator.web.peers import Peer
from emulator.web.runtime_api import RuntimeApi
from emulator.web.servers import Listener, open_public
from emulator.web.status import Report
from emulator.web.switchboard import Switchboard
from emulator.web.task_service import create_app
from emulator.web.wsgi import Wsgi


class Emulator:
    """One server: everything that `start` starts and `stop` stops."""

    def __init__(
        self,
        settings: Settings,
        *,
        engine: Engine,
        image_of: ImageOf,
        clock: Clock | None = None,
    ) -> None:
        """Opens the data folder and the ports; nothing runs yet. Raises `StartupError`."""
        self.settings = settings
        self.notices = Notices()
        self._clock = clock or SystemClock()
        self.health = Health(clock=self._clock, notices=self.notices)
        self._engine = engine
        self._image_of = ImagesInUse(image_of)
        self._data = settings.data_dir.resolve()
        self._credentials = self._data / "credentials"  # for `taskdock env`, while we run
        self._lock = _hold(self._data)
        self._reactor = Reactor()
        self._stopped = False
        try:
            self._sockets = open_public(settings.host, settings.port)
            self._store = Store(self._data / "taskdock.db")
        except BaseException:
            self._lock.close()
            raise
        self.port: int = self._sockets[0].getsockname()[1]
        self._label = hashlib.sha256(str(self._data).encode()).hexdigest()[:16]
        self._compose()

    @property
    def url(self) -> str:
        """Where the Task Service is, by a name that its SDK accepts."""
        local = self.settings.host in ("localhost", "127.0.0.1", "0.0.0.0", "::", "::1")  # noqa: S104
        return f"http://{'localhost' if local else self.settings.host}:{self.port}"

    def start(self) -> None:
        """Clears what an earlier crash left, then serves."""
        self._engine.sweep(f"{launch.LABEL}.server={self._label}")
        self.catalog.tidy()
        self._rescuer.rescue(timedelta(0))
        self._reactor.start()
        self._keeper.start()
        self._scribe.start()
        self._rescuer.start()
        self._worker.start()
        self._scheduler.start()
        self._courier.start()
        self._dispatcher.start()
        self._retention.start()
        self._public.start()
        self._credentials.touch(mode=0o600)
        variables = {"API_HOST": self.url, **self.directory.local.credentials}
        self._credentials.write_text("".join(f"{k}={v}\n" for k, v in variables.items()))

    def stop(self, grace: float | None = None) -> None:
        """Takes no more work, lets what runs finish within the grace, gives back the rest.

        Stopping again is harmless.
        """
        if self._stopped:
            return
        self._stopped = True
        self._credentials.unlink(missing_ok=True)
        self._scheduler.stop()
        self._worker.stop()
        self._dispatcher.stop()
        self._await_idle(self.settings.stop_grace if grace is None else grace)
        self.pool.stop()
        self._await_idle(self.settings.stop_grace)
        self._keeper.stop()
        self._courier.stop()
        self._rescuer.stop()
        self._retention.stop()
        self._public.stop()
        self._wsgi.stop()
        self._reactor.stop()
        self._scribe.stop()
        self._engine.close()
        self._store.close()
        self._lock.close()

    def _await_idle(self, limit: float) -> None:
        """Waits `limit` seconds at most until neither worker nor dispatcher runs anything."""
        began = self._clock.monotonic()
        self._worker.await_idle(limit)
        self._dispatcher.await_idle(max(limit - (self._clock.monotonic() - began), 0.0))

    def hurry(self) -> None:
        """Ends what runs now, for a `stop` that is under way."""
        self.pool.stop()

    def _compose(self) -> None:
        settings, clock, notices, store = self.settings, self._clock, self.notices, self._store
        self._code = CodeStore(self._data / "code")
        self.catalog = Catalog(store=store, code=self._code, clock=clock)
        self.directory = Directory(store=store, clock=clock)
        budget = settings.memory_budget or self._engine.memory * 3 // 4
        self.pool = Pool(
            engine=self._engine,
            reactor=self._reactor,
            outfitter=self._outfitter(),
            lead=self._lead,
            budget=budget,
            most=settings.max_environments,
            keep_warm=settings.keep_warm,
            prewarm=settings.prewarm,
            freeze_after=settings.freeze_after,
            cpus=launch.cpus if settings.cpu == "lambda" else None,
            clock=clock,
            notices=notices,
        )
        self._keeper = Keeper(
            pool=self.pool,
            freeze_after=settings.freeze_after,
            retire_after=settings.retire_after,
            notices=notices,
        )
        events = Events(store=store, catalog=self.catalog, clock=clock)
        self._queue = Queue(store=store, server=ids.word(), events=events)
        journal = Journal(store)
        self._scribe = Scribe(journal=journal, notices=notices)
        invoker = Invoker(pool=self.pool, clock=clock, region=settings.region)
        runner = Runner(
            queue=self._queue,
            journal=journal,
            catalog=self.catalog,
            invoker=invoker,
            clock=clock,
            notices=notices,
        )
        self._rescuer = Rescuer(queue=self._queue, runner=runner, clock=clock, notices=notices)
        self._worker = Worker(
            queue=self._queue,
            runner=runner,
            places=settings.concurrency,
            clock=clock,
            notices=notices,
        )
        direct = threading.BoundedSemaphore(settings.direct_concurrency)
        self.service = Service(
            queue=self._queue,
            journal=journal,
            catalog=self.catalog,
            runner=runner,
            direct=direct,
            wake=self._worker.wake,
            clock=clock,
            notices=notices,
        )
        api_requests = ApiRequests(
            store=store,
            journal=journal,
            catalog=self.catalog,
            runner=runner,
            places=direct,
            status_of=problems.status_of,
            clock=clock,
            notices=notices,
        )
        backlog = Backlog(store=store)
        self._dispatcher = Dispatcher(
            backlog=backlog,
            journal=journal,
            catalog=self.catalog,
            runner=runner,
            places=settings.concurrency,
            clock=clock,
            notices=notices,
        )
        invocations = Invocations(
            backlog=backlog,
            journal=journal,
            invoker=invoker,
            places=direct,
            wake=self._dispatcher.wake,
            clock=clock,
            notices=notices,
        )
        timetable = Timetable(
            store=store, queue=self._queue, catalog=self.catalog, clock=clock, notices=notices
        )
        self._scheduler = Scheduler(
            timetable=timetable, wake_worker=self._worker.wake, clock=clock, notices=notices
        )
        self._courier = Courier(outbox=Outbox(store=store), clock=clock, notices=notices)
        self._retention = Retention(
            store=store,
            days=settings.keep_days,
            megabytes=settings.keep_mb,
            longest=self.catalog.longest_time_limit,
            sweep=self.catalog.sweep,
            clock=clock,
            health=self.health,
            notices=notices,
        )
        notices.subscribe(self._wake_loops)
        runtime = Site(
            answer=RuntimeApi(self.pool.mailbox),
            refuse=runtime_api.refuse,
            max_head=runtime_api.MAX_HEAD,
            max_body=runtime_api.MAX_BODY,
            max_dropped=runtime_api.MAX_DROPPED,
        )
        names = Names(self.catalog, partial(launch.function_arn, region=settings.region))
        strict = settings.auth == "strict"
        report = Report(
            url=self.url,
            budget=budget,
            environments=self.pool.snapshot,
            stocked=self.pool.stocked,
            queued=self._queue.depth,
            images=self._image_of.report,
            troubles=self.health.troubles,
            stored=self._retention.report,
            clock=clock,
        )
        self._wsgi = Wsgi(
            create_app(
                service=self.service,
                catalog=self.catalog,
                api_requests=api_requests,
                directory=self.directory,
                strict=strict,
                timetable=timetable,
                events=events,
                names=names,
                architecture=_architecture(settings),
                concurrency=settings.direct_concurrency,
                health=report.health,
                status=report,
                notices=notices,
            )
        )
        invoke = InvokeApi(
            names=names,
            invocations=invocations,
            strict=strict,
            reactor=self._reactor,
            notices=notices,
        )
        public = Site(
            answer=Front(invoke, self._wsgi),
            refuse=front.refuse,
            max_head=front.MAX_HEAD,
            max_body=front.MAX_BODY,
            max_dropped=0,
        )
        self._public = Listener(public, self._sockets, self._reactor)
        sites = {launch.RUNTIME_API: runtime, launch.TASK_SERVICE: public}
        self._switchboard = Switchboard(sites, self._reactor)
        self.catalog.subscribe(self._function_changed)

    def _lead(self, environment: Environment, letter: str, connection: socket.socket) -> None:
        peer = Peer("", environment=environment.id, function=environment.function.name)
        self._switchboard.lead(peer, letter, connection)

    def _outfitter(self) -> Outfitter:
        settings = self.settings
        return Outfitter(
            image_of=self._image_of,
            code=self._code,
            port=self.port,
            credentials=self.directory.local.function_credentials,
            server=self._label,
            aws=launch.Aws(
                region=settings.region,
                access_key_id=settings.aws_access_key_id,
                secret_access_key=settings.aws_secret_access_key,
                session_token=settings.aws_session_token,
            ),
            platform=platform(settings.architecture),
            clock=self._clock,
        )

    def _wake_loops(self, name: str, facts: dict[str, Any]) -> None:
        """A new schedule may be due before the next one was; a failure may have subscribers."""
        if name == "schedule_created":
            self._scheduler.wake()
        elif name == "task_failed":
            self._worker.wake()
            self._courier.wake()

    def _function_changed(self, name: str) -> None:
        function = self.catalog.find(name)
        self.pool.retire_versions(name, None if function is None else function.version)
        if function is not None:
            threading.Thread(target=self._fetch_image, args=(function,), daemon=True).start()

    def _fetch_image(self, function: Function) -> None:
        """Ahead of the first task. A failure is told again, and to the caller, when that runs."""
        try:
            self._image_of(function)
            self.pool.expect(function)
        except EngineError as error:
            self.notices.publish("image_missing", function=function.name, error=error.message)


def _architecture(settings: Settings) -> str:
    if settings.architecture != "auto":
        return settings.architecture
    return "arm64" if machine.machine() in ("arm64", "aarch64") else "x86_64"


def _hold(data: Path) -> TextIO:
    """Locks the data folder for this process. Raises `StartupError`."""
    try:
        data.mkdir(parents=True, exist_ok=True)
        lock = open(data / "lock", "w")  # noqa: SIM115 - held as long as the server lives
    except OSError as error:
        raise StartupError(f"cannot use the data folder {data}: {error.strerror}") from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.close()
        raise StartupError(
            f"another taskdock uses the data folder {data}; stop it, or choose another --data-dir"
        ) from None
    return lock
