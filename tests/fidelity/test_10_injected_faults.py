"""Injected faults beside the real ones, in real containers: the same bodies and the same lines."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from taskdock.lambdas.invoke.faults import Fault
from taskdock.lambdas.invoke.invocation import Call
from tests.support.live_dock import Called, Deployed, LiveDock
from tests.support.seen import plain, unmarked

pytestmark = [pytest.mark.docker, pytest.mark.timeout(300)]

RUNTIMES = ("python3.11", "nodejs20.x")
FORMATS = ("Text", "JSON")
_FRAMES = (
    (r'("(?:stackTrace|stack|trace)": ?)\[(".*?(?<!\\)")(, ?".*")*\]', r"\1[...]"),
    (r'"(?:stackTrace|stack|trace)": ?\[\]', '"stackTrace": [...]'),
)


@dataclass(frozen=True)
class Failing:
    """A fault, and code by which a function has it by itself; `init`: when it is loaded."""

    fault: Fault
    python: str
    node: str
    init: bool = False

    def code(self, runtime: str) -> str:
        return self.python if runtime.startswith("python") else self.node


_THROWN = "class {0} extends Error {{ name = '{0}' }}; throw new {0}('{1}')"
DOWN = Fault.error("SmtpDown", "no answer")
CASES = {
    "error": Failing(
        DOWN,
        "class SmtpDown(Exception): pass\nraise SmtpDown('no answer')",
        _THROWN.format("SmtpDown", "no answer"),
    ),
    "timeout": Failing(
        Fault.timeout(), "time.sleep(60)", "await new Promise((done) => setTimeout(done, 60e3))"
    ),
    "out_of_memory": Failing(
        Fault.out_of_memory(),
        "kept['much'] = b'x' * (400 << 20)",
        "const all = []; for (;;) all.push(Buffer.alloc(16 << 20, 1))",
    ),
    "crash": Failing(Fault.crash(), "os._exit(1)", "process.exit(1)"),
    "init_error": Failing(
        Fault.init_error(), "import os\nos._exit(1)", "process.exit(1)", init=True
    ),
    "init_error by name": Failing(
        Fault.init_error("NoConfig", "no file"),
        "class NoConfig(Exception): pass\nraise NoConfig('no file')",
        _THROWN.format("NoConfig", "no file"),
        init=True,
    ),
}


@contextmanager
def injected(live: LiveDock, function: Deployed, fault: Fault) -> Iterator[None]:
    faults = live.emulator.lambdas.faults
    faults.add(function.name, fault)
    yield
    faults.clear()


def call(live: LiveDock, function: Deployed, event: Any) -> Called:
    """By the server's own invoker, which knows its faults."""
    lines: list[str] = []
    asked = Call()
    outcome = live.emulator.lambdas.invoker.invoke(
        function.function,
        json.dumps(event).encode(),
        lambda line: lines.append(line.message),
        patience=60,
        call=asked,
    )
    return Called(asked.request_id, outcome, lines)


def framed(text: str) -> str:
    """Without the frames of a trace, which only code that has run can have."""
    for pattern, word in _FRAMES:
        text = re.sub(pattern, word, plain(text))
    return text.partition("(most recent call last):")[0]


def what(called: Called) -> dict[str, Any]:
    failure = called.failure
    return {
        "cause": failure.cause,
        "name": failure.name,
        "message": plain(failure.message),
        "posted": failure.posted,
        "body": framed(called.body.decode()),
        "log": [framed(line) for line in unmarked(called.lines)],
    }


@pytest.mark.parametrize("log_format", FORMATS)
@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("case", CASES)
def test_10_an_injected_fault_is_the_real_one(
    live: LiveDock, case: str, runtime: str, log_format: str
) -> None:
    failing, code = CASES[case], CASES[case].code(runtime)
    fields = {"time_limit": 3, "environment": {"AWS_LAMBDA_LOG_FORMAT": log_format}}
    function = (
        live.deploy(runtime, code, **fields) if failing.init else live.doer(runtime, **fields)
    )
    event = {"run": code}
    if not failing.init:
        assert call(live, function, {"run": ""}).lines, "it is warm"

    by_itself = call(live, function, event)
    with injected(live, function, failing.fault):
        at_once = call(live, function, event)

    assert what(at_once) == what(by_itself)
