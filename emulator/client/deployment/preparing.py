"""A function that is ready to be packed: its file read, its build run, its code inspected."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from taskdock.client.console import output
from taskdock.client.deployment import build
from taskdock.client.deployment.allowed import allow_build, allow_variables
from taskdock.client.deployment.config import task_config
from taskdock.client.deployment.config.task_config import TaskConfig
from taskdock.client.deployment.inspection import PackageFinding, inspect, report


@dataclass(frozen=True)
class PreparedFunction:
    config: TaskConfig
    folder: Path
    """The folder of its task-config.json."""
    findings: list[PackageFinding]

    @property
    def code(self) -> Path | None:
        return None if self.config.path is None else self.folder / self.config.path

    def warn(self, findings: Iterable[PackageFinding]) -> None:
        for finding in findings:
            for line in report.lines(finding, self.config.name, self.code):
                output.note(line)


def prepare(
    file: Path | None,
    *,
    given: Mapping[str, object],
    environment: Mapping[str, str],
    yes: bool,
    remark: Callable[[str], object] = lambda _: None,
) -> PreparedFunction:
    """Asks the caller what the file may do, unless `yes`, and runs its build. `file`: a
    task-config.json; None: `given` describes the function. `remark`: as for `inspect`. Raises what
    `task_config.read`, `allowed` and `build.run` raise."""
    config = task_config.read(
        file,
        given=given,
        environment=environment,
        caller_environment=os.environ,
        allow=partial(allow_variables, yes=yes),
    )
    named = None if file is None else build.of(config, file)
    if named is not None:
        allow_build(named, yes=yes)
        build.run(named, output.note)
    folder = Path() if file is None else file.parent
    return PreparedFunction(config, folder, inspect(config, folder, remark=remark))
