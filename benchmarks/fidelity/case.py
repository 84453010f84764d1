"""The shape of a case, and helpers that many cases share.

Each answer of AWS has its source. R: recorded from the service or in a log of the service. S: read
in source that AWS publishes (its RIE, runtime clients and base images). D: AWS's documentation.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from textwrap import dedent

from benchmarks.call import Answer, Called
from benchmarks.fidelity.seen import Seen
from benchmarks.function import Function

Look = Callable[[Seen], str]


@dataclass(frozen=True)
class Row:
    """One thing to look at. `look` words what was seen as `aws` words it, if it is the same."""

    what: str
    aws: str
    grade: str  # R, S or D
    look: Look


@dataclass(frozen=True)
class Case:
    name: str
    title: str
    function: Function
    play: Callable[[Called], list[Answer]]
    rows: tuple[Row, ...]
    needs: str = ""  # what a contender may lack; then the case does not apply to it


def python(code: str, **settings: object) -> Function:
    return Function({"app.py": dedent(code).lstrip()}, **settings)  # type: ignore[arg-type]


def node(code: str) -> Function:
    return Function({"app.js": dedent(code).lstrip()}, runtime="nodejs20.x")


def calls(*events: object) -> Callable[[Called], list[Answer]]:
    """One call after the other; bytes are sent as they are, anything else as JSON."""
    return lambda called: [called.call(event) for event in events]


# Looks: what was seen of the answer with this number


def status(number: int) -> Look:
    return lambda seen: seen.status(number)


def header(number: int, name: str) -> Look:
    return lambda seen: seen.header(number, name)


def body(number: int) -> Look:
    return lambda seen: seen.body(number)


def error(number: int) -> Look:
    return lambda seen: seen.error(number)


def works(number: int) -> Look:
    return lambda seen: seen.works(number)


def line(start: str, number: int = 0) -> Look:
    return lambda seen: seen.line(start, number)


def field(key: str) -> Look:
    """The first result's value of a key."""
    return lambda seen: str(seen.answers[0].value[key])


def report_end(number: int) -> Look:
    """The end of a REPORT line."""

    def look(seen: Seen) -> str:
        report = seen.report(number)
        if not report:
            return "no such line"
        named = [f"{name}: {report[name]}" for name in ("Status", "Error Type") if name in report]
        return ", ".join(named) or "no status"

    return look


def whose_id(seen: Seen, id: str) -> str:
    answered = seen.header(0, "x-amzn-RequestId")
    if answered == "absent":
        return "the answer has none"
    return "that of the answer" if answered == id else "another"


# Rows


def status_row(number: int = 0) -> Row:
    return Row("status", "200", "R", status(number))


def unhandled(number: int = 0) -> Row:
    return Row("`X-Amz-Function-Error`", "Unhandled", "R", header(number, "X-Amz-Function-Error"))


def no_function_error(grade: str) -> Row:
    name = "X-Amz-Function-Error"
    return Row(
        f"`{name}`",
        "absent",
        grade,
        lambda seen: (
            seen.header(0, name) if seen.status(0) == "200" else f"status {seen.status(0)}"
        ),
    )


def next_works() -> Row:
    return Row("the next call", "answers", "R", works(-1))


def report_status(aws: str, number: int = 0) -> Row:
    return Row("end of its REPORT line", aws, "R", report_end(number))
