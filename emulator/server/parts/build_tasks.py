"""Builds the Task Service of a server: on the queue, all that makes tasks and calls functions.

These are schedules, events and their webhooks, asynchronous invocations, and API requests.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from taskdock.base.notices import TroubleEnded
from taskdock.base.timing.harness_clock import HarnessClock
from taskdock.server.parts.build_lambda import LambdaParts
from taskdock.server.parts.build_queue import QueueParts, build_queue
from taskdock.server.parts.foundation import Foundation
from taskdock.tasks.api_functions.api_requests import ApiRequests
from taskdock.tasks.events.delivery_log import DeliveryLog
from taskdock.tasks.events.outbox import Outbox
from taskdock.tasks.events.webhook_sender import WebhookSender
from taskdock.tasks.invocations.dispatcher import Dispatcher
from taskdock.tasks.invocations.event_queue import EventQueue
from taskdock.tasks.invocations.invocations import Invocations
from taskdock.tasks.model.notices import ScheduleCreated, TaskFailed
from taskdock.tasks.queue.counts import TaskCounts
from taskdock.tasks.queue.rescuer import Rescuer
from taskdock.tasks.retention.retention import MIB, Retention
from taskdock.tasks.runs.history import RunHistory
from taskdock.tasks.runs.run_flusher import RunFlusher
from taskdock.tasks.schedules.scheduler import Scheduler
from taskdock.tasks.schedules.schedules import Schedules
from taskdock.tasks.work.unwritten import Unwritten
from taskdock.web.common import problems


@dataclass(frozen=True, kw_only=True)
class TaskParts(QueueParts):
    rescuer: Rescuer
    api_requests: ApiRequests
    event_queue: EventQueue
    dispatcher: Dispatcher
    invocations: Invocations
    schedules: Schedules
    scheduler: Scheduler
    outbox: Outbox
    webhook_sender: WebhookSender
    delivery_log: DeliveryLog
    retention: Retention
    history: RunHistory
    run_flusher: RunFlusher
    counts: TaskCounts


def build_tasks(base: Foundation, lambdas: LambdaParts) -> TaskParts:
    """Raises `StorageError`."""
    queue = build_queue(base, lambdas)
    server = queue.servers.name
    event_queue = EventQueue(store=base.store, server=server)
    dispatcher = _dispatcher(base, lambdas, queue, event_queue)
    outbox = Outbox(store=base.store, server=server)
    schedules = _schedules(base, lambdas, queue)
    history = _history(base)
    lambdas.invoker.recorder = history
    parts = TaskParts(
        **vars(queue),
        rescuer=_rescuer(base, queue, event_queue, outbox, schedules),
        api_requests=_api_requests(base, lambdas, queue),
        event_queue=event_queue,
        dispatcher=dispatcher,
        invocations=_invocations(base, lambdas, queue, dispatcher, event_queue),
        schedules=schedules,
        scheduler=_scheduler(base, queue, schedules),
        outbox=outbox,
        webhook_sender=_webhook_sender(base, queue, outbox),
        delivery_log=DeliveryLog(notices=base.notices, clock=base.clock),
        retention=_retention(base, lambdas, queue.unwritten),
        history=history,
        run_flusher=RunFlusher(history=history, notices=base.notices),
        counts=TaskCounts(store=base.store, clock=base.clock, notices=base.notices),
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


def _rescuer(
    base: Foundation,
    queue: QueueParts,
    event_queue: EventQueue,
    outbox: Outbox,
    schedules: Schedules,
) -> Rescuer:
    return Rescuer(
        queue=queue.queue,
        runner=queue.runner,
        servers=queue.servers,
        others=[event_queue.claims, outbox.claims, schedules.claims],
        no_report=timedelta(seconds=base.limits.server_silence),
        clock=base.clock,
        notices=base.notices,
    )


def _schedules(base: Foundation, lambdas: LambdaParts, queue: QueueParts) -> Schedules:
    return Schedules(
        store=base.store,
        server=queue.servers.name,
        queue=queue.queue,
        catalog=lambdas.catalog,
        clock=base.clock,
        notices=base.notices,
    )


def _scheduler(base: Foundation, queue: QueueParts, schedules: Schedules) -> Scheduler:
    return Scheduler(
        schedules=schedules,
        unwritten=queue.unwritten,
        wake_worker=queue.worker.wake,
        clock=base.clock,
        notices=base.notices,
    )


def _webhook_sender(base: Foundation, queue: QueueParts, outbox: Outbox) -> WebhookSender:
    return WebhookSender(
        outbox=outbox,
        unwritten=queue.unwritten,
        own_ports=frozenset({base.port}),
        clock=base.clock,
        notices=base.notices,
    )


def _dispatcher(
    base: Foundation, lambdas: LambdaParts, queue: QueueParts, event_queue: EventQueue
) -> Dispatcher:
    return Dispatcher(
        event_queue=event_queue,
        log_store=queue.log_store,
        catalog=lambdas.catalog,
        invoker=queue.invoker,
        unwritten=queue.unwritten,
        places=base.settings.concurrency,
        held=lambda: lambdas.watch.trouble is not None,
        clock=base.clock,
        notices=base.notices,
        limits=base.limits,
    )


def _api_requests(base: Foundation, lambdas: LambdaParts, queue: QueueParts) -> ApiRequests:
    return ApiRequests(
        store=base.store,
        log_store=queue.log_store,
        catalog=lambdas.catalog,
        invoker=queue.invoker,
        unwritten=queue.unwritten,
        places=queue.direct,
        status_of=problems.status_of,
        clock=base.clock,
        notices=base.notices,
        limits=base.limits,
    )


def _invocations(
    base: Foundation,
    lambdas: LambdaParts,
    queue: QueueParts,
    dispatcher: Dispatcher,
    event_queue: EventQueue,
) -> Invocations:
    return Invocations(
        event_queue=event_queue,
        log_store=queue.log_store,
        invoker=lambdas.invoker,
        places=queue.direct,
        wake=dispatcher.wake,
        clock=base.clock,
        notices=base.notices,
        limits=base.limits,
    )


def _keep_days(base: Foundation) -> float:
    """The setting. A clock that tests move reaches the default of days in milliseconds, and a test
    of a year wants to see all of its runs, so without the setting that keeps everything."""
    is_given = "keep_days" in base.settings.model_fields_set
    if isinstance(base.clock, HarnessClock) and not is_given:
        return 0.0
    return base.settings.keep_days


def _history_bytes(base: Foundation) -> int:
    """A quarter of a database whose size is bounded: the rest is for tasks and their logs."""
    quarter = base.settings.keep_mb * MIB // 4
    return min(base.limits.history_bytes, quarter) if quarter else base.limits.history_bytes


def _history(base: Foundation) -> RunHistory:
    return RunHistory(
        store=base.store,
        clock=base.clock,
        most=base.settings.history,
        most_bytes=_history_bytes(base),
    )


def _retention(base: Foundation, lambdas: LambdaParts, unwritten: Unwritten) -> Retention:
    return Retention(
        store=base.store,
        days=_keep_days(base),
        megabytes=base.settings.keep_mb,
        longest=lambdas.catalog.longest_time_limit,
        unwritten=lambda: unwritten.owners,
        sweep=lambdas.catalog.sweep,
        clock=base.clock,
        health=base.health,
        notices=base.notices,
    )
