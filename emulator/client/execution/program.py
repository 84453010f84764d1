"""A program in the foreground: found, run to its end, and told of the signals that we get."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from types import FrameType, TracebackType

from taskdock.base.errors import TaskdockError
from taskdock.base.machine import threads
from taskdock.client.console import exits

_FROM_TERMINAL = (signal.SIGINT, signal.SIGQUIT)
_HANDED_ON = (*_FROM_TERMINAL, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)

# Becomes the program, which then ends with us, however we end (PR_SET_PDEATHSIG, Linux alone).
# Python ignores some signals, and programs would inherit that.
_BECOME = """
import os, signal, sys
for name in ("SIGINT", "SIGPIPE", "SIGXFSZ"):
    number = getattr(signal, name)
    if name != "SIGINT" or signal.getsignal(number) is not signal.SIG_IGN:
        signal.signal(number, signal.SIG_DFL)
try:
    import ctypes
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)
except (ImportError, OSError, AttributeError):
    pass
if os.getppid() != int(sys.argv[1]):
    sys.exit(143)
try:
    os.execv(sys.argv[2], sys.argv[3:])
except OSError as error:
    print(f"Error: {sys.argv[2]} cannot be run: {error.strerror}", file=sys.stderr)
    sys.exit(126)
"""


class NotRun(TaskdockError):
    """There is no such program, or it is none. `exit_code` is the one that a shell has for that."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


def find(name: str) -> str:
    """The path of the program of this name, as a shell finds it. Raises `NotRun`."""
    found = shutil.which(name)
    if found is not None:
        return found
    if os.sep in name and os.path.exists(name):
        what = "is a folder" if os.path.isdir(name) else "is not executable: chmod +x"
        raise NotRun(f"{name} cannot be run: it {what}", exits.NOT_EXECUTABLE)
    where = "no such file" if os.sep in name else "no folder of PATH has it"
    raise NotRun(f"there is no command {name}: {where}", exits.NO_COMMAND)


class Foreground:
    """`with Foreground() as ours:` takes the signals that ask this process for something.

    Before the program runs, a signal raises SystemExit with 128 and the signal's number. While the
    program runs it gets the signal in our place. Afterwards `hurry` is called, which ends what is
    cleaned up sooner.
    """

    def __init__(self) -> None:
        self.hurry: Callable[[], object] = lambda: None
        self._is_over = False
        self._is_begun = False
        self._early: list[int] = []
        self._program: subprocess.Popen[bytes] | None = None
        self._previous: dict[int, Callable[[int, FrameType | None], object] | int | None] = {}

    def __enter__(self) -> Foreground:
        for number in _HANDED_ON:
            previous = signal.getsignal(number)
            if previous is not signal.SIG_IGN:  # nohup; the background of a shell's script
                self._previous[number] = previous
                signal.signal(number, self._hear)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for number, previous in self._previous.items():
            signal.signal(number, previous)

    def run(self, path: str, words: Sequence[str], environment: Mapping[str, str]) -> int:
        """Runs the program with our standard streams. Returns its exit code, 128 plus the number
        of the signal that ended it."""
        become = [sys.executable, "-I", "-S", "-c", _BECOME, str(os.getpid()), path, *words]
        self._is_begun = True
        self._program = subprocess.Popen(become, env=dict(environment))
        for number in self._early:
            self._hand_on(number)
        code = threads.end_of(self._program)
        self._is_over = True
        return exits.OF_SIGNAL - code if code < 0 else code

    def _hear(self, number: int, _: FrameType | None) -> None:
        if self._is_over or self._has_ended():
            self.hurry()
        elif self._program is not None:
            self._hand_on(number)
        elif self._is_begun:
            self._early.append(number)
        else:
            self._is_over = True
            raise SystemExit(exits.OF_SIGNAL + number)

    def _has_ended(self) -> bool:
        """Whether the program has just ended, so that a signal to it would be lost.

        `poll` cannot say that to a handler that runs in the middle of `wait`."""
        if self._program is None or not hasattr(os, "waitid"):  # macOS has it with Python 3.13
            return False
        try:
            how = os.WEXITED | os.WNOHANG | os.WNOWAIT
            return os.waitid(os.P_PID, self._program.pid, how) is not None
        except ChildProcessError:  # it was waited for
            return True

    def _hand_on(self, number: int) -> None:
        """A terminal has sent its signal to the program, too, which must not get it twice: the
        second Ctrl-C of a test runner is another than the first."""
        if self._program is None or (number in _FROM_TERMINAL and _is_at_terminal()):
            return
        with suppress(ProcessLookupError):
            self._program.send_signal(number)


def _is_at_terminal() -> bool:
    """Whether we are in the group of processes that the keys of our terminal reach."""
    try:
        terminal = os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY)
    except OSError:
        return False
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return False
    finally:
        os.close(terminal)
