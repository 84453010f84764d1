"""From what was seen to verdicts and a table."""

import pytest

from benchmarks.document import replaced
from benchmarks.fidelity.table import Finding, Verdict, code, markdown, verdict


def finding(seen, aws="200", case="a case"):
    return Finding(case, "status", aws, "R", {"one": seen})


@pytest.mark.parametrize(
    ("seen", "aws", "expected"),
    [
        ("200", "200", Verdict.RIGHT),
        ("201", "200", Verdict.DIFFERS),
        ("", "200", Verdict.DIFFERS),
        (None, "200", Verdict.NOT_APPLICABLE),
        ('{"b": 2, "a": 1}', '{"a":1,"b":2}', Verdict.SAME_JSON),
        ('{"a": 1}', '{"a":2}', Verdict.DIFFERS),
        ("200.0", "200", Verdict.DIFFERS),
    ],
)
def test_what_was_seen_is_judged_by_what_aws_does(seen, aws, expected):
    assert verdict(finding(seen, aws), "one") is expected


def test_a_table_has_the_totals_and_a_row_for_each_finding():
    findings = [finding("200"), finding("404"), finding(None, case="another")]

    lines = markdown(findings, ["one"]).splitlines()

    assert lines == [
        "|  | one |",
        "| --- | --- |",
        "| right | 1 |",
        "| the same JSON in other bytes | 0 |",
        "| differs | 1 |",
        "| n.a. | 1 |",
        "",
        "| Case | Looked at | AWS |  | one |",
        "| --- | --- | --- | --- | --- |",
        "| a case | status | `200` | R | ✓ |",
        "|  | status | `200` | R | ✗ `404` |",
        "| another | status | `200` | R | n.a. |",
    ]


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("two\r\n  lines", "`two lines`"),
        ("a|b", "`a\\|b`"),
        ("`x`", "`'x'`"),
        ("", "nothing"),
        ("x" * 201, f"`{'x' * 200}...`"),
    ],
)
def test_any_text_fits_into_a_cell(text, cell):
    assert code(text) == cell


def test_only_what_stands_between_the_markers_is_replaced():
    document = "before\n<!-- results -->\nold\n<!-- /results -->\nafter\n"

    text = replaced(document, r"new \1")

    assert text == "before\n<!-- results -->\nnew \\1\n<!-- /results -->\nafter\n"


def test_a_document_without_markers_is_refused():
    with pytest.raises(ValueError, match="one place"):
        replaced("before\nafter\n", "new")
