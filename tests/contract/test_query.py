"""Queries against a real database: the same answer as plain Python, and by way of the indexes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from taskdock.base.errors import BadQuery
from taskdock.base.timing.clock import from_epoch
from taskdock.store.database import Store
from taskdock.store.query.fields import TASK_FIELDS
from taskdock.store.query.model import (
    And,
    Compare,
    Contains,
    In,
    Like,
    Not,
    Or,
    Query,
    Sort,
    project,
)
from taskdock.store.query.sqlite import find
from taskdock.store.tables import TagRow, TaskRow
from taskdock.web.common.rql import parser as rql
from taskdock.web.common.rql import reader
from tests.support.rql_oracle import answer

EPOCH = from_epoch(1_700_000_000_000)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    store = Store(tmp_path_factory.mktemp("store") / "state.db")
    yield store
    store.close()


def keep(store: Store, documents: list[dict[str, Any]]) -> None:
    """Makes `documents` the only tasks there are."""
    columns = {name: field.column.name for name, field in TASK_FIELDS.by_name.items()}
    with store.transaction():
        for table in (TaskRow, TagRow):
            table.delete().execute(store.db)
        for document in documents:
            row = {columns[name]: value for name, value in document.items()}
            TaskRow.insert(row).execute(store.db)
            for position, tag in enumerate(document.get("tags", [])):
                tagged = {"task_id": document["id"], "position": position, "tag": tag}
                TagRow.insert(tagged).execute(store.db)


def task(number: int, **fields: Any) -> dict[str, Any]:
    created = EPOCH + timedelta(seconds=number)
    return {
        "id": f"{number:024x}",
        "functionName": "hello",
        "status": "new",
        "statusChangedTimestamp": created,
        "startTimestamp": created,
        "priority": 0,
        "creationTimestamp": created,
        "updateTimestamp": created,
        **fields,
    }


def found(store: Store, text: str) -> list[int]:
    """The numbers of the tasks that RQL finds, sorted."""
    rows, _ = find(store.db, TaskRow, TASK_FIELDS, rql.parse(text))
    return sorted(int(row.id, 16) for row in rows)


# --- the meaning, against plain Python ---

# Few and often the same, so that queries meet what they ask for; the odd ones are rarer.
ODD_KEYS = ["1", "é", 'q"', "it's", "back\\slash", "$", "x y", "%"]
ODD_TEXTS = ["", "A", "ab", "100%", "_", 'q"', "it's", "\\", "1", "true", "null", "é😀", "[", "\n"]
KEYS = st.sampled_from([*("a", "b", "0") * 8, *ODD_KEYS])
TEXTS = st.sampled_from([*("a", "b") * 8, *ODD_TEXTS])
NUMBERS = st.sampled_from([0, 1, 1, -1, 2, 1.0, 0.5, -2.25, 1e3, 2**53])
SCALARS = st.none() | st.booleans() | NUMBERS | TEXTS
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.dictionaries(
    KEYS, JSON | st.lists(st.dictionaries(KEYS, JSON)), min_size=1, max_size=4
)
MOMENTS = st.integers(0, 3).map(lambda second: EPOCH + timedelta(seconds=second))
STATUSES = st.sampled_from(["new", "inProgress", "complete"])
OPTIONAL = {
    "data": OBJECTS | st.lists(JSON, max_size=3) | NUMBERS | TEXTS,
    "tags": st.lists(TEXTS, max_size=3),
    "createdByUserId": TEXTS,
    "error": st.fixed_dictionaries({"name": TEXTS, "message": TEXTS}),
}
TASKS = st.lists(
    st.fixed_dictionaries(
        {"status": STATUSES, "priority": st.integers(-2, 2), "creationTimestamp": MOMENTS},
        optional=OPTIONAL,
    ),
    min_size=3,
    max_size=12,
).map(lambda rows: [task(number, **row) for number, row in enumerate(rows)])

INNER_PATHS = st.lists(KEYS, min_size=1, max_size=2).map(tuple)
NAMES = st.sampled_from(["status", "priority", "creationTimestamp", "createdByUserId"]).map(
    lambda name: (name,)
)
PATHS = st.one_of(
    NAMES,
    st.sampled_from([("tags",), ("tags", "0"), ("tags", "2"), ("error", "name"), ("data",)]),
    INNER_PATHS.map(lambda path: ("data", *path)),
    st.lists(KEYS, min_size=1, max_size=3).map(lambda path: ("data", *path)),
)
VALUES = SCALARS | STATUSES | MOMENTS


def leaves(paths: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    compared = st.builds(Compare, paths, st.sampled_from(["gt", "ge", "lt", "le"]), VALUES)
    return negatable(paths) | compared | st.builds(Like, paths, TEXTS)


def negatable(paths: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    several = st.lists(VALUES, min_size=1, max_size=3).map(tuple)
    return st.builds(In, paths, st.tuples(VALUES) | several) | st.builds(Contains, paths)


def conditions(
    paths: st.SearchStrategy[Any], contained: st.SearchStrategy[Any]
) -> st.SearchStrategy[Any]:
    containing = st.builds(Contains, paths, contained)
    return st.recursive(
        leaves(paths) | containing | st.builds(Not, negatable(paths) | containing),
        lambda inner: st.builds(
            lambda kind, parts: kind(tuple(parts)),
            st.sampled_from([And, Or]),
            st.lists(inner, min_size=1, max_size=3),
        ),
        max_leaves=4,
    )


CONDITIONS = conditions(PATHS, conditions(INNER_PATHS, leaves(INNER_PATHS)))
SORTABLE = NAMES | st.sampled_from([("data",), ("data", "a"), ("data", "a", "b"), ("data", "x y")])
QUERIES = st.builds(
    Query,
    where=st.none() | CONDITIONS,
    sort=st.lists(st.builds(Sort, SORTABLE, st.booleans()), max_size=2).map(tuple),
    limit=st.integers(2, 12),
    offset=st.integers(0, 2),
)


@given(documents=TASKS, queries=st.lists(QUERIES, min_size=8, max_size=16))
@settings(max_examples=60, deadline=None)
def test_queries_answer_as_plain_python_does(
    store: Store, documents: list[dict[str, Any]], queries: list[Query]
) -> None:
    keep(store, documents)

    for query in queries:
        rows, total = find(store.db, TaskRow, TASK_FIELDS, query)

        assert ([row.id for row in rows], total) == answer(documents, query)


# --- the meaning, by example ---

EXAMPLES = [
    task(0, data={"patientId": 7, "name": "Ann's 100%"}, tags=["red", "blue"]),
    task(1, data={"patientId": "7", "visits": [{"ward": "A", "days": 3}, {"ward": "B"}]}),
    task(2, status="failed", error={"name": "TypeError"}, tags=["red"] * 6, priority=5),
    task(3, data={"patientId": None, "when": "2021-01-01", "rate": 1.5}, functionName="007"),
    task(4, data={"on": True, "list": [1, "b", [2]]}, createdByUserId="75719181e119729860123456"),
]


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("", [0, 1, 2, 3, 4]),
        ("eq(data.patientId,7)", [0]),
        ("eq(data.patientId,string:7)", [1]),
        ("eq(data.patientId,null)", [2, 3, 4]),
        ("ne(data.patientId,7)", [1, 2, 3, 4]),
        ("out(data.patientId,7,null)", [1]),
        ("contains(data.patientId)", [0, 1, 3]),
        ("excludes(data.patientId)", [2, 4]),
        ("data.rate>1", [3]),
        ("data.rate>string:1", []),
        ("data.on=true", [4]),
        ("data.on=1", []),
        ("data.list=b", [4]),
        ("data.list=1", [4]),
        ("data.list=2", []),
        ("data.list.0=1", [4]),
        ("data.list.2=2", [4]),
        ("data.visits.ward=B", [1]),
        ("data.visits.1.ward=B", [1]),
        ("and(eq(data.visits.ward,B),eq(data.visits.days,3))", [1]),
        ("contains(data.visits,eq(ward,B),eq(days,3))", []),
        ("contains(data.visits,eq(ward,A),eq(days,3))", [1]),
        ("excludes(data.visits,eq(ward,A))", [0, 2, 3, 4]),
        ("contains(data,eq(patientId,7))", [0]),
        ("data.when=2021-01-01", []),
        ("data.when=string:2021-01-01", [3]),
        ("like(data.name,Ann%2527s)", [0]),
        ("like(data.name,0%2525)", [0]),
        ("like(data.name,ann)", []),
        ("like(data.patientId,7)", [1]),
        ("like(tags,lu)", [0]),
        ("tags=red", [0, 2]),
        ("ne(tags,red)", [1, 3, 4]),
        ("in(tags,blue,green)", [0]),
        ("tags=null", [1, 3, 4]),
        ("excludes(tags.5)", [0, 1, 3, 4]),
        ("tags.1=blue", [0]),
        ("functionName=007", [3]),
        ("createdByUserId=75719181e119729860123456", [4]),
        ("createdByUserId=null", [0, 1, 2, 3]),
        ("ne(createdByUserId,75719181e119729860123456)", [0, 1, 2, 3]),
        ("error.name=TypeError", [2]),
        ("priority>1.5", [2]),
        ("in(id,000000000000000000000001,000000000000000000000003)", [1, 3]),
        ("creationTimestamp>=2023-11-14T22:13:23.000Z", [3, 4]),
        ("creationTimestamp<2023-11-14T22:13:20.001Z", [0]),
        ("creationTimestamp=2023-11-14T23:13:21%2B01:00", [1]),
        ("or(status=failed,data.on=true)&priority<1", [4]),
    ],
)
def test_rql_finds(store: Store, text: str, numbers: list[int]) -> None:
    keep(store, EXAMPLES)

    assert found(store, text) == numbers


def test_a_page_has_a_place_and_a_total(store: Store) -> None:
    keep(store, [task(number) for number in range(5)])

    rows, total = find(
        store.db, TaskRow, TASK_FIELDS, rql.parse("sort(-creationTimestamp)&limit(2,1)")
    )

    assert ([int(row.id, 16) for row in rows], total) == ([3, 2], 5)


def test_without_a_sort_tasks_come_as_they_were_created(store: Store) -> None:
    keep(store, [task(2), task(0), task(1)])

    rows, _ = find(store.db, TaskRow, TASK_FIELDS, Query())

    assert [int(row.id, 16) for row in rows] == [0, 1, 2]


def test_skipping_the_count_leaves_no_total(store: Store) -> None:
    _, total = find(store.db, TaskRow, TASK_FIELDS, rql.parse("skipCount()"))

    assert total is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("claim=1", "unknown field 'claim'; known: id, functionName"),
        ("sort(claimed_by)", "unknown field 'claimed_by'"),
        ("status.name=new", "'status' has nothing inside, so not 'status.name'"),
        ("sort(data.a%2522b)", "cannot sort by"),
        ("contains(data.a," * 4 + "b=1" + ")" * 4, "nest 3 deep at most"),
    ],
)
def test_what_a_table_cannot_answer_is_said(store: Store, text: str, message: str) -> None:
    with pytest.raises(BadQuery, match=message):
        find(store.db, TaskRow, TASK_FIELDS, rql.parse(text))


DEEPEST = ".".join(["data"] + ["a"] * (reader.MAX_KEYS - 1))
LARGEST = {
    "conditions": "&".join(f"{DEEPEST}={n}" for n in range(reader.MAX_OPERATORS)),
    "alternatives": f"or({','.join(f'data.a={n}' for n in range(reader.MAX_OPERATORS - 1))})",
    "values": f"in(data.a,{','.join('1' * (reader.MAX_LENGTH // 2 - 10))})",
    "tags": f"out(tags,{','.join('a' * (reader.MAX_LENGTH // 2 - 10))})",
    "nesting": "or(data.a=1," * 4 + "excludes(data.b," * 3 + "in(c,1,a,null)" + ")" * 7,
    "sorts": f"sort({','.join([DEEPEST] * rql.MAX_SORTS)})",
    "offset": "limit(50,999999999)",
}


@pytest.mark.parametrize("text", LARGEST.values(), ids=LARGEST.keys())
def test_the_largest_queries_stay_within_the_database_limits(store: Store, text: str) -> None:
    keep(store, EXAMPLES)

    find(store.db, TaskRow, TASK_FIELDS, rql.parse(text))


# --- the indexes ---


@pytest.mark.parametrize(
    ("text", "index"),
    [
        ("status=failed&sort(-creationTimestamp)", "task_by_status"),
        ("status=failed&sort(creationTimestamp)", "task_by_status"),
        ("functionName=hello&sort(-creationTimestamp)", "task_by_function"),
        ("tags=red", "task_tag_by_tag"),
        ("in(tags,red,blue)&sort(-creationTimestamp)", "task_tag_by_tag"),
        ("creationTimestamp>=2023-11-14&sort(creationTimestamp)", "task_by_creation"),
        ("startTimestamp>=2023-11-14&sort(startTimestamp)", "task_by_start"),
        ("sort(-creationTimestamp)", "task_by_creation"),
        ("", "task_by_creation"),
        ("in(id,000000000000000000000001,000000000000000000000002)", "autoindex_task"),
    ],
)
def test_a_query_goes_by_an_index(store: Store, text: str, index: str) -> None:
    plan = plan_of(store, text)

    assert index in "\n".join(plan)
    assert not [step for step in plan if step.startswith("SCAN") and "INDEX" not in step]


@pytest.mark.parametrize("name", ["status", "functionName"])
def test_a_filtered_page_by_creation_is_not_sorted_as_a_whole(store: Store, name: str) -> None:
    plan = plan_of(store, f"{name}=failed&sort(-creationTimestamp)")

    assert "USE TEMP B-TREE FOR ORDER BY" not in plan  # only its RIGHT PART: equal timestamps


def plan_of(store: Store, text: str) -> list[str]:
    """SQLite's plan for the page of rows."""
    statements: list[str] = []
    connection = store.db.connection()
    connection.set_trace_callback(statements.append)
    find(store.db, TaskRow, TASK_FIELDS, rql.parse(text + "&skipCount()"))
    connection.set_trace_callback(None)
    (statement,) = statements
    return [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}")]


# --- select ---

DOCUMENT = {"id": "1", "data": {"a": 1, "b": {"c": 2, "d": 3}, "l": [{"x": 1, "y": 2}, 5]}}


@pytest.mark.parametrize(
    ("text", "document"),
    [
        ("", DOCUMENT),
        ("select(id)", {"id": "1"}),
        ("select(id,nothing)", {"id": "1"}),
        ("select(data.b.c,id)", {"id": "1", "data": {"b": {"c": 2}}}),
        ("select(data.b.c,data.b)", {"data": {"b": {"c": 2, "d": 3}}}),
        ("select(data.b,data.b.c)", {"data": {"b": {"c": 2, "d": 3}}}),
        ("select(data.l.x)", {"data": {"l": [{"x": 1}]}}),
        ("select(id.x)", {}),
    ],
)
def test_select_trims_a_document(text: str, document: dict[str, Any]) -> None:
    before = json.dumps(DOCUMENT)

    assert project(DOCUMENT, rql.parse(text).select) == document
    assert json.dumps(DOCUMENT) == before
