"""Builds what tests need of a server beside its services: the endpoints below /taskdock/."""

from __future__ import annotations

from collections.abc import Mapping

from taskdock.base.settings import Settings
from taskdock.base.strict_json import present
from taskdock.base.timing.clock import SystemClock
from taskdock.engines.engine import Engine
from taskdock.lambdas.functions import runtimes
from taskdock.server.parts.build_agenda import AgendaParts
from taskdock.server.parts.build_lambda import LambdaParts
from taskdock.server.parts.build_tasks import TaskParts
from taskdock.server.parts.foundation import Foundation
from taskdock.server.parts.web.build_doubles import build_doubles
from taskdock.tasks.logs.tail import LogTail
from taskdock.tasks.queue.lineup import Lineup
from taskdock.tasks.retention.reset import Clear, Reset
from taskdock.tasks.runs.activity import Activity
from taskdock.tasks.runs.ended import EndedLately
from taskdock.tasks.runs.family import Families
from taskdock.tasks.runs.replay import Replay
from taskdock.tasks.runs.statistics import RunStatistics
from taskdock.tasks.schedules.last_runs import LastRuns
from taskdock.web.harness_api.api import HarnessApi
from taskdock.web.harness_api.observing.deliveries import DeliveryParts
from taskdock.web.harness_api.observing.functions import FunctionReport
from taskdock.web.harness_api.observing.glances import Glances
from taskdock.web.harness_api.observing.queue import LineupParts
from taskdock.web.harness_api.observing.schedules import ScheduleRunParts
from taskdock.web.harness_api.observing.server.doctor import Examiner
from taskdock.web.harness_api.observing.server.system import EngineJson, SystemReport


def build_harness(
    base: Foundation, lambdas: LambdaParts, tasks: TaskParts, agenda: AgendaParts
) -> HarnessApi:
    """Raises `StartupError`."""
    doubles = build_doubles(base, lambdas)
    parts: Mapping[str, Clear] = {  # what a reset empties beside the database: by its name
        "doubles": doubles.doubles.clear,
        "runs": tasks.history.clear,
        "faults": lambdas.faults.clear,
    }
    return HarnessApi(
        reset=_reset(base, lambdas, tasks, parts),
        doubles=doubles,
        history=tasks.history,
        replay=_replay(base, lambdas, tasks),
        faults=lambdas.faults,
        driver=agenda.driver,
        waits=agenda.waits,
        debug_sessions=lambdas.debug_sessions,
        catalog=lambdas.catalog,
        system=_system(base),
        notices=base.kept_notices,
        examiner=Examiner(base.examine),
        is_served=is_served(base.settings),
        glances=Glances(
            counts=tasks.counts,
            ended=EndedLately(store=base.store, clock=base.clock, notices=base.notices),
            tail=LogTail(base.store),
        ),
        functions=FunctionReport(
            catalog=lambdas.catalog,
            statistics=RunStatistics(store=base.store, history=tasks.history),
            environments=lambdas.pool.snapshot,
        ),
        lineup=LineupParts(
            lineup=Lineup(store=base.store, clock=base.clock),
            event_queue=tasks.event_queue,
            worker=tasks.worker,
        ),
        schedule_runs=ScheduleRunParts(
            schedules=tasks.schedules,
            scheduler=tasks.scheduler,
            last_runs=LastRuns(base.store),
        ),
        deliveries=DeliveryParts(outbox=tasks.outbox, log=tasks.delivery_log),
        activity=Activity(
            store=base.store,
            history=tasks.history,
            log_store=tasks.log_store,
            running=tasks.invocations.running,
            clock=base.clock,
            limits=base.limits,
        ),
        families=Families(store=base.store),
    )


def is_served(settings: Settings) -> bool:
    """Whether the harness is served, to programs on this machine."""
    return settings.harness == "on" or (settings.harness == "auto" and settings.auth != "strict")


def _system(base: Foundation) -> SystemReport:
    return SystemReport(
        url=base.url,
        data=base.data,
        settings=base.settings,
        engine=lambda: _engine_json(base.engine),
        runtimes=runtimes.known,
        today=lambda: SystemClock().now().date(),
    )


def _engine_json(engine: Engine) -> EngineJson:
    told, keeps = engine.description, engine.capabilities
    shown: EngineJson = {
        "kind": told.kind,
        "version": told.version or None,
        "api": told.api or None,
        "system": told.system or None,
        "kernel": told.kernel or None,
        "architecture": told.architecture or None,
        "cgroup": told.cgroup or None,
        "transport": told.transport or None,
        "memory": engine.memory,
        "limitsMemory": keeps.limits_memory,
        "limitsStorage": keeps.limits_storage,
    }
    return present(shown)


def _reset(
    base: Foundation, lambdas: LambdaParts, tasks: TaskParts, parts: Mapping[str, Clear]
) -> Reset:
    return Reset(
        store=base.store,
        log_store=tasks.log_store,
        pollers=[tasks.scheduler, tasks.worker, tasks.dispatcher],
        webhook_sender=tasks.webhook_sender,
        hang_up=tasks.webhook_sender.hang_up,
        invoker=lambdas.invoker,
        parts=parts,
        clock=base.clock,
        notices=base.notices,
    )


def _replay(base: Foundation, lambdas: LambdaParts, tasks: TaskParts) -> Replay:
    return Replay(
        history=tasks.history,
        catalog=lambdas.catalog,
        invoker=lambdas.invoker,
        places=tasks.direct,
        patience=base.limits.patience,
    )
