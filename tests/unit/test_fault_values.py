"""Faults as values, the list that they wait in, and errors in the words of the runtimes."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from taskdock.base.errors import BadField, NotFound
from taskdock.lambdas.functions.function import Function
from taskdock.lambdas.invoke.fault_list import FaultList
from taskdock.lambdas.invoke.faults import Fault, FaultType, Odds, fault_of, kind_of
from taskdock.lambdas.invoke.runtime_errors import runtime_error
from taskdock.testing.clock import ManualClock

NAME = "walnut-table"
NOW = datetime(2026, 1, 2, 12, 0, 0, 345_000, tzinfo=timezone.utc)
ALL = [
    *(Fault.error("SmtpDown", "no answer"), Fault.delay(0.2), Fault.timeout()),
    *(Fault.out_of_memory(), Fault.crash(), Fault.throttle(), Fault.cold_start()),
    *(Fault.init_error(), Fault.no_capacity()),
]


def faults(*names: str) -> FaultList:
    return FaultList(ManualClock(), functions=names or (NAME,))


def function(runtime: str | None, log_format: str = "Text") -> Function:
    variables = {"AWS_LAMBDA_LOG_FORMAT": log_format}
    return Function(name=NAME, runtime=runtime, environment=variables, update_timestamp=NOW)


# Values


def test_there_is_a_constructor_for_each_kind():
    assert [fault.kind for fault in ALL] == list(FaultType)


@pytest.mark.parametrize("fault", ALL, ids=str)
def test_a_fault_is_made_of_its_words(fault: Fault):
    words = {"name": fault.name, "message": fault.message, "seconds": fault.seconds}

    assert fault_of(fault.kind.value, **words) == fault


@pytest.mark.parametrize(
    ("fault", "shown"),
    [
        (Fault.error("SmtpDown", "two\nlines"), "error SmtpDown"),
        (Fault.delay(0.25), "delay of 0.25 s"),
        (Fault.init_error("NoConfig"), "init_error NoConfig"),
        (Fault.timeout(), "timeout"),
    ],
)
def test_a_fault_is_shown_on_one_line(fault: Fault, shown: str):
    assert str(fault) == shown


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("timeuot", "there is no fault 'timeuot'; did you mean timeout?"),
        ("oom", "there is no fault 'oom'; there are error, delay, timeout, out_of_memory, crash,"),
    ],
)
def test_a_kind_that_there_is_not_is_refused_with_what_may_be_meant(text: str, message: str):
    with pytest.raises(BadField) as refused:
        kind_of(text)

    assert refused.value.message.startswith(message)


@pytest.mark.parametrize("text", ["out-of-memory", "OUT_OF_MEMORY", " out_of_memory "])
def test_a_kind_is_known_in_other_spellings(text: str):
    assert kind_of(text) is FaultType.OUT_OF_MEMORY


@pytest.mark.parametrize("seconds", [0, -1, float("nan"), float("inf"), 901, 10**400])
def test_a_delay_that_cannot_be_is_refused(seconds: float):
    with pytest.raises(BadField, match="more than 0, 900 at most"):
        Fault.delay(seconds)


@pytest.mark.parametrize("length", [60, "60", "1m", timedelta(minutes=1)])
def test_a_delay_takes_lengths_of_time(length: Any):
    assert Fault.delay(length) == Fault(FaultType.DELAY, seconds=60)


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: Fault.delay("soon"), "1h30m"),
        (lambda: Fault.delay("-1m"), "negative"),
        (lambda: Fault.delay(None), "no length of time"),
        (lambda: Fault.delay(True), "no length of time"),
        (lambda: Fault.delay("1h"), "900 at most"),
        (lambda: Fault("timeout"), r"write Fault\.timeout\(\), not Fault\('timeout'\)"),
        (lambda: Fault.error(ValueError), "name and message are texts"),
        (lambda: Fault.error("SmtpDown", 5), "name and message are texts"),
    ],
)
def test_what_is_no_fault_is_a_sentence(make: Callable[[], Fault], sentence: str):
    with pytest.raises(BadField, match=sentence):
        make()


@pytest.mark.parametrize("probability", [0, -0.1, 1.01, float("nan"), 10**400])
def test_a_probability_that_cannot_be_is_refused(probability: float):
    with pytest.raises(BadField, match="more than 0 and up to 1"):
        Odds(probability=probability)


@pytest.mark.parametrize("times", [0, -1])
def test_times_below_one_are_refused(times: int):
    with pytest.raises(BadField, match="write 1 or more"):
        Odds(times=times)


def test_a_test_that_uses_the_values_imports_no_server():
    code = (
        "import sys\n"
        "from taskdock.lambdas.invoke.faults import Fault\n"
        "heavy = {'flask', 'docker', 'pydantic', 'peewee', 'asyncio', 'requests'}\n"
        "print(sorted(heavy & sys.modules.keys()))"
    )

    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert ran.stdout.strip() == "[]"


# The list


def test_nothing_is_armed_until_a_fault_waits_and_again_when_it_is_used_up():
    waiting = faults()
    assert not waiting.armed

    waiting.add(NAME, Fault.crash(), Odds(times=1))
    assert waiting.armed
    assert waiting.take(NAME) is not None

    assert not waiting.armed
    assert waiting.take(NAME) is None
    assert [fault.used for fault in waiting.all()] == [1]


def test_a_fault_for_two_is_taken_twice_by_many_threads():
    waiting = faults()
    waiting.add(NAME, Fault.crash(), Odds(times=2))

    with ThreadPoolExecutor(8) as threads:
        taken = list(threads.map(lambda _: waiting.take(NAME), range(800)))

    assert sorted(fault.used for fault in taken if fault is not None) == [1, 2]


def test_probability_is_the_share_and_a_seed_repeats_it():
    def sequence(seed: int) -> list[bool]:
        waiting = faults()
        waiting.add(NAME, Fault.crash(), Odds(probability=0.25, seed=seed))
        return [waiting.take(NAME) is not None for _ in range(400)]

    assert sequence(1) == sequence(1) != sequence(2)
    assert 60 < sum(sequence(1)) < 140


def test_a_fault_that_does_not_come_true_leaves_the_call_to_the_next_one():
    waiting = faults()
    waiting.add(NAME, Fault.crash(), Odds(probability=1e-12))
    waiting.add(NAME, Fault.timeout())

    taken = waiting.take(NAME)

    assert taken is not None
    assert taken.fault == Fault.timeout()


def test_times_and_probability_go_together():
    waiting = faults()
    waiting.add(NAME, Fault.crash(), Odds(times=3, probability=0.5, seed=1))

    taken = [waiting.take(NAME) for _ in range(100)]

    assert sum(fault is not None for fault in taken) == 3


@pytest.mark.parametrize(
    ("names", "advice"),
    [
        (("walnut-table", "oak-chair"), "did you mean walnut-table?"),
        (("lamp", "oak-chair"), "there is lamp, oak-chair"),
        (tuple(f"f{n:02}" for n in range(12)), "f08, f09 and 2 more"),
    ],
)
def test_an_unknown_function_is_refused_with_those_that_there_are(
    names: tuple[str, ...], advice: str
):
    with pytest.raises(NotFound, match="there is no function 'walnut-tabel'; ") as refused:
        faults(*names).add("walnut-tabel", Fault.crash())

    assert refused.value.message.endswith(advice)


def test_where_no_function_is_deployed_that_is_said():
    with pytest.raises(NotFound, match="none is deployed yet"):
        FaultList(ManualClock()).add(NAME, Fault.crash())


def test_a_fault_that_is_off_is_passed_over_and_keeps_its_count():
    waiting = faults()
    first = waiting.add(NAME, Fault.crash(), Odds(times=2))
    second = waiting.add(NAME, Fault.timeout())
    assert waiting.take(NAME).id == first.id

    off = waiting.switch(first.id, enabled=False)

    assert (off.used, off.enabled, off.used_up) == (1, False, False)
    assert waiting.take(NAME).id == second.id
    waiting.switch(second.id, enabled=False)
    assert not waiting.armed
    assert waiting.take(NAME) is None
    waiting.switch(first.id, enabled=True)
    assert waiting.armed
    assert waiting.take(NAME).used == 2
    with pytest.raises(NotFound, match="there is no fault nothing"):
        waiting.switch("nothing", enabled=True)


def test_json_has_the_fields_that_the_fault_has():
    waiting = faults()
    added = waiting.add(NAME, Fault.error("SmtpDown", "no answer"), Odds(times=2))

    assert added.to_json() == {
        "id": added.id,
        "functionName": NAME,
        "fault": "error",
        "name": "SmtpDown",
        "message": "no answer",
        "times": 2,
        "used": 0,
        "enabled": True,
    }


# The words of runtimes; real containers are beside them in tests/fidelity


@pytest.mark.parametrize("runtime", ["java21", "ruby3.3", "provided.al2023", None])
def test_other_runtimes_post_what_all_have_and_log_nothing(runtime: str | None):
    error = runtime_error(function(runtime), "SmtpDown", "no answer", request_id="7", now=NOW)

    assert error.body == b'{"errorType":"SmtpDown","errorMessage":"no answer"}'
    assert error.lines == ()


@pytest.mark.parametrize("runtime", ["python3.11", "nodejs20.x"])
@pytest.mark.parametrize("log_format", ["Text", "JSON"])
def test_an_error_of_any_text_stays_one_line_and_json(runtime: str, log_format: str):
    message = 'two\nlines, "quoted", é and \ud800'

    error = runtime_error(
        function(runtime, log_format), "SmtpDown", message, request_id="7", now=NOW
    )

    assert json.loads(error.body)["errorMessage"] == message.replace("\ud800", "?")
    assert len(error.lines) == 1
    assert "\n" not in error.lines[0]


def test_an_error_without_a_message_has_no_colon():
    error = runtime_error(function("python3.11"), "SmtpDown", "", request_id="7", now=NOW)

    assert error.lines == ("[ERROR] SmtpDown\rTraceback (most recent call last):",)
