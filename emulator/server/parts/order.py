"""The order in which a server's parts are started, and ended in reverse: written once.

A part comes after those that it relies on, so it has ended before they are ended.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from taskdock.base.files import own_files
from taskdock.base.files.lookout import Lookout
from taskdock.base.files.own_folder import CREDENTIALS
from taskdock.base.timing.clock import SystemClock
from taskdock.base.timing.closing import Part
from taskdock.lambdas.environment import spec
from taskdock.server.parts.build_agenda import AgendaParts
from taskdock.server.parts.build_lambda import LambdaParts
from taskdock.server.parts.build_tasks import TaskParts
from taskdock.server.parts.foundation import Foundation
from taskdock.server.parts.web.build_web import WebParts


class Stage(NamedTuple):
    """A step of the start and what ends it, each None where there is nothing to do."""

    name: str
    start: Callable[[], object] | None
    end: Callable[[], object] | None
    limit: float = 5.0
    """Seconds for the end; then it is left to itself."""

    @property
    def part(self) -> Part:
        return Part(self.name, self.end or _nothing, self.limit)


def opened(
    base: Foundation, lambdas: LambdaParts, tasks: TaskParts, lookout: Lookout
) -> list[Stage]:
    """Ended also where the start has not come to them: they hold files, ports or the engine."""
    sweep = f"{spec.LABEL}.server={base.folder.label}"
    flusher, reactor, writing = tasks.log_flusher, base.reactor, base.limits.stop_writing
    return [
        Stage("database", None, lambda: base.store.close(checkpoint=True), writing),
        Stage("nonces", None, base.nonces.close),
        Stage("engine", lambda: base.engine.sweep(sweep), base.engine.close),
        Stage("code that is left", lambdas.catalog.tidy, None),
        Stage("tasks that are left", tasks.rescuer.begin, None),
        Stage("lookout", lookout.start, lookout.stop),
        Stage("log flusher", flusher.start, flusher.stop, writing),
        Stage("run flusher", tasks.run_flusher.start, tasks.run_flusher.stop, writing),
        Stage("task counts", tasks.counts.start, tasks.counts.stop),
        Stage("reactor", reactor.start, reactor.stop),
        Stage("sockets", None, base.close_sockets),
    ]


def running(
    base: Foundation,
    lambdas: LambdaParts,
    tasks: TaskParts,
    agenda: AgendaParts,
    web: WebParts,
    *,
    grace: float,
) -> list[Stage]:
    """Started from the first to the last, and ended from the last to the first: all of them, where
    one was started. `grace`: seconds that what runs has to finish.

    New work is refused first, then what runs may finish, then its containers go, and last what
    wrote its results."""
    settle, limits = base.settings.stop_grace, base.limits
    writing, requests = limits.stop_writing, limits.stop_requests
    await_idle = _waiter(lambdas, tasks)
    return [
        Stage("engine's watch", lambdas.watch.start, lambdas.watch.stop),
        Stage("server's row", None, tasks.servers.leave, writing),
        Stage("waiting tasks", None, tasks.waiting.stop, writing),
        Stage("unwritten endings", tasks.unwritten.start, tasks.unwritten.stop, writing),
        Stage("requests", None, lambda: web.wsgi.stop(requests), requests + 1.0),
        Stage("listener", None, web.listener.stop),
        Stage("pages", None, lambda: base.reactor.call(web.hub.close)),  # they would be waited for
        Stage("hot-reload", lambdas.hot_reload.start, lambdas.hot_reload.stop),
        Stage("sweeper", lambdas.sweeper.start, lambdas.sweeper.stop),
        Stage("retention", tasks.retention.start, tasks.retention.stop, writing),
        Stage("rescuer", tasks.rescuer.start, tasks.rescuer.stop, writing),
        Stage("webhook sender", tasks.webhook_sender.start, tasks.webhook_sender.stop, writing),
        Stage("idle reaper", lambdas.reaper.start, lambdas.reaper.stop),
        Stage("what ran", None, lambda: await_idle(settle), settle + writing),
        Stage("containers", None, lambdas.pool.stop, limits.stop_removing),
        Stage("who waits", None, agenda.driver.close),
        Stage("what runs", None, lambda: await_idle(grace), grace + writing),
        Stage("debug sessions", None, lambdas.debug_sessions.close),
        Stage("invocations", None, lambdas.invoker.close),
        Stage("dispatcher", tasks.dispatcher.start, tasks.dispatcher.stop, writing),
        Stage("worker", tasks.worker.start, tasks.worker.stop, writing),
        Stage("scheduler", tasks.scheduler.start, tasks.scheduler.stop, writing),
        Stage("unpacking", None, base.code.close),
        Stage("callers", web.listener.start, None),  # last, but the listener ends late
        Stage(
            "credentials",
            lambda: _write_credentials(base, lambdas),
            lambda: _forget_credentials(base),
        ),
    ]


def _waiter(lambdas: LambdaParts, tasks: TaskParts) -> Callable[[float], None]:
    def await_idle(limit: float) -> None:
        """Waits `limit` seconds at most until nothing runs any more, and its end is written."""
        clock = SystemClock()  # by one that stands still, each would have the whole limit
        give_up = clock.monotonic() + limit
        # Both at once: a poller that has stopped writes what ends only while it is waited for.
        with ThreadPoolExecutor(2, "await-idle") as threads:
            pollers = (tasks.worker, tasks.dispatcher)
            list(threads.map(lambda poller: poller.await_idle(limit), pollers))
        for wait in (lambdas.invoker.await_idle, tasks.unwritten.await_empty):
            wait(max(give_up - clock.monotonic(), 0.0))

    return await_idle


def _write_credentials(base: Foundation, lambdas: LambdaParts) -> None:
    """For `taskdock env`, while this server runs."""
    variables = {"API_HOST": base.url, **lambdas.directory.local.credentials}
    with base.store.disk.explained():
        text = "".join(f"{name}={value}\n" for name, value in variables.items())
        own_files.write(base.data / CREDENTIALS, text)


def _forget_credentials(base: Foundation) -> None:
    if base.folder.fault() is None:  # else they are another server's
        (base.data / CREDENTIALS).unlink(missing_ok=True)


def _nothing() -> None:
    pass
