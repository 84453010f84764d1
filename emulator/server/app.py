"""The composition root: puts one server together, starts and stops it."""

from __future__ import annotations

import contextlib
import platform as machine
import socket
import threading
from collections.abc import Callable
from functools import partial

from emulator.base import ids
from emulator.base.errors import EngineError, ForeignFile, StartupError, StorageError
from emulator.base.files import own_files
from emulator.base.files.data_folder import DataFolder
from emulator.base.files.lookout import Lookout
from emulator.base.files.own_folder import CREDENTIALS, DATABASE, NONCES
from emulator.base.health import Health
from emulator.base.machine import addresses, descriptors
from emulator.base.notices import Notices, TroubleEnded
from emulator.base.settings import NetworkChoice, Settings
from emulator.base.timing.clock import Clock, SystemClock, to_epoch
from emulator.base.timing.closing import Part, close_all
from emulator.base.timing.limits import Limits
from emulator.base.timing.reactor import Reactor
from emulator.engines.docker.images.images import platform
from emulator.engines.engine import Engine
from emulator.engines.source import Found
from emulator.engines.watch import EngineWatch, WatchedEngine
from emulator.identity.directory import Directory
from emulator.identity.function_credentials import Choice
from emulator.lambdas import arns
from emulator.lambdas.environment import spec
from emulator.lambdas.environment.environment import Environment
from emulator.lambdas.environment.images_in_use import ImageOf, ImagesInUse
from emulator.lambdas.environment.provisioner import Provisioner
from emulator.lambdas.functions.catalog import Catalog
from emulator.lambdas.functions.code import CodeStore
from emulator.lambdas.functions.function import Function
from emulator.lambdas.functions.sweeper import Sweeper
from emulator.lambdas.invoke.invoker import Invoker
from emulator.lambdas.pool.idle_reaper import IdleReaper
from emulator.lambdas.pool.pool import Pool
from emulator.server.notices import DataFolderClosed, ImageMissing
from emulator.store.database import Store
from emulator.tasks.api_functions.api_requests import ApiRequests
from emulator.tasks.events.events import Events
from emulator.tasks.events.outbox import Outbox
from emulator.tasks.events.webhook_sender import WebhookSender
from emulator.tasks.invocations.dispatcher import Dispatcher
from emulator.tasks.invocations.event_queue import EventQueue
from emulator.tasks.invocations.invocations import Invocations
from emulator.tasks.logs.log_store import LogFlusher, LogStore
from emulator.tasks.model.notices import ScheduleCreated, TaskFailed
from emulator.tasks.queue.queue import Queue
from emulator.tasks.queue.rescuer import Rescuer
from emulator.tasks.queue.runner import Runner
from emulator.tasks.queue.service import Service
from emulator.tasks.queue.waiting import WaitingTasks
from emulator.tasks.queue.worker import Worker
from emulator.tasks.retention.retention import Retention
from emulator.tasks.schedules.scheduler import Scheduler
from emulator.tasks.schedules.schedules import Schedules
from emulator.tasks.work.safe_invoker import SafeInvoker
from emulator.tasks.work.servers import Servers
from emulator.tasks.work.unwritten import Unwritten
from emulator.web import public_router
from emulator.web.access import admission, early
from emulator.web.access.admission import Admission, Hosts, Openness
from emulator.web.access.nonces import Nonces
from emulator.web.access.oauth1 import LIFETIME
from emulator.web.common import problems
from emulator.web.http.connection_limit import Crowd, Peer
from emulator.web.http.listeners import Listener, open_public
from emulator.web.http.site import PATIENCE, Site
from emulator.web.http.turns import Turns
from emulator.web.http.wsgi import Wsgi
from emulator.web.lambda_api.function_names import Names
from emulator.web.lambda_api.invoke import InvokeApi
from emulator.web.public_router import PublicRouter
from emulator.web.runtime_api import endpoints
from emulator.web.runtime_api.endpoints import RuntimeApi
from emulator.web.runtime_api.switchboard import Switchboard
from emulator.web.task_api.app import create_app
from emulator.web.task_api.status import Report

_WRITING = 15.0  # seconds for what may have to wait for the database's lock
_REMOVING = 40.0  # seconds for all containers; the pool has a limit of its own
_REQUESTS = 5.0  # seconds that requests under way have once containers are gone


