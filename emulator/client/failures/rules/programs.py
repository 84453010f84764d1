"""Hints for runtimes that end, or do not start."""

from __future__ import annotations

import re

from taskdock.client.failures.failed_run import FailedRun

_STATUS = re.compile(r"Runtime exited with error: exit status (\d+)")
_NO_REASON = "Runtime exited without providing a reason"
_INJECTED = re.compile(
    r"(?:taskdock: injected fault |\{.*\"taskdock\.injectedFault\".*\"fault\":\")"
    r"(?!delay\b|cold_start\b)"  # with these the function runs, and fails by itself
)
_CRASH = re.compile(r"Node\.js v\d")
"""The last line of a Node.js that an error has ended."""
_BOOTSTRAP = "/var/task/bootstrap"


def injected(failed: FailedRun) -> str | None:
    """A fault that a test, or a person, has injected: all else would lead astray."""
    if not any(_INJECTED.match(line) for line in failed.log):
        return None
    return "the fault was injected: taskdock faults list, and taskdock faults clear to end that"


def bootstrap(failed: FailedRun) -> str | None:
    """The program that a custom runtime is."""
    text = failed.said
    if failed.name != "Runtime.InvalidEntrypoint":
        return None
    if "valid bootstrap" in text:
        runtime = failed.runtime or "the runtime"
        return f"{runtime} runs the file bootstrap of the package, and there is none"
    if _BOOTSTRAP not in text:
        return None
    reasons = {
        "permission denied": "bootstrap is not executable: chmod +x bootstrap, then deploy again",
        "exec format error": "bootstrap is no program of this machine: it begins with a line such"
        f" as #!/bin/sh, or is built for Linux on {failed.machine}",
        "no such file": _first_line(failed),
    }
    return next((advice for words, advice in reasons.items() if words in text), None)


def _first_line(failed: FailedRun) -> str:
    first = (failed.code.text("bootstrap") or "").partition("\n")[0]
    if first.endswith("\r"):
        return "bootstrap has the line ends of Windows: write it with \\n alone"
    return "the program that the first line of bootstrap names is not in the runtime"


def exited(failed: FailedRun) -> str | None:
    if failed.name != "Runtime.ExitError" or not (failed.is_python or failed.is_node):
        return None
    match = _STATUS.search(failed.message)
    if match is None and _NO_REASON not in failed.message:
        return None
    how = f"with exit code {match[1]}" if match else "without an error"
    said = f"the function's process ended {how} before it had answered"
    if any(_CRASH.match(line) for line in failed.log):
        return f"{said}: nothing caught an error, which its log shows"
    if failed.is_python:
        return f"{said}; sys.exit() and os._exit() do that"
    unsettled = "" if match else ", and so does an await that nothing ends"
    return f"{said}; process.exit() does that{unsettled}"
