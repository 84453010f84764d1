"""Cases of processes that end by themselves or have to be ended."""

from __future__ import annotations

from benchmarks.call import Answer
from benchmarks.fidelity.case import (
    Case,
    Row,
    body,
    calls,
    error,
    line,
    next_works,
    python,
    report_status,
    status_row,
    unhandled,
    works,
)
from benchmarks.function import Function


def _ending(name: str, statement: str, message: str) -> Case:
    code = f"""
        import os, signal, sys

        def handler(event, context):
            if event.get("end"):
                open("/tmp/mark", "w").close()
                {statement}
            return os.path.exists("/tmp/mark")
        """
    expected = (
        f'{{"errorType":"Runtime.ExitError","errorMessage":"RequestId: <id> Error: {message}"}}'
    )
    return Case(
        name,
        f"`{statement}` in the handler",
        python(code),
        calls({"end": True}, {}),
        (
            status_row(),
            unhandled(),
            Row("body", expected, "R", body(0)),
            Row("log", f"RequestId: <id> Error: {message}", "R", line("RequestId: ")),
            report_status("Status: error, Error Type: Runtime.ExitError"),
            next_works(),
            Row(
                "its files in /tmp",
                "kept",
                "S",
                lambda seen: "kept" if seen.answers[1].value else "lost",
            ),
        ),
    )


EXITS = (
    _ending("exit-0", "sys.exit(0)", "Runtime exited without providing a reason"),
    _ending("exit-3", "sys.exit(3)", "Runtime exited with error: exit status 3"),
    _ending("os-exit", "os._exit(4)", "Runtime exited with error: exit status 4"),
    _ending(
        "kill", "os.kill(os.getpid(), signal.SIGKILL)", "Runtime exited with error: signal: killed"
    ),
)


# How Go words signals; AWS passes it on without "(core dumped)".
_SIGNALS = {
    "SIGILL": "illegal instruction",
    "SIGBUS": "bus error",
    "SIGFPE": "floating point exception",
    "SIGPIPE": "broken pipe",
    "SIGHUP": "hangup",
    "SIGTRAP": "trace/breakpoint trap",
}
_STATUSES = (134, 137, 139, 143)  # a shell tells of signals by these


def _exit_error(why: str) -> str:
    return (
        '{"errorType":"Runtime.ExitError","errorMessage":'
        f'"RequestId: <id> Error: Runtime exited with error: {why}"}}'
    )


SIGNALS = Case(
    "signals",
    "A handler that ends its process by a signal, or with a status that looks like one",
    python(
        """
        import os, signal

        def handler(event, context):
            if "status" in event:
                os._exit(event["status"])
            number = getattr(signal, event["signal"])
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
        """,
        timeout=10,
    ),
    calls(*({"signal": name} for name in _SIGNALS), *({"status": one} for one in _STATUSES)),
    (
        *(
            Row(name, _exit_error(f"signal: {words}"), "R" if name == "SIGILL" else "S", body(n))
            for n, (name, words) in enumerate(_SIGNALS.items())
        ),
        *(
            Row(f"status {status}", _exit_error(f"exit status {status}"), "S", body(n))
            for n, status in enumerate(_STATUSES, len(_SIGNALS))
        ),
    ),
)


STATUS_142 = Case(
    "status-142",
    "A bootstrap that ends with status 142, as the entry point of AWS's images does",
    Function({"bootstrap": "#!/bin/sh\nexit 142\n"}, runtime="provided.al2023", handler="any"),
    calls({}),
    (Row("body", _exit_error("exit status 142"), "S", body(0)),),
)


OUT_OF_MEMORY = Case(
    "out-of-memory",
    "400 MB taken with a limit of 128 MB",
    python(
        """
        def handler(event, context):
            kept = [b"x" * 10_000_000 for _ in range(event["MB"] // 10)]
            return f"took {sum(map(len, kept)) // 1_000_000} MB"
        """,
        timeout=20,
    ),
    calls({"MB": 400}, {"MB": 10}),
    (
        Row(
            "body",
            '{"errorType":"Runtime.OutOfMemory","errorMessage":'
            '"RequestId: <id> Error: Runtime exited with error: signal: killed"}',
            "R",
            body(0),
        ),
        unhandled(),
        report_status("Status: error, Error Type: Runtime.OutOfMemory"),
        next_works(),
    ),
)


def _after(answer: Answer, seconds: int) -> str:
    """Generous, for machines that are busy: what counts is that there is a limit."""
    within = seconds - 0.1 <= answer.seconds < seconds + 2
    return f"after {seconds} s" if within else f"after {answer.seconds:.1f} s"


TIME_OUT = Case(
    "time-out",
    "A handler that hangs, with a time limit of 3 s",
    python(
        """
        import os, subprocess, time

        count = 0

        def handler(event, context):
            global count
            count += 1
            if event.get("hang"):
                child = subprocess.Popen(["sleep", "600"])
                with open("/tmp/child", "w") as file:
                    file.write(str(child.pid))
                while True:
                    time.sleep(1)
            try:
                child = open("/tmp/child").read()
            except FileNotFoundError:
                return {"count": count, "tmp": False, "child": False}
            return {"count": count, "tmp": True, "child": is_sleep(child)}

        def is_sleep(pid):
            try:
                name, state = open(f"/proc/{pid}/stat").read().split()[1:3]
            except FileNotFoundError:
                return False
            return name == "(sleep)" and state != "Z"
        """
    ),
    calls({}, {"hang": True}, {}),
    (
        status_row(1),
        unhandled(1),
        Row(
            "body",
            '{"errorType":"Sandbox.Timedout","errorMessage":'
            '"RequestId: <id> Error: Task timed out after 3.00 seconds"}',
            "R",
            body(1),
        ),
        Row("when", "after 3 s", "D", lambda seen: _after(seen.answers[1], 3)),
        Row(
            "log",
            "<time> <id> Task timed out after 3.00 seconds",
            "R",
            lambda seen: next(
                (line for line in seen.lines("") if "Task timed out" in line), "no such line"
            ),
        ),
        Row("Duration in REPORT", "3000.00 ms", "R", lambda seen: seen.report(1)["Duration"]),
        report_status("Status: timeout", 1),
        next_works(),
        Row(
            "the hanging process",
            "killed",
            "R",
            lambda seen: "killed" if seen.answers[2].value["count"] == 1 else "still there",
        ),
        Row(
            "a process that it started",
            "killed",
            "S",
            lambda seen: "still there" if seen.answers[2].value["child"] else "killed",
        ),
        Row(
            "its files in /tmp",
            "kept",
            "R",
            lambda seen: "kept" if seen.answers[2].value["tmp"] else "lost",
        ),
        Row(
            "Init Duration in the next REPORT",
            "absent",
            "R",
            lambda seen: seen.report(2).get("Init Duration", "absent"),
        ),
    ),
)


SLOW_IMPORT = Case(
    "slow-import",
    "A module that loads for 5 s, with a time limit of 3 s",
    python(
        """
        import os, time

        time.sleep(5)

        def handler(event, context):
            if event.get("end"):
                os._exit(1)
            return "loaded"
        """
    ),
    calls({}, {"end": True}, {}),
    (
        Row("first call", "answers", "S", works(0)),
        Row(
            "a call after its process ended: loads within the limit",
            "Sandbox.Timedout: RequestId: <id> Error: Task timed out after 3.00 seconds",
            "S",
            error(2),
        ),
    ),
)