class Emulator:
    """One server: everything that `start` starts and `stop` stops."""

    def __init__(
        self,
        settings: Settings,
        *,
        engine: Engine,
        image_of: ImageOf,
        clock: Clock | None = None,
        notices: Notices | None = None,
        health: Health | None = None,
        limits: Limits = Limits(),  # noqa: B008 - frozen
        give_up: Callable[[str], object] = lambda _: None,
    ) -> None:
        """Opens the data folder and the ports; nothing runs yet. `give_up` is called when it can
        serve no more, with the reason: it is to be stopped then. Raises `StartupError`."""
        self.settings = settings
        self.notices = notices or Notices()
        self._clock = clock or SystemClock()
        self.health = health or Health(clock=self._clock, notices=self.notices)
        self._engine = engine
        self._image_of = ImagesInUse(image_of)
        self._give_up = give_up
        self._limits = limits
        self._stopped = self._began = False
        with contextlib.ExitStack() as opened:
            self._folder = DataFolder(settings.data_dir)
            opened.callback(self._folder.close)
            self._data = self._folder.path
            self._credentials = self._data / CREDENTIALS  # for `taskdock env`, while we run
            for sentence in self._folder.closed:
                self.notices.publish(DataFolderClosed(reason=sentence))
            self._reactor = Reactor(self._clock)
            opened.callback(self._reactor.stop)
            self._sockets = open_public(settings.host, settings.port)
            opened.callback(self._close_sockets)
            self.port: int = self._sockets[0].getsockname()[1]
            code = self._data / "code"
            self._store = Store(self._data / DATABASE, health=self.health, code=code)
            opened.callback(self._store.close)
            self._code = CodeStore(code)
            self._nonces = self._open_nonces()
            opened.callback(self._nonces.close)
            try:
                self._compose()
            except StorageError as error:
                raise StartupError(error.message) from None
            opened.pop_all()

    def _open_nonces(self) -> Nonces:
        """Raises `StartupError`."""
        now = to_epoch(SystemClock().now()) // 1000
        try:
            return Nonces(LIFETIME, self._data / NONCES, now, self.health)
        except ForeignFile as error:
            raise StartupError(error.message) from None
        except OSError as error:
            raise StartupError(f"the nonces of signed requests cannot be kept: {error}") from None

    @property
    def url(self) -> str:
        """Where the Task Service is, by a name that its SDK accepts."""
        local = self.settings.host in ("localhost", "127.0.0.1", "0.0.0.0", "::", "::1")  # noqa: S104
        return f"http://{'localhost' if local else self.settings.host}:{self.port}"

    def start(self) -> None:
        """Clears what an earlier crash left, then serves. Where it raises, all is stopped."""
        try:
            self._start()
        except BaseException:
            self.stop(0.0)
            raise

    def _start(self) -> None:
        self._engine.sweep(f"{spec.LABEL}.server={self._folder.label}")
        self.catalog.tidy()
        self._rescuer.begin()
        self._reactor.start()
        self._began = True
        self._lookout.start()
        self._watch.start()
        self._unwritten.start()
        self._keeper.start()
        self._scribe.start()
        self._rescuer.start()
        self._worker.start()
        self._scheduler.start()
        self._courier.start()
        self._dispatcher.start()
        self._retention.start()
        self._sweeper.start()
        self._public.start()
        variables = {"API_HOST": self.url, **self.directory.local.credentials}
        with self._store.disk.told():
            own_files.write(self._credentials, "".join(f"{k}={v}\n" for k, v in variables.items()))

    def stop(self, grace: float | None = None) -> None:
        """Takes no more work, lets what runs finish within the grace, gives back the rest.

        Each part is ended whatever becomes of the others, and none is waited for without limit.
        The data folder is given up last, when nothing of ours can write there any more. Stopping
        again is harmless.
        """
        if self._stopped:
            return
        self._stopped = True
        grace = self.settings.stop_grace if grace is None else grace
        close_all([*(self._running(grace) if self._began else ()), *self._opened()], self.notices)
        with contextlib.suppress(Exception):  # it was told above
            self._store.close()  # this thread's connection
        self._folder.close()

    def _running(self, grace: float) -> list[Part]:
        """What `start` has started."""
        settle = self.settings.stop_grace
        return [
            Part("credentials", self._forget_credentials),
            Part("unpacking", self._code.close),
            Part("scheduler", self._scheduler.stop, _WRITING),
            Part("worker", self._worker.stop, _WRITING),
            Part("dispatcher", self._dispatcher.stop, _WRITING),
            Part("invocations", self._invoker.close),
            Part("what runs", lambda: self._await_idle(grace), grace + _WRITING),
            Part("containers", self.pool.stop, _REMOVING),
            Part("what ran", lambda: self._await_idle(settle), settle + _WRITING),
            Part("keeper", self._keeper.stop),
            Part("courier", self._courier.stop, _WRITING),
            Part("rescuer", self._rescuer.stop, _WRITING),
            Part("retention", self._retention.stop, _WRITING),
            Part("sweeper", self._sweeper.stop),
            Part("listener", self._public.stop),
            Part("requests", lambda: self._wsgi.stop(_REQUESTS), _REQUESTS + 1.0),
            Part("unwritten endings", self._unwritten.stop, _WRITING),
            Part("waiting tasks", self._waiting.stop, _WRITING),
            Part("server's row", self._servers.leave, _WRITING),
            Part("engine's watch", self._watch.stop),
        ]

    def _opened(self) -> list[Part]:
        """What was there before the start."""
        return [
            Part("sockets", self._close_sockets),
            Part("reactor", self._reactor.stop),
            Part("scribe", self._scribe.stop, _WRITING),
            Part("lookout", self._lookout.stop),
            Part("engine", self._engine.close),
            Part("nonces", self._nonces.close),
            Part("database", lambda: self._store.close(checkpoint=True), _WRITING),
        ]

    def _forget_credentials(self) -> None:
        if self._folder.fault() is None:  # else they are another server's
            self._credentials.unlink(missing_ok=True)

    def _close_sockets(self) -> None:
        for each in self._sockets:
            each.close()

    def _await_idle(self, limit: float) -> None:
        """Waits `limit` seconds at most until nothing runs any more, and its end is written."""
        clock = SystemClock()  # by one that stands still, each would have the whole limit
        give_up = clock.monotonic() + limit
        waits = [part.await_idle for part in (self._worker, self._dispatcher, self._invoker)]
        for wait in (*waits, self._unwritten.await_empty):
            wait(max(give_up - clock.monotonic(), 0.0))

    def hurry(self) -> None:
        """Ends what runs now, for a `stop` that is under way."""
        self.pool.stop()

    def _compose(self) -> None:
        settings, clock, notices, store = self.settings, self._clock, self.notices, self._store
        self.catalog = Catalog(store=store, code=self._code, clock=clock)
        self.directory = Directory(
            store=store, clock=clock, functions=_functions(settings), key_of=self._key_of
        )
        budget = settings.memory_budget or self._engine.memory * 3 // 4
        self._watch = EngineWatch(engine=self._engine, health=self.health, notices=notices)
        self._unwritten = Unwritten(health=self.health, notices=notices)
        self.pool = Pool(
            engine=WatchedEngine(self._engine, self._watch),
            reactor=self._reactor,
            outfitter=self._outfitter(),
            lead=self._lead,
            current=self._version_of,
            watch=self._watch,
            budget=budget,
            lone=settings.memory_budget == 0,
            health=self.health,
            most=settings.max_environments,
            keep_warm=settings.keep_warm,
            prewarm=settings.prewarm,
            freeze_after=settings.freeze_after,
            cpus=spec.cpus if settings.cpu == "lambda" else None,
            clock=clock,
            notices=notices,
            limits=self._limits,
        )
        self._keeper = IdleReaper(
            pool=self.pool,
            freeze_after=settings.freeze_after,
            retire_after=settings.retire_after,
            clock=clock,
            notices=notices,
        )
        own_ports = frozenset({self.port})
        events = Events(
            store=store,
            catalog=self.catalog,
            own_ports=own_ports,
            clock=clock,
            functions_have_a_network=settings.network != NetworkChoice.NONE.value,
        )
        server = ids.word()
        self._servers = Servers(
            store=store, name=server, clock=clock, silence=self._limits.server_silence
        )
        self._queue = Queue(store=store, server=server, events=events)
        journal = LogStore(store)
        self._scribe = LogFlusher(journal=journal, notices=notices)
        self._waiting = WaitingTasks(queue=self._queue, notices=notices)
        self._invoker = invoker = Invoker(
            pool=self.pool, watch=self._watch, clock=clock, region=settings.region
        )
        safe_invoker = SafeInvoker(invoker=invoker, notices=notices)
        runner = Runner(
            queue=self._queue,
            journal=journal,
            catalog=self.catalog,
            invoker=safe_invoker,
            waiting=self._waiting,
            unwritten=self._unwritten,
            clock=clock,
            notices=notices,
            limits=self._limits,
        )
        self._worker = Worker(
            queue=self._queue,
            runner=runner,
            places=settings.concurrency,
            held=self._is_held,
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
            limits=self._limits,
        )
        api_requests = ApiRequests(
            store=store,
            journal=journal,
            catalog=self.catalog,
            invoker=safe_invoker,
            unwritten=self._unwritten,
            places=direct,
            status_of=problems.status_of,
            clock=clock,
            notices=notices,
            limits=self._limits,
        )
        backlog, outbox = EventQueue(store=store, server=server), Outbox(store=store, server=server)
        self._dispatcher = Dispatcher(
            backlog=backlog,
            journal=journal,
            catalog=self.catalog,
            invoker=safe_invoker,
            unwritten=self._unwritten,
            places=settings.concurrency,
            held=self._is_held,
            clock=clock,
            notices=notices,
            limits=self._limits,
        )
        invocations = Invocations(
            backlog=backlog,
            journal=journal,
            invoker=invoker,
            places=direct,
            wake=self._dispatcher.wake,
            clock=clock,
            notices=notices,
            limits=self._limits,
        )
        timetable = Schedules(
            store=store,
            server=server,
            queue=self._queue,
            catalog=self.catalog,
            clock=clock,
            notices=notices,
        )
        self._scheduler = Scheduler(
            timetable=timetable,
            unwritten=self._unwritten,
            wake_worker=self._worker.wake,
            clock=clock,
            notices=notices,
        )
        self._courier = WebhookSender(
            outbox=outbox,
            unwritten=self._unwritten,
            own_ports=own_ports,
            clock=clock,
            notices=notices,
        )
        self._rescuer = Rescuer(
            queue=self._queue,
            runner=runner,
            servers=self._servers,
            others=[backlog.claims, outbox.claims, timetable.claims],
            clock=clock,
            notices=notices,
        )
        self._retention = Retention(
            store=store,
            days=settings.keep_days,
            megabytes=settings.keep_mb,
            longest=self.catalog.longest_time_limit,
            unwritten=lambda: self._unwritten.owners,
            sweep=self.catalog.sweep,
            clock=clock,
            health=self.health,
            notices=notices,
        )
        self._sweeper = Sweeper(code=self._code, health=self.health, notices=notices)
        self._lookout = Lookout(
            faults=[self._folder.fault, store.lost],
            refuse=store.refuse,
            look_again=[store.look_again],
            give_up=self._give_up,
            health=self.health,
            notices=notices,
        )
        self._wake_loops_by(notices)
        most, turns = descriptors.connections(), Turns()
        runtime_calls = RuntimeApi(self.pool.mailbox)
        runtime = Site(
            answer=runtime_calls,
            refuse=endpoints.refuse,
            max_head=endpoints.MAX_HEAD,
            max_body=endpoints.MAX_BODY,
            max_dropped=endpoints.MAX_DROPPED,
            judge=runtime_calls.judge,
            crowd=Crowd(*most),
            turns=turns,
        )
        names = Names(self.catalog, partial(arns.function_arn, region=settings.region))
        strict = settings.auth == "strict"
        openness = Openness(
            strict,
            settings.open_beyond_loopback and not strict,
            self.directory.functions.choice,
        )
        report = Report(
            url=self.url,
            budget=budget,
            environments=self.pool.snapshot,
            stocked=self.pool.stocked,
            held=self.pool.held,
            waiting=self.pool.waiting,
            queued=self._queue.depth,
            images=self._image_of.report,
            troubles=self.health.troubles,
            stored=self._retention.report,
            clock=clock,
        )
        application = create_app(
            service=self.service,
            catalog=self.catalog,
            api_requests=api_requests,
            directory=self.directory,
            openness=openness,
            timetable=timetable,
            events=events,
            names=names,
            architecture=_architecture(settings),
            concurrency=settings.direct_concurrency,
            health=report.health,
            status=report,
            notices=notices,
            nonces=self._nonces,
        )
        self._wsgi = Wsgi(application)
        invoke = InvokeApi(
            names=names,
            invocations=invocations,
            openness=openness,
            reactor=self._reactor,
            notices=notices,
        )
        public_calls = PublicRouter(invoke, self._wsgi, partial(early.refusal, application))
        public = Site(
            answer=public_calls,
            refuse=public_router.refuse,
            max_head=public_router.MAX_HEAD,
            max_body=public_router.MAX_BODY,
            max_dropped=0,
            admit=Admission(self._hosts(), public_router.refuse),
            judge=public_calls.judge,
            patience=PATIENCE,
            crowd=Crowd(*most),
            turns=turns,
        )
        self._public = Listener(public, self._sockets, self._reactor, self.health)
        sites = {spec.RUNTIME_API: runtime, spec.TASK_SERVICE: public}
        self._switchboard = Switchboard(sites, self._reactor)
        self.catalog.subscribe(self._function_changed)

    def _hosts(self) -> Hosts:
        try:
            names = admission.names(self.settings.host, self.settings.allowed_host)
        except ValueError as error:
            raise StartupError(f"the setting allowed_host is not valid: {error}") from None
        return Hosts(names, is_here=addresses.is_of_this_machine)

    def _lead(self, environment: Environment, letter: str, connection: socket.socket) -> None:
        function = environment.function
        peer = Peer(
            "",
            environment=environment.id,
            function=function.name,
            deployers=function.deployers,
        )
        self._switchboard.lead(peer, letter, connection)

    def _outfitter(self) -> Provisioner:
        settings = self.settings
        return Provisioner(
            image_of=self._find_image,
            code=self._code,
            port=self.port,
            credentials=self._credentials_of,
            server=self._folder.label,
            aws=spec.Aws(
                region=settings.region,
                access_key_id=settings.aws_access_key_id,
                secret_access_key=settings.aws_secret_access_key,
                session_token=settings.aws_session_token,
            ),
            platform=platform(settings.architecture),
            clock=self._clock,
        )

    def _credentials_of(self, function: Function) -> dict[str, str]:
        return self.directory.functions.variables(
            function.name, function.credentials_key, function.deployers
        )

    def _key_of(self, name: str) -> str | None:
        function = self.catalog.find(name)
        return None if function is None else function.credentials_key

    def _find_image(self, function: Function) -> Found:
        with self._watch.listening():
            return self._image_of(function)

    def _is_held(self) -> bool:
        return self._watch.trouble is not None

    def _wake_loops_by(self, notices: Notices) -> None:
        """A new schedule may be due before the next one was; a failure may have subscribers; what
        was held may go on when a trouble has ended."""
        notices.subscribe(ScheduleCreated, lambda _: self._scheduler.wake())
        notices.subscribe(TaskFailed, lambda _: self._worker.wake())
        notices.subscribe(TaskFailed, lambda _: self._courier.wake())
        notices.subscribe(TroubleEnded, lambda _: self._worker.wake())
        notices.subscribe(TroubleEnded, lambda _: self._dispatcher.wake())

    def _version_of(self, name: str) -> str | None:
        function = self.catalog.find(name)
        return None if function is None else function.version

    def _function_changed(self, name: str) -> None:
        function = self.catalog.find(name)
        self.pool.retire_versions(name, self._version_of(name))
        if function is not None:
            threading.Thread(target=self._fetch_image, args=(function,), daemon=True).start()

    def _fetch_image(self, function: Function) -> None:
        """Ahead of the first task. A failure is told again, and to the caller, when that runs."""
        try:
            self._find_image(function)
            self.pool.expect(function)
        except EngineError as error:
            self.notices.publish(ImageMissing(function=function.name, error=error.message))


def _functions(settings: Settings) -> Choice:
    if settings.function_credentials != "auto":
        return Choice(settings.function_credentials)
    return Choice.LIMITED if settings.auth == "strict" else Choice.ALL


def _architecture(settings: Settings) -> str:
    if settings.architecture != "auto":
        return settings.architecture
    return "arm64" if machine.machine() in ("arm64", "aarch64") else "x86_64"
