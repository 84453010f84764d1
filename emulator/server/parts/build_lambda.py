"""Builds the Lambda emulator of a server: functions, who they act as, and what runs them."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from taskdock.base.errors import EngineError
from taskdock.base.notices import Notices
from taskdock.base.settings import Settings
from taskdock.engines.images import Found, platform
from taskdock.engines.watch import EngineWatch, WatchedEngine
from taskdock.identity.directory import Directory
from taskdock.identity.function_credentials import Choice
from taskdock.lambdas.environment import spec
from taskdock.lambdas.environment.environment import Lead
from taskdock.lambdas.environment.provision import coverage, debugger
from taskdock.lambdas.environment.provision.debugger import DebuggerFiles
from taskdock.lambdas.environment.provision.provisioner import Provisioner
from taskdock.lambdas.functions.catalog import Catalog
from taskdock.lambdas.functions.function import Function
from taskdock.lambdas.functions.images_in_use import ImageOf
from taskdock.lambdas.functions.sweeper import Sweeper
from taskdock.lambdas.functions.zips.hot_folders import HotFolders
from taskdock.lambdas.functions.zips.hot_reload import HotReload
from taskdock.lambdas.invoke.fault_list import FaultList
from taskdock.lambdas.invoke.invoker import Invoker
from taskdock.lambdas.notices import FunctionChanged, FunctionDeleted
from taskdock.lambdas.pool.debugging.sessions import DebugSessions
from taskdock.lambdas.pool.idle_reaper import IdleReaper
from taskdock.lambdas.pool.leasing import MemoryBudget
from taskdock.lambdas.pool.pool import Pool
from taskdock.server.notices import ImageMissing
from taskdock.server.parts.build_hot_reload import build_hot_reload
from taskdock.server.parts.foundation import Foundation


@dataclass(frozen=True, kw_only=True)
class LambdaParts:
    catalog: Catalog
    directory: Directory
    watch: EngineWatch
    pool: Pool
    reaper: IdleReaper
    debug_sessions: DebugSessions
    faults: FaultList
    """Those that tests inject."""
    invoker: Invoker
    sweeper: Sweeper
    hot_folders: HotFolders
    hot_reload: HotReload
    budget: int
    """MB for all environments together."""


def build_lambda(base: Foundation, lead: Lead) -> LambdaParts:
    """`lead` serves what calls from an environment's container. Raises `StorageError`, and
    `StartupError` where the folder for coverage cannot be used."""
    settings, health, notices = base.settings, base.health, base.notices
    catalog = Catalog(store=base.store, code=base.code, clock=base.clock)
    directory = _directory(base, catalog)
    watch = EngineWatch(
        engine=base.engine, health=health, notices=notices, slow=base.limits.engine_slow
    )

    def find_image(function: Function) -> Found:
        with watch.listening():
            return base.images(function)

    provisioner = _provisioner(base, directory, find_image)
    pool = _pool(base, watch, catalog, provisioner, lead)
    faults = FaultList(base.clock, functions=catalog.live.keys())
    changes = _FunctionWatch(catalog, pool, find_image, notices)
    debug_sessions = DebugSessions(
        apart=pool.apart,
        usual=pool.lease,
        reactor=base.reactor,
        find=catalog.find,
        files=DebuggerFiles(base.data / debugger.FOLDER),
        notices=notices,
        limits=base.limits,
    )
    catalog.subscribe(changes.follow)
    catalog.subscribe(debug_sessions.changed)
    hot_folders = HotFolders(settings.hot_reload)
    return LambdaParts(
        catalog=catalog,
        directory=directory,
        watch=watch,
        pool=pool,
        reaper=IdleReaper(
            pool=pool,
            freeze_after=settings.freeze_after,
            retire_after=settings.retire_after,
            clock=base.work_clock,
            limits=base.limits,
            notices=notices,
        ),
        debug_sessions=debug_sessions,
        faults=faults,
        invoker=Invoker(
            pool=pool,
            watch=watch,
            clock=base.work_clock,
            limits=base.limits,
            region=settings.region,
            faults=faults,
            image_of=base.images.last,
            lease=debug_sessions.lease,
            notices=notices,
        ),
        sweeper=Sweeper(code=base.code, health=health, notices=notices),
        hot_folders=hot_folders,
        hot_reload=build_hot_reload(hot_folders, catalog, health, notices),
        budget=_budget(base),
    )


def _directory(base: Foundation, catalog: Catalog) -> Directory:
    def key_of(name: str) -> str | None:
        function = catalog.find(name)
        return None if function is None else function.credentials_key

    choice = _choice(base.settings)
    return Directory(
        store=base.store,
        clock=base.clock,
        functions=choice,
        key_of=key_of,
        limits=base.limits,
    )


def _choice(settings: Settings) -> Choice:
    if settings.function_credentials != "auto":
        return Choice(settings.function_credentials)
    return Choice.LIMITED if settings.auth == "strict" else Choice.ALL


def _provisioner(base: Foundation, directory: Directory, find_image: ImageOf) -> Provisioner:
    def credentials_of(function: Function) -> dict[str, str]:
        return directory.functions.variables(
            function.name, function.credentials_key, function.deployers
        )

    settings = base.settings
    return Provisioner(
        image_of=find_image,
        code=base.code,
        port=base.port,
        credentials=credentials_of,
        server=base.folder.label,
        aws=spec.Aws(
            region=settings.region,
            access_key_id=settings.aws_access_key_id,
            secret_access_key=settings.aws_secret_access_key,
            session_token=settings.aws_session_token,
        ),
        platform=platform(settings.architecture),
        clock=base.work_clock,
        coverage=_coverage(settings),
    )


def _coverage(settings: Settings) -> coverage.Coverage | None:
    folder = settings.coverage
    return None if folder is None else coverage.prepare(folder, settings.coverage_detail)


def _budget(base: Foundation) -> int:
    """MB for all environments together."""
    settings = base.settings
    together = settings.memory_budget or base.engine.memory * 3 // 4
    return max(together // settings.memory_shared_by, 1)


def _pool(
    base: Foundation, watch: EngineWatch, catalog: Catalog, provisioner: Provisioner, lead: Lead
) -> Pool:
    settings = base.settings
    return Pool(
        engine=WatchedEngine(base.engine, watch),
        reactor=base.reactor,
        provisioner=provisioner,
        lead=lead,
        live=catalog.live,
        watch=watch,
        budget=MemoryBudget(
            memory=_budget(base),
            lone=settings.memory_budget == 0 or settings.memory_shared_by > 1,
            max_environments=settings.max_environments,
        ),
        health=base.health,
        keep_warm=settings.keep_warm,
        prewarm=settings.prewarm,
        freeze_after=settings.freeze_after,
        cpus=spec.cpus if settings.cpu == "lambda" else None,
        clock=base.work_clock,
        notices=base.notices,
        limits=base.limits,
    )


class _FunctionWatch:
    """Follows the changes of functions: environments of old fingerprints are retired, and the image
    of a new one is looked for ahead of its first invocation. A notice tells of each change."""

    def __init__(self, catalog: Catalog, pool: Pool, find_image: ImageOf, notices: Notices) -> None:
        self._catalog = catalog
        self._pool = pool
        self._find_image = find_image
        self._notices = notices

    def follow(self, name: str) -> None:
        self._pool.retire_others(name, self._catalog.live.get(name, frozenset()))
        function = self._catalog.find(name)
        if function is None:
            self._notices.publish(FunctionDeleted(function=name))
        else:
            self._notices.publish(FunctionChanged(function=name))
            threading.Thread(target=self._fetch_image, args=(function,), daemon=True).start()

    def _fetch_image(self, function: Function) -> None:
        """A failure is told again, and to the caller, when the function is invoked."""
        try:
            self._find_image(function)
            self._pool.expect(function)
        except EngineError as error:
            self._notices.publish(ImageMissing(function=function.name, error=error.message))
