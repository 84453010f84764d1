"""What a case saw, put into texts that can be compared."""

import pytest

from benchmarks.call import Answer, Unanswered
from benchmarks.fidelity.cases import CASES
from benchmarks.fidelity.seen import Seen

ID = "31fc7012-82f2-46bd-9ae2-000000000001"
LOG = (
    f"START RequestId: {ID} Version: $LATEST\nhello\nEND RequestId: {ID}\n"
    f"REPORT RequestId: {ID}\tDuration: 3.01 ms\tBilled Duration: 114 ms\tMemory Size: 128 MB"
    "\tMax Memory Used: 36 MB\tInit Duration: 110.10 ms\t\n"
)


def seen(answer=None):
    return Seen("greet", [answer or Answer(200, body=b"null")], LOG)


def test_a_report_is_read_by_its_parts():
    report = seen().report()

    assert report["Duration"] == "3.01 ms"
    assert report["Init Duration"] == "110.10 ms"
    assert seen().amount("Max Memory Used") == 36


def test_a_line_is_shown_without_its_id_and_amounts():
    assert seen().line("REPORT") == (
        "REPORT RequestId: <id>  Duration: <n> ms  Billed Duration: <n> ms  Memory Size: <n> MB"
        "  Max Memory Used: <n> MB  Init Duration: <n> ms"
    )
    assert seen().line("REPORT", 1) == "no such line"


def test_a_body_is_shown_without_this_runs_names():
    arn = b"arn:aws:lambda:eu-west-1:123456789012:function:greet"

    text = seen(Answer(200, body=arn + b" at 2026-01-02T03:04:05.678Z")).body(0)

    assert text == "arn:aws:lambda:<region>:<account>:function:<name> at <time>"


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (Answer(0, fault="ConnectionResetError"), "no answer (ConnectionResetError)"),
        (Answer(502), "no body, status 502"),
        (Answer(404, body=b'{"Message": "gone"}'), '{"Message": "gone"}'),
        (Answer(200, body=b'{"errorMessage": "boom"}'), '{"errorMessage": "boom"}'),
        (Answer(200, body=b"Task timed out"), "Task timed out"),
    ],
)
def test_what_is_no_result_counts_as_none_and_says_what_it_is(answer, text):
    with pytest.raises(Unanswered, match="^" + text.replace("(", r"\(").replace(")", r"\)")):
        seen(answer).works(0)


def test_no_two_cases_have_one_name():
    names = [case.name for case in CASES]

    assert len(set(names)) == len(names)
