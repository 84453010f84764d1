"""Cases of the log's lines, and of the log's tail in an answer."""

from __future__ import annotations

import math
import re

from benchmarks.fidelity.case import Case, Row, calls, line, python, whose_id
from benchmarks.fidelity.seen import Seen

LOG = Case(
    "log",
    "The log of three calls; the third holds 60 MB",
    python(
        """
        def handler(event, context):
            print("hello", flush=True)
            kept = b"x" * (event.get("MB", 0) * 1024 * 1024)
            return len(kept)
        """
    ),
    calls({}, {}, {"MB": 60}),
    (
        Row(
            "begins with",
            "INIT_START Runtime Version: <version>  Runtime Version ARN: <arn>",
            "R",
            lambda seen: re.sub(
                r"(Version: )\S+(.*ARN: )\S+", r"\1<version>\2<arn>", seen.line("INIT_START")
            ),
        ),
        Row("START", "START RequestId: <id> Version: $LATEST", "R", line("START")),
        Row("END", "END RequestId: <id>", "R", line("END")),
        Row(
            "REPORT, cold",
            "REPORT RequestId: <id>  Duration: <n> ms  Billed Duration: <n> ms"
            "  Memory Size: <n> MB  Max Memory Used: <n> MB  Init Duration: <n> ms",
            "R",
            line("REPORT"),
        ),
        Row(
            "REPORT, warm",
            "REPORT RequestId: <id>  Duration: <n> ms  Billed Duration: <n> ms"
            "  Memory Size: <n> MB  Max Memory Used: <n> MB",
            "R",
            line("REPORT", 1),
        ),
        Row("order", "START, hello, END, REPORT", "R", lambda seen: ", ".join(_order(seen.log))),
        Row(
            "request id",
            "that of the answer",
            "R",
            lambda seen: whose_id(seen, seen.log.partition("START RequestId: ")[2][:36]),
        ),
        Row("Memory Size", "128 MB", "R", lambda seen: seen.report()["Memory Size"]),
        Row("Max Memory Used, first call", "less than 60 MB", "R", lambda seen: _used(seen, 0)),
        Row("Max Memory Used, third call", "60 to 120 MB", "R", lambda seen: _used(seen, 2)),
        Row(
            "Billed Duration, cold",
            "duration and init, rounded up",
            "R",
            lambda seen: _billed(seen, 0),
        ),
        Row("Billed Duration, warm", "duration, rounded up", "R", lambda seen: _billed(seen, 1)),
    ),
)


def _order(log: str) -> list[str]:
    """The first words of the first call's lines."""
    words = [line.split()[0] for line in log.splitlines() if line.strip()]
    known = [word for word in words if word in ("START", "hello", "line", "END", "REPORT")]
    return known[:4]


def _used(seen: Seen, number: int) -> str:
    used = seen.amount("Max Memory Used", number)
    if used < 60:
        return "less than 60 MB"
    return "60 to 120 MB" if used < 120 else f"{used:.0f} MB"


def _billed(seen: Seen, number: int) -> str:
    billed, duration = seen.amount("Billed Duration", number), seen.amount("Duration", number)
    init = float(seen.report(number).get("Init Duration", "0 ms").split()[0])
    if init and abs(billed - math.ceil(duration + init)) <= 1:
        return "duration and init, rounded up"
    return "duration, rounded up" if abs(billed - math.ceil(duration)) < 1 else f"{billed:.0f} ms"


LOG_TAIL = Case(
    "log-tail",
    "The log's tail that is asked for with `X-Amz-Log-Type: Tail`",
    python(
        """
        def handler(event, context):
            for number in range(event["lines"]):
                print("line", number, flush=True)
        """
    ),
    lambda called: [called.call({"lines": lines}, X_Amz_Log_Type="Tail") for lines in (1, 1000)],
    (
        Row(
            "of a short log",
            "START, line, END, REPORT",
            "R",
            lambda seen: ", ".join(_order(seen.answers[0].tail)) or seen.body(0),
        ),
        Row(
            "of a long one",
            "its last 4096 bytes",
            "R",
            lambda seen: (
                "its last 4096 bytes"
                if len(seen.answers[1].tail.encode()) == 4096 and "REPORT" in seen.answers[1].tail
                else f"{len(seen.answers[1].tail)} bytes"
            ),
        ),
    ),
)


_BAR = "10%\r20%\r30%"


def _of_the_bar(seen: Seen) -> str:
    lines = [line for line in seen.log.split("\n") if "%" in line]
    return "one line" if [line.rstrip("\r") for line in lines] == [_BAR] else f"{len(lines)} lines"


PROGRESS_BAR = Case(
    "progress-bar",
    "A handler that prints a progress bar",
    python(
        """
        def handler(event, context):
            print("10%\\r20%\\r30%", flush=True)
        """
    ),
    calls({}),
    (Row("in the log", "one line", "R", _of_the_bar),),
)
