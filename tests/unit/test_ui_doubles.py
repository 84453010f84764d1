"""Rules of doubles as lines for people."""

from __future__ import annotations

from taskdock.web.ui.rendering import words
from taskdock.web.ui.shown.doubles import rule_lines


def test_a_rule_says_what_it_matches_and_answers() -> None:
    rule = {"path": "/x", "rql": "eq(id,3)", "body": {"a": 1}, "answer": {"json": {"data": []}}}

    assert rule_lines(rule) == ["rql: eq(id,3)", 'body: {"a": 1}', 'answers 200 json {"data": []}']


def test_answers_in_turn_have_a_line_each_and_long_ones_are_cut() -> None:
    lines = rule_lines({"path": "/x", "answers": [{"status": 503}, {"text": "x" * 500}]})

    assert lines[0] == "answers 503"
    assert len(lines[1]) == 200
    assert lines[1].endswith("…")


def test_a_collection_says_its_name() -> None:
    assert rule_lines({"path": "/x", "collection": "documents"}) == ["a collection of documents"]


def test_names_are_words_and_paths_are_quoted_for_the_shell() -> None:
    assert words.words("apiRequests") == "API requests"
    assert words.words("logLines") == "log lines"
    assert words.shell("/a b") == "'/a b'"


def test_a_room_sees_json_without_ids() -> None:
    task, request = "6b0be7f5f0cfb379b900ac23", "7d4f8a3e-0c5b-4f0e-9f3a-2b1c0d9e8f7a"
    content = {"id": task, "error": {"message": f"RequestId: {request} ended"}, "all": [task, 1]}

    assert words.without_ids(content) == {
        "error": {"message": "RequestId: … ended"},
        "all": ["…", 1],
    }
