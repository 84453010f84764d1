"""Builds the Task Service of a server: the queue, schedules, events, logs, and what works on them.

Asynchronous invocations and API requests are here too: they share its logs and its limits.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass

from emulator.base import ids
from emulator.base.notices import TroubleEnded
from emulator.base.settings import NetworkChoice
from emulator.server.parts.build_lambda import LambdaParts
from emulator.server.parts.foundation import Foundation
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
from emulator.web.common import problems


@dataclass(frozen=True, kw_only=True)
class SharedParts:
    """The parts that the worker, direct executions, API requests and invocations share."""

    servers: Servers
    queue: Queue
    waiting: WaitingTasks
    unwritten: Unwritten
    log_store: LogStore
    invoker: SafeInvoker
    runner: Runner
    direct: threading.BoundedSemaphore
    """One place for each call whose caller waits."""


@dataclass(frozen=True, kw_only=True)
class TaskParts(SharedParts):
    events: Events
    log_flusher: LogFlusher
    rescuer: Rescuer
    worker: Worker
    service: Service
    api_requests: ApiRequests
    event_queue: EventQueue
    outbox: Outbox
    dispatcher: Dispatcher
    invocations: Invocations
    schedules: Schedules
    scheduler: Scheduler
    webhook_sender: WebhookSender
    retention: Retention


def build_tasks(base: Foundation, lambdas: LambdaParts) -> TaskParts:
    """Raises `StorageError`."""
    clock, notices, catalog = base.clock, base.notices, lambdas.catalog
    events = _events(base, lambdas)
    shared = _shared(base, lambdas, events)
    server = shared.servers.name
    worker = _worker(base, lambdas, shared)
    event_queue = EventQueue(store=base.store, server=server)
    outbox = Outbox(store=base.store, server=server)
    dispatcher = _dispatcher(base, lambdas, shared, event_queue)
    schedules = Schedules(
        store=base.store,
        server=server,
        queue=shared.queue,
        catalog=catalog,
        clock=clock,
        notices=notices,
    )
    parts = TaskParts(
        **vars(shared),
        events=events,
        log_flusher=LogFlusher(journal=shared.log_store, notices=notices),
        rescuer=Rescuer(
            queue=shared.queue,
            runner=shared.runner,
            servers=shared.servers,
            others=[event_queue.claims, outbox.claims, schedules.claims],
            clock=clock,
            notices=notices,
        ),
        worker=worker,
        service=_service(base, lambdas, shared, worker),
        api_requests=_api_requests(base, lambdas, shared),
        event_queue=event_queue,
        outbox=outbox,
        dispatcher=dispatcher,
        invocations=_invocations(base, lambdas, shared, event_queue, dispatcher),
        schedules=schedules,
        scheduler=Scheduler(
            timetable=schedules,
            unwritten=shared.unwritten,
            wake_worker=worker.wake,
            clock=clock,
            notices=notices,
        ),
        webhook_sender=WebhookSender(
            outbox=outbox,
            unwritten=shared.unwritten,
            own_ports=frozenset({base.port}),
            clock=clock,
            notices=notices,
        ),
        retention=_retention(base, lambdas, shared.unwritten),
    )
    _wake_by_notices(base, parts)
    return parts


def _wake_by_notices(base: Foundation, parts: TaskParts) -> None:
    """A new schedule may be due before the next one was; a failure may have subscribers; when a
    trouble has ended, what was held may go on."""
    subscribe = base.notices.subscribe
    subscribe(ScheduleCreated, lambda _: parts.scheduler.wake())
    subscribe(TaskFailed, lambda _: parts.worker.wake())
    subscribe(TaskFailed, lambda _: parts.webhook_sender.wake())
    subscribe(TroubleEnded, lambda _: parts.worker.wake())
    subscribe(TroubleEnded, lambda _: parts.dispatcher.wake())


def _events(base: Foundation, lambdas: LambdaParts) -> Events:
    return Events(
        store=base.store,
        catalog=lambdas.catalog,
        own_ports=frozenset({base.port}),
        clock=base.clock,
        functions_have_a_network=base.settings.network != NetworkChoice.NONE.value,
    )


def _shared(base: Foundation, lambdas: LambdaParts, events: Events) -> SharedParts:
    servers = Servers(
        store=base.store,
        name=ids.word(),
        clock=base.clock,
        silence=base.limits.server_silence,
    )
    queue = Queue(store=base.store, server=servers.name, events=events)
    waiting = WaitingTasks(queue=queue, notices=base.notices)
    unwritten = Unwritten(health=base.health, notices=base.notices)
    log_store = LogStore(base.store, max_waiting=base.limits.waiting_logs)
    invoker = SafeInvoker(invoker=lambdas.invoker, notices=base.notices)
    runner = Runner(
        queue=queue,
        journal=log_store,
        catalog=lambdas.catalog,
        invoker=invoker,
        waiting=waiting,
        unwritten=unwritten,
        clock=base.clock,
        notices=base.notices,
        limits=base.limits,
    )
    return SharedParts(
        servers=servers,
        queue=queue,
        waiting=waiting,
        unwritten=unwritten,
        log_store=log_store,
        invoker=invoker,
        runner=runner,
        direct=threading.BoundedSemaphore(base.settings.direct_concurrency),
    )


def _worker(base: Foundation, lambdas: LambdaParts, shared: SharedParts) -> Worker:
    return Worker(
        queue=shared.queue,
        runner=shared.runner,
        places=base.settings.concurrency,
        held=lambda: lambdas.watch.trouble is not None,
        clock=base.clock,
        notices=base.notices,
    )


def _dispatcher(
    base: Foundation, lambdas: LambdaParts, shared: SharedParts, event_queue: EventQueue
) -> Dispatcher:
    return Dispatcher(
        backlog=event_queue,
        journal=shared.log_store,
        catalog=lambdas.catalog,
        invoker=shared.invoker,
        unwritten=shared.unwritten,
        places=base.settings.concurrency,
        held=lambda: lambdas.watch.trouble is not None,
        clock=base.clock,
        notices=base.notices,
        limits=base.limits,
    )


def _service(
    base: Foundation, lambdas: LambdaParts, shared: SharedParts, worker: Worker
) -> Service:
    return Service(
        queue=shared.queue,
        journal=shared.log_store,
        catalog=lambdas.catalog,
        runner=shared.runner,
        direct=shared.direct,
        wake=worker.wake,
        clock=base.clock,
        notices=base.notices,
        limits=base.limits,
    )


def _api_requests(base: Foundation, lambdas: LambdaParts, shared: SharedParts) -> ApiRequests:
    return ApiRequests(
        store=base.store,
        journal=shared.log_store,
        catalog=lambdas.catalog,
        invoker=shared.invoker,
        unwritten=shared.unwritten,
        places=shared.direct,
        status_of=problems.status_of,
        clock=base.clock,
        notices=base.notices,
        limits=base.limits,
    )


def _invocations(
    base: Foundation,
    lambdas: LambdaParts,
    shared: SharedParts,
    event_queue: EventQueue,
    dispatcher: Dispatcher,
) -> Invocations:
    return Invocations(
        backlog=event_queue,
        journal=shared.log_store,
        invoker=lambdas.invoker,
        places=shared.direct,
        wake=dispatcher.wake,
        clock=base.clock,
        notices=base.notices,
        limits=base.limits,
    )


def _retention(base: Foundation, lambdas: LambdaParts, unwritten: Unwritten) -> Retention:
    return Retention(
        store=base.store,
        days=base.settings.keep_days,
        megabytes=base.settings.keep_mb,
        longest=lambdas.catalog.longest_time_limit,
        unwritten=lambda: unwritten.owners,
        sweep=lambdas.catalog.sweep,
        clock=base.clock,
        health=base.health,
        notices=base.notices,
    )
