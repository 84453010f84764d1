"""The parts of doubles that decide: patterns, YAML as it is read and written, RQL in memory."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from taskdock.store.query.model import Query
from taskdock.web.common.rql import documents, meaning, parser
from taskdock.web.doubles.call import ServiceCall
from taskdock.web.doubles.files import yaml_text
from taskdock.web.doubles.recording.cluster import Cluster
from taskdock.web.doubles.recording.masking import Masks
from taskdock.web.doubles.rules import path_pattern
from taskdock.web.doubles.rules.subset import difference
from taskdock.web.doubles.rules.yaml_writing import block, flow, text
from tests.support import rql_oracle

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
JSON: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**60), 2**60)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT
    | st.sampled_from(["no", "on", "~", "1e3", "0123", "2026-01-02", "12:30", "- a", "a: b", "#"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=10,
)


@pytest.mark.parametrize("base", [yaml.SafeLoader, yaml_text.BASE])
@settings(max_examples=80, deadline=None)
@given(value=JSON)
def test_yaml_that_is_written_is_read_as_the_same_value(base: Any, value: Any) -> None:
    lines = f"- one: {flow(value)}\n  many: {block(value, 2)}\n"

    [found] = yaml_text.read_by(base, lines.encode())

    assert json.dumps(found["one"]) == json.dumps(value)
    assert json.dumps(found["many"]) == json.dumps(value)


@pytest.mark.parametrize("base", [yaml.SafeLoader, yaml_text.BASE])
@settings(max_examples=80, deadline=None)
@given(value=TEXT)
def test_text_that_is_written_into_yaml_is_read_as_the_same_text(base: Any, value: str) -> None:
    assert yaml_text.read_by(base, f"a: {text(value)}".encode()) == {"a": value}


@pytest.mark.parametrize(
    ("yaml_of", "line", "told"),
    [
        ("a: [", 1, "it is no YAML: the text ends in the middle"),
        ("a: [1 2", 1, r"it is no YAML: a list in brackets needs a comma or its \] here"),
        ("a: b: c", 1, "no key before this colon; put a text with a colon into quotes"),
        ("a:\n\tb: 1", 2, "it is no YAML: a tab indents a line; indent by spaces"),
        ("a: @x", 1, "a text cannot begin with this character; put it into quotes"),
        ("a: 'x", 1, "it is no YAML: a text in quotes is not closed"),
        ("a: *x", 1, r"no anchor for this alias; put a text with \* into quotes"),
        ("- a\nb: 1", 2, "it is no YAML: the indentation is not that of the lines before"),
        ("---\na: 1\n---\nb: 2", 3, "there is more than one document; leave out the ---"),
        ("a: 1\nb: {c: 1,\n  c: 2}", 3, "the key 'c' comes twice"),
        ("\na: &x\n  b: *x", 2, "it is no YAML: an alias leads into itself"),
        ("a: !!binary aaaa", 1, "it is no YAML: tags such as !this have no meaning here"),
        ("[1]: 2", 1, "a key is text"),
        ("a: \0", 0, "it is no YAML in UTF-8"),
        (f"a: {'9' * 5000}", 1, "too large a number"),
        ("a: 1e999", 1, "too large a number"),
        ("[\n" * 6000, 0, "nested too deeply"),
    ],
)
def test_text_that_is_no_yaml_is_told_with_its_line(yaml_of: str, line: int, told: str) -> None:
    with pytest.raises(yaml_text.NotYaml, match=told) as error:
        yaml_text.load(yaml_of.encode())

    assert error.value.line == line


@settings(max_examples=80, deadline=None)
@given(JSON)
def test_a_value_has_all_of_itself(value: Any) -> None:
    assert difference(value, json.loads(json.dumps(value))) is None


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({"a": 1}, {"a": True}),
        ({"a": 1}, {"a": "1"}),
        ({"a": None}, {}),
        ({"a": [1]}, {"a": [1, 2]}),
        ({"a": []}, {"a": {}}),
        ([1, 2], [2, 1]),
        ({"a": {"b": 1}}, {"a": {"b": 2}}),
        (None, {}),
    ],
)
def test_a_value_that_lacks_a_part_is_another_one(wanted: Any, found: Any) -> None:
    assert difference(wanted, found) is not None


def test_a_body_may_have_more_than_is_wanted() -> None:
    assert difference({"a": 1.0, "b": [{"c": None}]}, {"a": 1, "b": [{"c": None, "d": 2}]}) is None


@pytest.mark.parametrize(
    ("pattern", "path", "variables"),
    [
        ("/a/{x}/c", "/a/b/c", {"x": "b"}),
        ("/a/{x}/c", "/a/b/c/", {"x": "b"}),
        ("/a/{x}/c/", "/a/b/c", {"x": "b"}),
        ("/a/{x}/c", "/a//c", None),
        ("/a/{x}.{kind}", "/a/b.pdf", {"x": "b", "kind": "pdf"}),
        ("/a.b", "/axb", None),
        ("/a/{rest:path}", "/a/b/c", {"rest": "b/c"}),
        ("/", "/", {}),
        ("/{x}", "/", None),
        ("/a%20(b)", "/a (b)", {}),
        ("/{x}", "/a\nb", {"x": "a\nb"}),
    ],
)
def test_a_pattern_gives_the_variables_of_its_paths(
    pattern: str, path: str, variables: dict[str, str] | None
) -> None:
    assert path_pattern.read(pattern).match(path) == variables


def test_no_path_takes_a_pattern_long() -> None:
    """Python compares them in one go, in which nothing else in the process is done."""
    pattern = path_pattern.read("/files/{a}-{b}-{c}-{d}-{e}.{f}/meta")

    assert pattern.match(f"/files/{'a-' * 5_000}/meta") is None
    found = pattern.match("/files/1-2-3-4-5.6.7/meta")
    assert found == {"a": "1", "b": "2", "c": "3", "d": "4", "e": "5", "f": "6.7"}


# RQL in memory

DOCUMENTS: list[dict[str, Any]] = [
    {"id": "a", "creationTimestamp": 1, "n": 1, "tags": ["x", "y"], "in": {"deep": [{"k": 1}]}},
    {"id": "b", "creationTimestamp": 2, "n": 1.5, "name": "oak", "none": None, "tags": []},
    {"id": "c", "creationTimestamp": 3, "n": "1", "name": "Oakley", "in": [{"deep": [{"k": 2}]}]},
    {"id": "d", "creationTimestamp": 4, "n": True, "name": 7, "in": {"deep": {"k": 3}}},
]
QUERIES = [
    *("n=1", "n=1.5", "n=true", "n=string:1", "ne(n,1)", "gt(n,1)", "le(n,1)", "lt(name,p)"),
    *("tags=x", "in(tags,y,z)", "out(tags,y,z)", "none=null", "ne(none,null)", "name=null"),
    *("like(name,Oak)", "like(name,ak)", "contains(in)", "excludes(in)", "in.deep.k=1"),
    *("in.deep.k>1", "contains(in.deep,eq(k,2))", "contains(in.deep,gt(k,2))", "tags.0=x"),
    *("or(n=1,name=oak)", "and(n>0,or(name=oak,tags=x))", "excludes(in.deep,eq(k,1))"),
    *("sort(n)", "sort(-n)", "sort(name,-n)", "limit(2)", "limit(2,1)", "n>0&limit(1)"),
]


@pytest.mark.parametrize("text", QUERIES)
def test_rql_in_memory_means_what_it_means_in_the_database(text: str) -> None:
    query = parser.parse(text)

    found, total = documents.page(DOCUMENTS, query)

    assert ([each["id"] for each in found], total) == rql_oracle.answer(DOCUMENTS, query)


def test_a_time_in_a_query_matches_text_that_is_that_time() -> None:
    rows = [{"at": "2026-01-02T03:04:05.678Z"}, {"at": "2026-01-03"}, {"at": "later"}, {"at": 3}]

    def found(text: str) -> list[Any]:
        return [each["at"] for each in documents.page(rows, parser.parse(text))[0]]

    assert found("at=2026-01-03") == ["2026-01-03"]
    assert found("at=2026-01-02T04:04:05.678%252B01:00") == ["2026-01-02T03:04:05.678Z"]
    assert found("at>2026-01-02T03:04:05.678Z") == ["2026-01-03"]
    assert found("ge(at,2026-01-02)") == ["2026-01-02T03:04:05.678Z", "2026-01-03"]


def test_meaning_tells_dates_and_texts_apart() -> None:
    assert meaning.difference(meaning.read("a=2026-01-02"), meaning.read("a=string:2026-01-02"))
    assert meaning.read("a=2026-01-02") == Query(
        where=meaning.read("eq(a,date:2026-01-02)").where, limit=0
    )
    assert datetime(2026, 1, 2, tzinfo=timezone.utc) in meaning.read("a=2026-01-02").where.values  # type: ignore[union-attr]


# Recording


@pytest.mark.parametrize(
    ("target", "headers", "is_taken"),
    [
        ("/data/v1?eq(a,1)", (), True),
        ("//evil.example/x", (), True),
        ("@evil.example/", (), False),
        ("*", (), False),
        ("", (), False),
        ("/data/v1", (("x-taskdock-recording", "1"),), False),
    ],
)
def test_a_call_is_handed_on_once_and_to_the_cluster_alone(
    target: str, headers: tuple[tuple[str, str], ...], is_taken: bool
) -> None:
    cluster = Cluster("https://api.example.com", {}, own_port=8080)
    now = datetime(2026, 1, 2, tzinfo=timezone.utc)

    call = ServiceCall(method="GET", path="/", target=target, headers=headers, at=now)

    assert cluster.takes(call) is is_taken


# Masks


def test_a_mask_is_one_word_for_one_secret_and_leads_back_to_it() -> None:
    masks = Masks(["walnut-credential"])
    value = {"token": "abcdef", "password": 1234, "ok": "abcdef-walnut-credential", "tokens": ["x"]}
    masks.learn(value)

    masked = masks.json(value)

    assert masked["token"].startswith("masked-")
    assert masked["token"] in masked["ok"]
    assert "walnut" not in masked["ok"]
    assert masked["password"] == 0
    assert masked["tokens"] != ["x"]
    assert masks.revealed(f"/files/{masked['token']}") == "/files/abcdef"
    assert masks.json(masked) == masked


def test_what_is_said_of_a_secret_is_none_and_a_short_one_is_left_where_it_is_another_word() -> (
    None
):
    masks = Masks()
    grant = {"token_type": "bearer", "tokenExpiry": 3600, "passwordPolicy": "strict"}
    masks.learn({**grant, "password": "data", "accessToken": "walnut"})
    masks.learn_query("tokenType=bearer")
    masks.learn_query("token" * 5_000)  # it takes no time

    assert masks.json(grant) == grant
    assert masks.json({"password": "data"}) != {"password": "data"}
    assert masks.text("/data/v1/bearer") == "/data/v1/bearer"
    assert "walnut" not in masks.text("/data/v1/walnut")
