"""Starts a server in this process for the time of a `with` block."""

from __future__ import annotations

import difflib
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from taskdock.base.errors import StartupError
from taskdock.base.settings import Settings
from taskdock.base.timing.clock import Clock, SystemClock
from taskdock.base.timing.limits import Limits
from taskdock.client.execution import folders
from taskdock.engines.engine import Engine
from taskdock.lambdas.functions.images_in_use import ImageOf
from taskdock.server.app import Emulator
from taskdock.server.on_this_machine import build_here
from taskdock.testing.client.deploying import Source
from taskdock.testing.dock import Dock
from taskdock.testing.fakes.engine import FakeEngine, fake_image_of

PASSWORD_COST = 2**7
"""Of passwords in a data folder that is removed at the end: their usual hash would be half of the
time of a start."""


@contextmanager
def running(
    settings: Settings | None = None,
    *,
    engine: Engine | None = None,
    image_of: ImageOf | None = None,
    clock: str | Clock | None = None,
    work_clock: Clock | None = None,
    limits: Limits = Limits(),  # noqa: B008 - frozen
    functions: Source | Sequence[Source] = (),
    **changes: Any,
) -> Iterator[Dock]:
    """A server that serves until the end of the block, and leaves nothing then: no container, no
    thread, no file.

    `settings`, and `changes` of them by their names, such as `port=8080`, `data_dir=folder`,
    `auth="strict"`, `doubles="tests/doubles"`: without a `port` or a `data_dir` of their own, the
    port is a free one, and the data folder a new one that is removed at the end. The harness is
    served with `auth="strict"`, too.

    `engine`: a `FakeEngine`; None: the engine of this machine, with images that are pulled or built
    as for `taskdock serve`. `image_of`: the image of each function, for any other engine. `clock`:
    "real", "manual" or "auto"; or a clock of the test's own. `work_clock`: by which environments
    idle and calls wait for them; None: the machine's time passes. `limits`: other delays than the
    usual ones. `functions`: the folders of functions to deploy, see `Taskdock.deploy`.

    Raises `StartupError` or `EngineError` where no server can be started, and what
    `Taskdock.deploy` raises.
    """
    with ExitStack() as at_end:
        if isinstance(clock, str):
            changes["clock"], clock = clock, None
        settings = changed(settings or Settings(), changes)
        is_first_start = "data_dir" not in settings.model_fields_set
        if is_first_start and limits.password_cost == Limits().password_cost:
            limits = replace(limits, password_cost=PASSWORD_COST)
        settings = _of_its_own(settings, at_end, for_engine=engine is None)
        if engine is None:
            emulator, _ = build_here(
                settings, lambda _: None, clock=clock, work_clock=work_clock, limits=limits
            )
        else:
            emulator = Emulator(
                settings,
                engine=engine,
                image_of=image_of or _image_of(engine),
                clock=clock,
                work_clock=work_clock,
                limits=limits,
            )
        dock = Dock(emulator)
        dock.start()
        at_end.callback(dock.stop)
        dock.deploy([functions] if isinstance(functions, str | os.PathLike) else functions)
        yield dock


def changed(settings: Settings, changes: Mapping[str, object]) -> Settings:
    """`settings` with these values in place of their own, checked. Raises `StartupError`."""
    given = {name: getattr(settings, name) for name in settings.model_fields_set}
    for name in changes:
        if name not in Settings.model_fields:
            close = difflib.get_close_matches(name, Settings.model_fields, n=1)
            advice = f"did you mean {close[0]}?" if close else "taskdock serve --help lists them"
            raise StartupError(f"there is no setting {name}; {advice}")
    return Settings.load({**given, **changes}, {})


def _of_its_own(settings: Settings, at_end: ExitStack, *, for_engine: bool) -> Settings:
    """`for_engine`: whether an engine of this machine has to see the data folder. Some, such as
    Docker's snap, do not see folders of temporary files."""
    changes: dict[str, object] = {}
    if "harness" not in settings.model_fields_set:
        changes["harness"] = "on"
    if "port" not in settings.model_fields_set:
        changes["port"] = 0
    if "data_dir" not in settings.model_fields_set:
        if for_engine:
            passing = folders.passing(os.environ, SystemClock().now())
            changes["data_dir"] = at_end.enter_context(passing)
        else:
            folder = at_end.enter_context(tempfile.TemporaryDirectory(prefix="taskdock-"))
            changes["data_dir"] = Path(folder) / "data"
    return settings.model_copy(update=changes)


def _image_of(engine: Engine) -> ImageOf:
    if not isinstance(engine, FakeEngine):
        raise TypeError("an engine of your own needs image_of: which image a function runs in")
    return fake_image_of
