"""RQL: texts and the queries they are, or what is said against them."""

from __future__ import annotations

import time
from contextlib import suppress
from datetime import datetime, timezone
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from taskdock.base.errors import BadQuery
from taskdock.base.timing.clock import to_iso, to_milliseconds
from taskdock.store.query.model import (
    And,
    Compare,
    Condition,
    Contains,
    In,
    Like,
    Not,
    Or,
    Query,
    Sort,
    Value,
)
from taskdock.web.common.rql.parser import (
    FunctionLogQuery,
    LogQuery,
    parse,
    parse_function_logs,
    parse_logs,
)
from taskdock.web.common.rql.reader import MAX_LENGTH

NEW = In(("status",), ("new",))
A, B, C = (In((name,), (1,)) for name in "abc")
NOON = datetime(2021, 12, 10, 12, 0, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        ("", None),
        ("&", None),
        ("eq(status,new)", NEW),
        ("status=new", NEW),
        ("status==new", NEW),
        ("status=eq=new", NEW),
        ("ne(a,1)", Not(A)),
        ("a!=1", Not(A)),
        ("a=ne=1", Not(A)),
        ("gt(a,1)", Compare(("a",), "gt", 1)),
        ("a>1", Compare(("a",), "gt", 1)),
        ("a>=1", Compare(("a",), "ge", 1)),
        ("a%3E=1", Compare(("a",), "ge", 1)),
        ("a<1", Compare(("a",), "lt", 1)),
        ("a%3C1", Compare(("a",), "lt", 1)),
        ("a=le=1", Compare(("a",), "le", 1)),
        ("in(a,1,x)", In(("a",), (1, "x"))),
        ("in(a,)", In(("a",), ("",))),
        ("out(a,1)", Not(A)),
        ("like(a,1)", Like(("a",), "1")),
        ("like(a,string:1)", Like(("a",), "1")),
        ("like(a,)", Like(("a",), "")),
        ("contains(a)", Contains(("a",))),
        ("contains(a,b=1)", Contains(("a",), B)),
        ("contains(a,eq(b,1),eq(c,1))", Contains(("a",), And((B, C)))),
        ("contains(a,and(eq(b,1),eq(c,1)))", Contains(("a",), And((B, C)))),
        ("excludes(tags.5)", Not(Contains(("tags", "5")))),
        ("excludes(a,b=1)", Not(Contains(("a",), B))),
        ("a=1&b=1", And((A, B))),
        ("and(a=1,b=1)", And((A, B))),
        ("and(a=1,and(b=1,c=1))", And((A, B, C))),
        ("and(a=1)", A),
        ("&a=1&&b=1&", And((A, B))),
        ("or(a=1,eq(b,1))", Or((A, B))),
        ("or(a=1,and(b=1,c=1))", Or((A, And((B, C))))),
        ("eq(data.patient.0.id,7)", In(("data", "patient", "0", "id"), (7,))),
        ("eq(data.first%2520name,x)", In(("data", "first name"), ("x",))),
    ],
)
def test_a_text_is_a_condition(text: str, condition: Condition | None) -> None:
    assert parse(text) == Query(where=condition)


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("new", "new"),
        ("", ""),
        ("true", True),
        ("false", False),
        ("null", None),
        ("True", "True"),
        ("5", 5),
        ("-5", -5),
        ("1.5", 1.5),
        ("%252D1%252E5", -1.5),
        ("007", "007"),
        ("1.0", "1.0"),
        ("1e3", "1e3"),
        ("+5", "+5"),
        ("-0", "-0"),
        ("Infinity", "Infinity"),
        ("9007199254740991", 9007199254740991),
        ("75719181e119729860123456", "75719181e119729860123456"),
        ("123456789012345678901234", "123456789012345678901234"),
        ("2021-12-10", datetime(2021, 12, 10, tzinfo=timezone.utc)),
        ("2021-12-10T12:00:00.000Z", NOON),
        ("2021-12-10T12:00Z", NOON),
        ("2021-12-10T12:00:00", NOON),
        ("2021-12-10T12:00:00.0009Z", NOON),
        ("2021-12-10T12:00:00.5Z", NOON.replace(microsecond=500_000)),
        ("2021-12-10T12:00:00.25Z", NOON.replace(microsecond=250_000)),
        ("2021-12-10T12:00:00.05Z", NOON.replace(microsecond=50_000)),
        ("2021-12-10T12:00:00.1239Z", NOON.replace(microsecond=123_000)),
        ("2021-12-10T14:00:00+02:00", NOON),
        ("2021%252D12%252D10T12%253A00%253A00%252E000Z", NOON),
        ("2021-13-10", "2021-13-10"),
        ("string:5", "5"),
        ("string:", ""),
        ("string:string:5", "string:5"),
        ("string%253A5", "5"),
        ("string:null", "null"),
        ("number:007", 7),
        ("number:1.50", 1.5),
        ("number:1e3", 1000),
        ("number:9007199254740993", 9007199254740992),
        ("date:2021-12-10T12:00:00Z", NOON),
        ("boolean:true", True),
        ("a%2529a", "a)a"),
        ("a%252Cb%2526c", "a,b&c"),
        ("100%2525", "100%"),
        ("%25C3%25A9%25F0%259F%2598%2580", "é😀"),
        ("it%2527s%2520%2522q%2522", 'it\'s "q"'),
        ("http%253A%252F%252Fx", "http://x"),
    ],
)
def test_a_word_is_a_value(word: str, value: Value) -> None:
    where = parse(f"eq(a,{word})").where

    assert isinstance(where, In)
    assert repr(where.values) == repr((value,))  # repr tells True from 1


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("limit(5)", Query(limit=5)),
        ("limit(10,20)", Query(limit=10, offset=20)),
        ("limit(51)", Query(limit=50)),
        ("limit(1)&limit(2)", Query(limit=2)),
        ("sort(a)", Query(sort=(Sort(("a",)),))),
        ("sort(-a,+b.c)", Query(sort=(Sort(("a",), descending=True), Sort(("b", "c"))))),
        ("sort(%2Ba)", Query(sort=(Sort(("a",)),))),
        ("select(id,data.a)", Query(select=(("id",), ("data", "a")))),
        ("skipCount()", Query(skip_count=True)),
        ("skip_count()", Query(skip_count=True)),
        ("and(a=1,limit(5),select(a))", Query(where=A, limit=5, select=(("a",),))),
        ("limit(3)&status=new", Query(where=NEW, limit=3)),
    ],
)
def test_a_text_is_a_page(text: str, query: Query) -> None:
    assert parse(text) == query


