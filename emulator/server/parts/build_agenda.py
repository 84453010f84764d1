"""Builds what moves the clock of a server from one due moment to the next, and waits for tasks."""

from __future__ import annotations

from dataclasses import dataclass

from taskdock.base.notices import TroubleEnded
from taskdock.server.parts.build_lambda import LambdaParts
from taskdock.server.parts.build_tasks import TaskParts
from taskdock.server.parts.foundation import Foundation
from taskdock.tasks.agenda.agenda import Agenda, Work
from taskdock.tasks.agenda.driver import Driver
from taskdock.tasks.agenda.mover import Mover
from taskdock.tasks.agenda.task_waits import TaskWaits
from taskdock.tasks.model.notices import (
    ApiRequestAnswered,
    FunctionInvoked,
    TaskCanceled,
    TaskCreated,
    TaskEnded,
)

_ENDED = (TaskEnded, TaskCanceled, FunctionInvoked, ApiRequestAnswered, TroubleEnded)


@dataclass(frozen=True, kw_only=True)
class AgendaParts:
    driver: Driver
    waits: TaskWaits


def build_agenda(base: Foundation, lambdas: LambdaParts, tasks: TaskParts) -> AgendaParts:
    mover = Mover(
        clock=base.clock,
        agenda=Agenda(
            store=base.store,
            server=tasks.servers.name,
            under_way=lambda: lambdas.invoker.under_way,
        ),
        store=base.store,
        pollers={
            Work.TASK: tasks.worker,
            Work.EVENT: tasks.dispatcher,
            Work.DELIVERY: tasks.webhook_sender,
            Work.SCHEDULE: tasks.scheduler,
        },
        trouble=lambda: lambdas.watch.trouble,
        jumps=base.limits.clock_jumps,
    )
    for kind in _ENDED:
        base.notices.subscribe(kind, lambda _: mover.listeners.tell())
    base.notices.subscribe(TaskCreated, lambda _: mover.task_made())
    driver = Driver(clock=base.clock, mover=mover)
    waits = TaskWaits(queue=tasks.queue, driver=driver, places=base.limits.waits)
    return AgendaParts(driver=driver, waits=waits)
