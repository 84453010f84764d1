"""Counts the lines of a function's code that run, in its container.

Python imports a module of this name before anything else:
https://docs.python.org/3/library/site.html#module-sitecustomize

Each step from line to line is written down the first time that it is taken, and at once: the
process may be frozen or killed at any moment, and there is no end at which to save. So nothing of
AWS's runtime client has to be known here.

A step is (line before, line), as coverage.py has them: at a call, the line before is minus the
first line of the code, and so is the line at a return. The syntax is that of Python 3.6.
"""

import fcntl
import opcode
import os
import sys
import threading
import zlib

_LINES = os.environ.get("TASKDOCK_LINES", "/dev/taskdock-lines")
"""The folder to write into."""
_TASK_ROOT = os.path.join(os.environ.get("LAMBDA_TASK_ROOT", "/var/task"), "")
_VENDORED = (os.sep + "site-packages" + os.sep, os.sep + "node_modules" + os.sep)
_RESUMED = 0x20 | 0x80 | 0x200
"""Code flags: generators and coroutines, which are entered and left more than once."""
_RESUME = opcode.opmap.get("RESUME", -1)
_YIELD = opcode.opmap["YIELD_VALUE"]
_YIELD_FROM = bytes([opcode.opmap.get("YIELD_FROM", 0)])
_HIGH = 200
"""A file descriptor that code which closes or counts the usual ones does not meet."""


class _Record:
    """A file: a line for each file of code, and one for each step. A fork writes into it, too."""

    def __init__(self):
        self.seen = {}  # by file name: its steps, or None where it is not counted
        self.file = None
        self.others = None

    def steps(self, name):
        """The steps known of a file of code; None: it is not the function's own."""
        try:
            return self.seen[name]
        except KeyError:
            self.seen[name] = self._begin(name)
            return self.seen[name]

    def add(self, name, steps, step):
        steps.add(step)
        self._write(f"{name}\tstep\t{step[0]}\t{step[1]}\n")

    def add_line(self, name, line):
        self._write(f"{name}\tline\t{line}\n")

    def _begin(self, name):
        if not name.startswith(_TASK_ROOT) or "\t" in name or "\n" in name:
            return None
        if any(part in name for part in _VENDORED):
            return None
        try:
            if self._is_others(name):
                return None
            with open(name, "rb") as source:
                self._write(f"{name}\tcrc32\t{zlib.crc32(source.read())}\n")
        except OSError:
            return None  # code without a file, such as of a template
        return set()

    def _is_others(self, name):
        """Whether `pip install --target` has put it there."""
        if self.others is None:
            self.others = frozenset(_installed(_TASK_ROOT))
        return name[len(_TASK_ROOT) :] in self.others

    def _write(self, line):
        try:
            if self.file is None:
                self._open()
            os.write(self.file, line.encode("utf-8", "surrogateescape"))
        except OSError:  # a full disk is no matter of the function's
            pass

    def _open(self):
        function = os.environ.get("AWS_LAMBDA_FUNCTION_NAME", "function")
        name = os.path.join(_LINES, f"{function}.{os.urandom(8).hex()}.python")
        first = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o644)
        self.file = fcntl.fcntl(first, fcntl.F_DUPFD_CLOEXEC, _HIGH)
        os.close(first)


def _installed(folder):
    """Files of packages in the folder, but for packages made from a folder of the user's."""
    for entry in os.listdir(folder):
        if not entry.endswith(".dist-info"):
            continue
        try:
            with open(os.path.join(folder, entry, "RECORD"), encoding="utf-8") as record:
                names = [line.rsplit(",", 2)[0].strip('"') for line in record]
            if not os.path.exists(os.path.join(folder, entry, "direct_url.json")):
                yield from names
        except (OSError, ValueError):
            pass


_record = _Record()


def _call(frame, event, arg):
    """The tracer of threads: https://docs.python.org/3/library/sys.html#sys.settrace"""
    code = frame.f_code
    name = code.co_filename
    steps = _record.steps(name)
    if steps is None:
        return None
    entry = -code.co_firstlineno
    last = [frame.f_lineno if _is_resumed(frame, code) else entry]

    def local(frame, event, arg):
        if event == "line":
            line = frame.f_lineno
            if line is not None:
                step = (last[0], line)
                if step not in steps:
                    _record.add(name, steps, step)
                last[0] = line
        elif event == "return" and not _is_paused(frame, code):
            line = frame.f_lineno
            # Python 3.14 tells of some lines only by the return.
            if sys.version_info >= (3, 14) and line is not None and line != last[0]:
                if (last[0], line) not in steps:
                    _record.add(name, steps, (last[0], line))
                last[0] = line
            if (last[0], entry) not in steps:
                _record.add(name, steps, (last[0], entry))
        return local

    return local


def _is_resumed(frame, code):
    """Whether a generator goes on, in place of a call."""
    if not code.co_flags & _RESUMED:
        return False
    if sys.version_info >= (3, 11):  # there, the instruction RESUME says how it is entered
        return code.co_code[frame.f_lasti + 1] != 0
    return frame.f_lasti >= 0


def _is_paused(frame, code):
    """Whether a generator yields, in place of a return."""
    if not code.co_flags & _RESUMED:
        return False
    text, at = code.co_code, frame.f_lasti
    if sys.version_info >= (3, 11):
        at += 0 if sys.version_info[:2] == (3, 13) else 2  # github.com/python/cpython/issues/113728
        return at < len(text) and text[at] == _RESUME
    return text[at] == _YIELD or text[at + 2 : at + 3] == _YIELD_FROM


def _monitor():
    """Counts lines without steps, which costs next to nothing: a line is told of once.

    https://docs.python.org/3/library/sys.monitoring.html
    """
    monitoring = sys.monitoring
    tool, events, done = monitoring.COVERAGE_ID, monitoring.events, monitoring.DISABLE

    def start(code, offset):
        if _record.steps(code.co_filename) is not None:
            monitoring.set_local_events(tool, code, events.LINE)
        return done

    def line(code, number):
        steps = _record.steps(code.co_filename)
        if steps is not None and number not in steps:
            steps.add(number)
            _record.add_line(code.co_filename, number)
        return done

    monitoring.use_tool_id(tool, "taskdock")
    monitoring.register_callback(tool, events.PY_START, start)
    monitoring.register_callback(tool, events.LINE, line)
    monitoring.set_events(tool, events.PY_START)


def _start():
    if os.environ.get("TASKDOCK_COUNT") == "lines" and sys.version_info >= (3, 12):
        _monitor()
        return
    threading.settrace(_call)
    sys.settrace(_call)


def _hand_over():
    """The module of this name that would have been imported without us."""
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [entry for entry in sys.path if os.path.abspath(entry or ".") != here]
    ours = sys.modules.pop("sitecustomize")
    try:
        import sitecustomize  # noqa: F401, PLC0415 - late: ours has to be off its way
    except ImportError as error:
        if error.name != "sitecustomize":
            raise
        sys.modules["sitecustomize"] = ours


try:
    _start()
except Exception as error:  # a function runs, counted or not
    sys.stderr.write(f"taskdock: lines are not counted: {error!r}\n")
_hand_over()
