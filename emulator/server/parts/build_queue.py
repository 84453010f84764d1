"""Builds the queue of a server: tasks, their logs, and what runs them."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from taskdock.base import ids
from taskdock.base.settings import NetworkChoice
from taskdock.server.parts.build_lambda import LambdaParts
from taskdock.server.parts.foundation import Foundation
from taskdock.tasks.events.events import Events
from taskdock.tasks.logs.log_store import LogFlusher, LogStore
from taskdock.tasks.queue.queue import Queue
from taskdock.tasks.queue.runner import Runner
from taskdock.tasks.queue.service import Service
from taskdock.tasks.queue.waiting import WaitingTasks
from taskdock.tasks.queue.worker import Worker
from taskdock.tasks.work.safe_invoker import SafeInvoker
from taskdock.tasks.work.servers import Servers
from taskdock.tasks.work.unwritten import Unwritten


@dataclass(frozen=True, kw_only=True)
class SharedParts:
    """The parts that the worker, direct executions, API requests and invocations share."""

    servers: Servers
    events: Events
    queue: Queue
    waiting: WaitingTasks
    unwritten: Unwritten
    log_store: LogStore
    log_flusher: LogFlusher
    invoker: SafeInvoker
    runner: Runner
    direct: threading.BoundedSemaphore
    """One place for each call whose caller waits."""


@dataclass(frozen=True, kw_only=True)
class QueueParts(SharedParts):
    worker: Worker
    service: Service


def build_queue(base: Foundation, lambdas: LambdaParts) -> QueueParts:
    """Raises `StorageError`."""
    shared = _shared(base, lambdas)
    worker = _worker(base, lambdas, shared)
    service = _service(base, lambdas, shared, worker)
    return QueueParts(**vars(shared), worker=worker, service=service)


def _shared(base: Foundation, lambdas: LambdaParts) -> SharedParts:
    name, silence = ids.word(), base.limits.server_silence
    servers = Servers(store=base.store, name=name, clock=base.clock, silence=silence)
    events = _events(base, lambdas)
    queue = Queue(store=base.store, server=name, events=events)
    waiting = WaitingTasks(queue=queue, notices=base.notices)
    unwritten = Unwritten(health=base.health, notices=base.notices)
    log_store = LogStore(base.store, max_waiting=base.limits.waiting_logs)
    invoker = SafeInvoker(invoker=lambdas.invoker, notices=base.notices)
    runner = Runner(
        queue=queue,
        log_store=log_store,
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
        events=events,
        queue=queue,
        waiting=waiting,
        unwritten=unwritten,
        log_store=log_store,
        log_flusher=LogFlusher(log_store=log_store, notices=base.notices),
        invoker=invoker,
        runner=runner,
        direct=threading.BoundedSemaphore(base.settings.direct_concurrency),
    )


def _events(base: Foundation, lambdas: LambdaParts) -> Events:
    return Events(
        store=base.store,
        catalog=lambdas.catalog,
        own_ports=frozenset({base.port}),
        clock=base.clock,
        notices=base.notices,
        functions_have_a_network=base.settings.network != NetworkChoice.NONE.value,
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


def _service(
    base: Foundation, lambdas: LambdaParts, shared: SharedParts, worker: Worker
) -> Service:
    return Service(
        queue=shared.queue,
        log_store=shared.log_store,
        catalog=lambdas.catalog,
        runner=shared.runner,
        direct=shared.direct,
        wake=worker.wake,
        clock=base.clock,
        notices=base.notices,
        limits=base.limits,
    )
