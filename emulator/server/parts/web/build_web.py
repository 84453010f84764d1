"""Builds the HTTP of a server: for callers outside by its listener, and for those in containers."""

from __future__ import annotations

import platform as machine
from dataclasses import dataclass
from functools import partial

from taskdock.base.errors import StartupError
from taskdock.base.machine import addresses, descriptors
from taskdock.base.settings import Settings
from taskdock.base.timing.limits import Limits
from taskdock.lambdas import arns
from taskdock.lambdas.environment import spec
from taskdock.server.parts.build_agenda import AgendaParts
from taskdock.server.parts.build_lambda import LambdaParts
from taskdock.server.parts.build_tasks import TaskParts
from taskdock.server.parts.foundation import Foundation
from taskdock.server.parts.web.build_dashboard import build_dashboard
from taskdock.server.parts.web.build_harness import build_harness, is_served
from taskdock.web.access import admission, early
from taskdock.web.access.admission import HeaderCheck, Hosts, Openness
from taskdock.web.access.authentication import Guard
from taskdock.web.doubles.fall_through import own_path
from taskdock.web.http.connection_limit import Crowd
from taskdock.web.http.listeners import Listener
from taskdock.web.http.site import Site
from taskdock.web.http.turns import Turns
from taskdock.web.http.wsgi import Wsgi
from taskdock.web.lambda_api.app import LambdaApi
from taskdock.web.lambda_api.function_names import Names
from taskdock.web.lambda_api.invoke import InvokeApi
from taskdock.web.public import router as public_router
from taskdock.web.public.app import create_app
from taskdock.web.public.router import PublicRouter
from taskdock.web.runtime_api import endpoints, replies
from taskdock.web.runtime_api.endpoints import RuntimeApi
from taskdock.web.runtime_api.switchboard import Switchboard
from taskdock.web.task_api.api import TaskApi
from taskdock.web.task_api.status import Report
from taskdock.web.ui.stream.endpoint import StreamApi
from taskdock.web.ui.stream.hub import Hub


@dataclass(frozen=True, kw_only=True)
class WebParts:
    router: PublicRouter
    """Routes requests from outside containers, and limits what their large bodies take."""
    public: Site
    """Serves callers outside containers."""
    listener: Listener
    """Listens for `public`."""
    wsgi: Wsgi
    """The threads of requests that the event loop does not answer itself."""
    switchboard: Switchboard
    """Serves what calls from containers."""
    hub: Hub
    """Tells open pages of the dashboard what has changed."""


def build_web(
    base: Foundation, lambdas: LambdaParts, tasks: TaskParts, agenda: AgendaParts
) -> WebParts:
    """Raises `StartupError` for a setting that means nothing."""
    limits, turns = base.limits, Turns()
    hub = Hub(reactor=base.reactor, notices=base.notices, limits=limits)
    router, wsgi = _router(base, lambdas, tasks, agenda, hub)
    public = Site(
        answer=router,
        refuse=public_router.refuse,
        max_head=public_router.MAX_HEAD,
        max_body=public_router.MAX_BODY,
        max_dropped=0,
        admit=HeaderCheck(_hosts(base.settings), public_router.refuse),
        judge=router.judge,
        patience=limits.http_patience,
        limits=limits,
        crowd=_crowd(limits),
        turns=turns,
    )
    sites = {
        spec.RUNTIME_API: _runtime(RuntimeApi(lambdas.pool.mailbox), limits, turns),
        spec.TASK_SERVICE: public,
    }
    return WebParts(
        router=router,
        public=public,
        listener=Listener(public, base.sockets, base.reactor, base.health),
        wsgi=wsgi,
        switchboard=Switchboard(sites, base.reactor),
        hub=hub,
    )


def _runtime(calls: RuntimeApi, limits: Limits, turns: Turns) -> Site:
    return Site(
        answer=calls,
        refuse=replies.refuse,
        max_head=endpoints.MAX_HEAD,
        max_body=endpoints.MAX_BODY,
        max_dropped=endpoints.MAX_DROPPED,
        judge=calls.judge,
        streams=calls.streams,
        limits=limits,
        crowd=_crowd(limits),
        turns=turns,
    )


def _crowd(limits: Limits) -> Crowd:
    """The connections of one listener."""
    return Crowd(
        *descriptors.connections(),
        of_one=limits.connections,
        of_function=limits.connections_of_function,
    )


def _router(
    base: Foundation, lambdas: LambdaParts, tasks: TaskParts, agenda: AgendaParts, hub: Hub
) -> tuple[PublicRouter, Wsgi]:
    """Leads Invoke to the event loop and all else to the threads of `Wsgi`."""
    names = Names(lambdas.catalog, partial(arns.function_arn, region=base.settings.region))
    openness, report = _openness(base.settings, lambdas), _report(base, lambdas, tasks)
    harness = build_harness(base, lambdas, tasks, agenda)
    task_api = TaskApi(
        tasks.service,
        lambdas.catalog,
        tasks.api_requests,
        tasks.schedules,
        tasks.events,
        harness.doubles.task_of,
    )
    application = create_app(
        report=report,
        tasks=task_api,
        aws=LambdaApi(
            lambdas.catalog,
            names,
            _architecture(base.settings),
            base.settings.direct_concurrency,
            lambdas.hot_folders,
        ),
        guard=Guard(lambdas.directory, openness, base.nonces),
        harness=harness,
        dashboard=build_dashboard(
            base, lambdas, tasks, report=report, api=task_api, harness=harness
        ),
        notices=base.notices,
    )
    harness.doubles.doubles.begin(partial(own_path, application))
    invoke = InvokeApi(
        names=names,
        invocations=tasks.invocations,
        openness=openness,
        reactor=base.reactor,
        notices=base.notices,
    )
    wsgi, refusal = Wsgi(application), partial(early.refusal, application)
    stream = StreamApi(hub, wsgi, refusal)
    return PublicRouter(invoke, stream, wsgi, refusal), wsgi


def _report(base: Foundation, lambdas: LambdaParts, tasks: TaskParts) -> Report:
    pool = lambdas.pool
    return Report(
        url=base.url,
        budget=lambdas.budget,
        environments=pool.report,
        prewarmed=pool.prewarm_levels,
        held=pool.held,
        waiting=pool.waiting,
        queued=tasks.queue.depth,
        images=base.images.report,
        troubles=base.health.troubles,
        stored=tasks.retention.report,
        clock=base.work_clock,
    )


def _openness(settings: Settings, lambdas: LambdaParts) -> Openness:
    strict = settings.auth == "strict"
    beyond = settings.open_beyond_loopback and not strict
    return Openness(strict, beyond, is_served(settings), lambdas.directory.functions.choice)


def _hosts(settings: Settings) -> Hosts:
    try:
        names = admission.names(settings.host, settings.allowed_host)
    except ValueError as error:
        raise StartupError(f"the setting allowed_host is not valid: {error}") from None
    return Hosts(names, is_here=addresses.is_of_this_machine)


def _architecture(settings: Settings) -> str:
    """`x86_64` or `arm64`: what AWS calls the processors that functions run on."""
    if settings.architecture != "auto":
        return settings.architecture
    return "arm64" if machine.machine() in ("arm64", "aarch64") else "x86_64"