def test_the_limits_are_the_callers() -> None:
    assert parse("", default_limit=7).limit == 7
    assert parse("limit(100)", max_limit=70).limit == 70


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("status", "'status' is not an operator (at character 1)"),
        ("status=new&foo(a,1)", "unknown operator 'foo' (at character 12)"),
        ("a=foo=1", "unknown operator 'foo'"),
        ("sorted(a)", "unknown operator 'sorted' (at character 1); did you mean sort?"),
        ("(a,1)", "unknown operator ''"),
        ("a=1|b=1", "'|' does not belong here (at character 4)"),
        ("eq(a,1", "a closing parenthesis is missing (at character 7)"),
        ("eq(a,1))", "')' does not belong here (at character 8)"),
        ("eq(a,1)eq(b,1)", "'e' does not belong here (at character 8)"),
        ("or(a=1&b=1)", "'&' does not belong here"),
        ("like(a,a)a)", "'a' does not belong here (at character 10)"),
        ("like(a,a%29a)", "'a' does not belong here (at character 10)"),
        ("eq(a,b c)", "' ' must be percent-encoded twice (at character 7)"),
        ("eq(a,%C3%A9)", "'é' must be percent-encoded twice"),
        ("eq(a,b%2Fc)", "'/' must be percent-encoded twice"),
        ("eq(a,%FF)", "the query is not UTF-8"),
        ("eq(a,%25FF)", "a value in eq(...) is not UTF-8"),
        ("eq(a,100%25)", "a value in eq(...) is not percent-encoded twice"),
        ("eq(a,%2500)", "a value in eq(...) holds a NUL character"),
        ("eq(a)", "eq(...) cannot have 1 arguments (at character 1); it takes 2"),
        ("eq(a,1,2)", "eq(...) cannot have 3 arguments"),
        ("in(a)", "in(...) cannot have 1 arguments"),
        ("eq(a,eq(b,1))", "eq(...) takes no operators inside"),
        ("eq(,1)", "'' is not a field"),
        ("eq(a..b,1)", "'a..b' is not a field"),
        (f"{'a.' * 10}a=1", "more than 10 deep"),
        ("contains()", "'' is not a field"),
        ("contains(a=1)", "contains(...) begins with a field"),
        ("contains(tags,red)", "'red' in contains(...) is not a condition"),
        ("and()", "and(...) needs a condition"),
        ("or()", "or(...) needs a condition"),
        ("or(a,b)", "'a' in or(...) is not a condition"),
        ("or(a=1,limit(5))", "limit(...) can only stand at the top"),
        ("contains(a,select(b))", "select(...) can only stand at the top"),
        ("number=number:abc", "'abc' is not a number"),
        ("a=number:1e999", "'1e999' is not a number"),
        ("a=number:", "'' is not a number"),
        ("a=date:tomorrow", "'tomorrow' is not a date"),
        ("a=date:2021-02-30", "'2021-02-30' is not a date"),
        ("a=boolean:1", "'1' is not a boolean"),
        (
            "a=epoch:5",
            "unknown cast 'epoch' (at character 1); known: string, number, date, boolean",
        ),
        ("limit()", "limit(...) cannot have 0 arguments"),
        ("limit(0)", "limit(...) takes a whole number from 1 and an offset from 0"),
        ("limit(-1)", "limit(...) takes"),
        ("limit(1,-1)", "limit(...) takes"),
        ("limit(1,)", "limit(...) takes"),
        ("limit(1.5)", "limit(...) takes"),
        ("limit(9999999999)", "limit(...) takes"),
        ("limit(1,2,3)", "limit(...) cannot have 3 arguments"),
        ("sort()", "sort(...) cannot have 0 arguments"),
        ("sort(-)", "'' is not a field"),
        ("select()", "select(...) cannot have 0 arguments"),
        ("skipCount(1)", "skipCount(...) cannot have 1 arguments"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(text: str, message: str) -> None:
    with pytest.raises(BadQuery) as caught:
        parse(text)

    assert caught.value.message.startswith("RQL: ")
    assert message in caught.value.message


def test_a_query_is_as_long_as_it_may_be_and_no_longer() -> None:
    longest = f"eq(a,{'b' * (MAX_LENGTH - 6)})"

    assert parse(longest) == Query(where=In(("a",), ("b" * (MAX_LENGTH - 6),)))
    with pytest.raises(BadQuery, match="16384 characters at most"):
        parse(f"&{longest}")


HOSTILE = {
    "too long": "a" * (MAX_LENGTH + 1),
    "open": "(" * MAX_LENGTH,
    "close": ")" * MAX_LENGTH,
    "nested": "and(" * (MAX_LENGTH // 4),
    "percent": "%" * MAX_LENGTH,
    "encoded percent": "%2525" * (MAX_LENGTH // 5),
    "equals": "=" * MAX_LENGTH,
    "operators": "a=1&" * (MAX_LENGTH // 4),
    "sorts": f"sort({',' * (MAX_LENGTH - 6)})",
    "keys": f"eq({'a.' * 8000},1)",
    "digits": f"a=number:{'9' * 16_000}",
    "exponent": f"a=number:1e{'9' * 16_000}",
    "wide digits": "a=number:%25D9%25A1",  # an Arabic one
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_text_is_refused_at_once(text: str) -> None:
    started = time.thread_time()  # whatever else the machine has to do

    with pytest.raises(BadQuery) as caught:
        parse(text)

    assert time.thread_time() - started < 0.5
    assert len(caught.value.message) < 200


# --- what clients send ---


@pytest.mark.parametrize(
    ("text", "query"),
    [  # the texts are the builder's of the JavaScript SDK 8.14.1
        (
            "ge(creationTimestamp,2021%252D12%252D10T12%253A00%253A00%252E000Z)",
            Query(where=Compare(("creationTimestamp",), "ge", NOON)),
        ),
        (
            "or(lt(data.rate,50%252E5),and(eq(data.n,it%2527s%2520%2528a%2529%2520%257E%252C),"
            "gt(data.m,%252D5)))&select(id,data.rate)",
            Query(
                where=Or(
                    (
                        Compare(("data", "rate"), "lt", 50.5),
                        And(
                            (In(("data", "n"), ("it's (a) ~,",)), Compare(("data", "m"), "gt", -5))
                        ),
                    )
                ),
                select=(("id",), ("data", "rate")),
            ),
        ),
        (
            "like(functionName,a%255Fb%2525)&eq(data.phone,string%253A123)&limit(50)&skipCount()",
            Query(
                where=And((Like(("functionName",), "a_b%"), In(("data", "phone"), ("123",)))),
                limit=50,
                skip_count=True,
            ),
        ),
    ],
)
def test_the_sdk_is_understood(text: str, query: Query) -> None:
    assert parse(text) == query


# --- whatever can be asked can be written ---

KEYS = st.text(st.characters(codec="utf-8", exclude_characters=".\0"), min_size=1, max_size=5)
PATHS = st.lists(KEYS, min_size=1, max_size=3).map(tuple)
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8)
MOMENTS = st.datetimes(timezones=st.just(timezone.utc)).map(to_milliseconds)
VALUES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.sampled_from([0.5, -2.25, 1e-9, 1.7976931348623157e308, 5e-324])
    | TEXTS
    | MOMENTS
)
LEAVES = st.one_of(
    st.builds(In, PATHS, st.lists(VALUES, min_size=1, max_size=3).map(tuple)),
    st.builds(Compare, PATHS, st.sampled_from(["gt", "ge", "lt", "le"]), VALUES),
    st.builds(Like, PATHS, TEXTS),
    st.builds(Contains, PATHS),
    st.builds(In, PATHS, st.tuples(VALUES)).map(Not),
)
CONDITIONS = st.recursive(
    LEAVES,
    lambda inner: (
        st.builds(Contains, PATHS, inner)
        | st.lists(inner, min_size=1, max_size=3).map(lambda parts: Or(tuple(parts)))
        | st.builds(Contains, PATHS, inner).map(Not)
    ),
    max_leaves=4,
)


@given(where=CONDITIONS)
@settings(max_examples=200, deadline=None)
def test_a_condition_written_as_the_sdk_does_is_read_again(where: Condition) -> None:
    assert parse(written(where)).where == where


@given(text=st.text(max_size=60) | st.text("aeqinor(),.&=<>!%25+-:", max_size=60))
@settings(max_examples=300, deadline=None)
def test_any_text_is_a_query_or_a_bad_one(text: str) -> None:
    with suppress(BadQuery):
        assert isinstance(parse(text), Query)


def written(condition: Any) -> str:
    name = type(condition).__name__.lower()
    match condition:
        case Or(conditions):
            return f"or({','.join(map(written, conditions))})"
        case Not(inner):
            negation = {In: "out", Contains: "excludes"}[type(inner)]
            return negation + written(inner)[len(type(inner).__name__) :]
        case In(_, values):
            arguments = [cast(value) for value in values]
        case Compare(_, name, value):
            arguments = [cast(value)]
        case Like(_, text):
            arguments = [cast(text)]
        case Contains(_, inner):
            arguments = [written(inner)] if inner else []
    return f"{name}({','.join([encoded('.'.join(condition.path)), *arguments])})"


def cast(value: Value) -> str:
    if isinstance(value, str):
        return encoded(f"string:{value}")
    if isinstance(value, datetime):
        return encoded(f"date:{to_iso(value)}")
    if isinstance(value, float):
        return encoded(f"number:{value!r}")
    return {None: "null", True: "true", False: "false"}.get(value, encoded(str(value)))


def encoded(text: str) -> str:
    return quote(quote(text, safe=""), safe="").replace("~", "%257E")


# --- logs ---

TEN, ELEVEN = (datetime(2021, 12, 10, hour, tzinfo=timezone.utc) for hour in (10, 11))
DAY = "eventTimestamp>=2021-12-10T10:00:00Z&eventTimestamp<="


@pytest.mark.parametrize(
    ("text", "logs"),
    [
        ("", LogQuery(None, 100, 0)),
        ("timestamp>=2021-12-10T10:00:00.000Z", LogQuery(TEN, 100, 0)),
        ("timestamp%3E=2021-12-10T10:00:00Z", LogQuery(TEN, 100, 0)),
        ("ge(timestamp,2021-12-10T10:00:00Z)&limit(5,10)", LogQuery(TEN, 5, 10)),
        ("limit(5000)", LogQuery(None, 1000, 0)),
    ],
)
def test_logs_are_asked_from_a_time_on(text: str, logs: LogQuery) -> None:
    assert parse_logs(text) == logs


@pytest.mark.parametrize(
    "text",
    [
        "timestamp>2021-12-10",
        "timestamp<=2021-12-10",
        "timestamp=2021-12-10",
        "timestamp>=now",
        "message>=2021-12-10",
        "timestamp.x>=2021-12-10",
        "or(timestamp>=2021-12-10,timestamp>=2021-12-11)",
        "timestamp>=2021-12-10&timestamp>=2021-12-11",
        "timestamp>=2021-12-10&like(message,x)",
        "sort(-timestamp)",
        "select(message)",
        "skipCount()",
    ],
)
def test_logs_can_be_asked_nothing_else(text: str) -> None:
    with pytest.raises(BadQuery, match=r"only ge\(timestamp,<date>\) and limit"):
        parse_logs(text)


def test_logs_of_a_function_are_asked_for_a_period() -> None:
    logs = parse_function_logs(f"{DAY}2021-12-10T11:00:00Z&limit(5)")

    assert logs == FunctionLogQuery(TEN, ELEVEN, 5, 0)


@pytest.mark.parametrize("end", ["2021-12-10T10:00:00Z", "2021-12-11T10:00:00Z"])
def test_a_period_may_be_one_moment_and_a_whole_day(end: str) -> None:
    assert parse_function_logs(f"{DAY}{end}").since == TEN


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "are needed"),
        ("eventTimestamp>=2021-12-10", "are needed"),
        (f"{DAY}2021-12-11T10:00:00.001Z", "24 hours at most"),
        (f"{DAY}2021-12-10T09:00:00Z", "24 hours at most"),
        (f"{DAY}2021-12-10T11:00:00Z&timestamp>=2021-12-10", "only ge"),
    ],
)
def test_a_period_has_two_ends_within_a_day(text: str, message: str) -> None:
    with pytest.raises(BadQuery, match=message):
        parse_function_logs(text)
