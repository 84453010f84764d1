"""The build of a function: the command that its author names, run before its folder is packed.

A task-config.json names it, `"build": "npm run build"`. The service's own `exh` command refuses
a task-config.json with a key that it does not know (ExtraHorizon/exh-cli,
src/commands/tasks/taskConfig.ts), so the package.json beside that file may name it instead, where
npm and `exh` ignore it: `"taskdock": {"build": "npm run build"}`.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import sleep
from typing import IO

from taskdock.base import strict_json
from taskdock.base.machine import threads
from taskdock.base.machine.signals import Held
from taskdock.base.timing.clock import SystemClock
from taskdock.client.deployment.config.task_config import TaskConfig
from taskdock.client.errors import BadTaskConfig, BuildFailed

PACKAGE_FILE = "package.json"

_NO_COMMAND = 127  # the shell's code
_SECONDS_FOR_LAST_LINES = 1.0
_SECONDS_TO_END = 5.0
_SECONDS_TO_FOLLOW = 0.5  # for its programs, once the shell has ended
_PAUSE = 0.02

OnLine = Callable[[str], object]


@dataclass(frozen=True)
class Build:
    """A command of the shell, and the folder that it runs in."""

    command: str
    folder: Path
    source: Path
    """The file that names the command."""


def of(config: TaskConfig, file: Path) -> Build | None:
    """The build of the function that a task-config.json describes. None: it needs none.

    Raises `BadTaskConfig` where package.json cannot be read.
    """
    if config.build is not None and config.build.strip():
        return Build(config.build.strip(), file.parent, file)
    beside = file.parent / PACKAGE_FILE
    command = _named_in(beside)
    return None if command is None else Build(command, file.parent, beside)


def _named_in(package_file: Path) -> str | None:
    try:
        if package_file.exists() and not package_file.is_file():  # a pipe, or a device without end
            raise BadTaskConfig(f"{package_file} cannot be read: it is no file")
        fields = strict_json.loads(package_file.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise BadTaskConfig(f"{package_file} cannot be read: {error.strerror}") from None
    except ValueError:
        return None  # npm and the function's runtime say so in better words
    ours = fields.get("taskdock") if isinstance(fields, dict) else None
    command = ours.get("build") if isinstance(ours, dict) else None
    if command is None:
        return None
    if not isinstance(command, str) or not command.strip():
        raise BadTaskConfig(f'{package_file}: taskdock.build is no command such as "npm run build"')
    return command.strip()


def run(build: Build, on_line: OnLine) -> None:
    """Runs the command to its end; `on_line` gets each line that it prints.

    The command gets no input, and no signal of the terminal: it is ended when the caller is
    interrupted. Raises `BuildFailed`.
    """
    with Held() as held:
        running = RunningBuild(build, on_line)
        try:
            held.release()
            running.wait()
        except BaseException:
            running.end()
            raise


class RunningBuild:
    """A build from its start on. `end` may be called on any thread."""

    def __init__(self, build: Build, on_line: OnLine) -> None:
        """Raises `BuildFailed` where it cannot be started."""
        self._build = build
        try:
            self._process = subprocess.Popen(  # noqa: S602 - a line for the shell, and allowed
                build.command,
                shell=True,
                cwd=build.folder,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                start_new_session=True,
            )
        except (OSError, ValueError) as error:  # the folder has gone; a NUL character
            how = f"cannot be started in {build.folder}: {error}"
            raise BuildFailed(build.command, how) from None
        assert self._process.stdout is not None
        read = partial(_read, self._process.stdout, on_line)
        self._reader = threads.start(read, name="build-output")

    def wait(self) -> None:
        """Returns at the end of the command. Raises `BuildFailed`."""
        code = threads.end_of(self._process)
        # A program that the command has left running may hold the pipe open.
        self._reader.join(_SECONDS_FOR_LAST_LINES)
        if code != 0:
            raise BuildFailed(self._build.command, _explained(code, self._build))

    def end(self) -> None:
        """Ends the command with all programs that it has started."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, number)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(_SECONDS_TO_END)
            if not self._leaves_any(_SECONDS_TO_FOLLOW):
                return

    def _leaves_any(self, seconds: float) -> bool:
        """Whether anything of the command still runs after so long. The shell ends by a signal that
        its programs may pass over."""
        give_up = SystemClock().monotonic() + seconds
        while SystemClock().monotonic() < give_up:
            try:
                os.killpg(self._process.pid, 0)
            except ProcessLookupError:
                return False
            except PermissionError:  # of macOS, for a group of zombies
                return False
            sleep(_PAUSE)
        return True


def _read(stream: IO[str], on_line: OnLine) -> None:
    with stream:
        for line in stream:
            on_line(line.rstrip())


def _explained(code: int, build: Build) -> str:
    if code < 0:
        return f"was ended by signal {-code}"
    if code == _NO_COMMAND:
        return f"failed with exit code 127: a command is missing; it runs in {build.folder}"
    return f"failed with exit code {code}"
