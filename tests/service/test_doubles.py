"""Doubles over HTTP: rules, the order in which they are asked, answers, and recorded calls."""

from __future__ import annotations

import base64
import http.client
import json
import time
from typing import Any

import pytest
import requests
import yaml

from taskdock.base.strict_json import MAX_DEPTH
from taskdock.testing.fakes.runtime import FakeRuntime
from tests.support.builders import Dock, StartDock
from tests.support.doubles import add, ask, calls, from_container, refused
from tests.support.people import administrator, nobody, person, refusal

DOCUMENTS = "/data/v1/rooms/documents"
ID = "0123456789abcdef01234567"


@pytest.fixture(autouse=True)
def _cleared(request: pytest.FixtureRequest) -> None:
    """The server that tests share has no doubles and no calls when one begins."""
    if "shared" in request.fixturenames:
        dock = request.getfixturevalue("shared")
        assert nobody(dock).ask("DELETE", "/taskdock/doubles").ok


# Matching


def test_a_rule_answers_calls_of_its_method_and_path_alone(shared: Dock) -> None:
    add(shared, "GET", DOCUMENTS, {"status": 201, "json": {"data": [1]}})

    answer = ask(shared, "GET", f"{DOCUMENTS}/?limit(3)")

    assert (answer.status_code, answer.json()) == (201, {"data": [1]})
    assert answer.headers["Content-Type"] == "application/json"
    assert ask(shared, "POST", DOCUMENTS, {}).status_code == 404
    assert ask(shared, "GET", f"{DOCUMENTS}/x").status_code == 404


def test_a_path_has_variables_for_one_part_or_for_all_that_follows(shared: Dock) -> None:
    add(shared, "GET", "/data/v1/{schema}/documents/{id}/", {"text": "one"})
    add(shared, "GET", "/files/v1/{rest:path}", {"text": "many"})

    assert ask(shared, "GET", f"{DOCUMENTS}/7").text == "one"
    assert ask(shared, "GET", f"{DOCUMENTS}/7/8").status_code == 404
    assert ask(shared, "GET", "/files/v1/a/b/c").text == "many"
    assert ask(shared, "GET", "/files/v1/").status_code == 404


def test_a_path_is_compared_decoded(shared: Dock) -> None:
    add(shared, "GET", "/shops/J%C3%BCrgen's {id}", {"text": "umlaut"})

    assert ask(shared, "GET", "/shops/J%c3%bcrgen's%207").text == "umlaut"


@pytest.mark.parametrize(
    ("wanted", "asked", "is_same"),
    [
        ("eq(name,Ada)&limit(3)", "limit(3)&eq(name,Ada)", True),
        ("eq(name,Ada)", "name=Ada", True),
        ("?eq(name,Ada)", "eq(name,Ada)&sort(-name)&limit(50)&select(id)", True),
        ("in(name,a,b)", "in(name,b,a)", True),
        ("and(eq(a,1),or(eq(b,2),eq(c,3)))", "or(eq(c,3),eq(b,2))&a=1", True),
        ("contains(a,eq(b,1),eq(c,2))", "contains(a,eq(c,2),eq(b,1))", True),
        ("gt(age,7)", "age>7", True),
        ("", "limit(5)", True),
        ("", "eq(name,Ada)", False),
        ("eq(name,Ada)", "eq(name,ada)", False),
        ("eq(name,1)", "eq(name,string:1)", False),
        ("eq(name,1)", "eq(name,true)", False),
        ("gt(age,1)", "ge(age,1)", False),
        ("eq(name,Ada)&limit(3)", "eq(name,Ada)&limit(4)", False),
        ("eq(name,Ada)&limit(3)", "eq(name,Ada)", False),
        ("sort(-name)", "sort(name)", False),
        ("select(id,name)", "select(name,id)", True),
        ("select(id)", "select(name,id)", False),
        ("and(eq(a,1),eq(b,2))", "or(eq(a,1),eq(b,2))", False),
        ("eq(name,Ada)", "page=2%", False),
    ],
)
def test_rql_is_compared_by_its_meaning(
    shared: Dock, wanted: str, asked: str, is_same: bool
) -> None:
    add(shared, "GET", DOCUMENTS, rql=wanted)

    assert ask(shared, "GET", f"{DOCUMENTS}?{asked}").status_code == (200 if is_same else 404)


def test_a_query_header_or_body_may_have_more_than_a_rule_says(shared: Dock) -> None:
    add(
        shared,
        "POST",
        "/shop/orders",
        query={"page": 2, "sure": True, "tag": ["a", "b"]},
        headers={"X-Tenant": "oak"},
        body={"customer": {"name": "Ada"}, "lines": [{"item": 1}, {}]},
    )
    path = "/shop/orders?tag=a&page=2&sure=true&tag=b&more="
    body = {"customer": {"name": "Ada", "age": 7}, "lines": [{"item": 1, "n": 2}, {"x": 0}]}
    headers = {"x-tenant": "oak", "X-Other": "elm"}

    assert ask(shared, "POST", path, body, headers=headers).status_code == 200
    others: list[tuple[str, Any, dict[str, str]]] = [
        (path.replace("page=2", "page=3"), body, headers),
        (path.replace("tag=b", ""), body, headers),
        (path, body, {"x-tenant": "elm"}),
        (path, {**body, "lines": [{"item": 1}]}, headers),
        (path, {**body, "lines": [{"item": True}, {}]}, headers),
        (path, {**body, "customer": None}, headers),
        (path, [body], headers),
        (path, None, headers),
    ]
    for other in others:
        answer = ask(shared, "POST", other[0], other[1], headers=other[2])
        assert answer.status_code == 404, other


def test_a_body_may_be_text(shared: Dock) -> None:
    add(shared, "POST", "/soap", {"text": "<ok/>"}, body="<ask/>")

    assert ask(shared, "POST", "/soap", data=b"<ask/>").text == "<ok/>"
    assert ask(shared, "POST", "/soap", data=b"<tell/>").status_code == 404


def test_any_stands_for_every_method_and_head_is_answered_as_get_without_a_body(
    shared: Dock,
) -> None:
    add(shared, "any", "/shop", {"text": "any"})
    add(shared, "get", "/shop", {"text": "get"})

    assert ask(shared, "PATCH", "/shop").text == "any"
    assert ask(shared, "OPTIONS", "/shop").text == "any"
    head = ask(shared, "HEAD", "/shop")
    assert (head.status_code, head.text, head.headers["Content-Length"]) == (200, "", "3")


# The order


def test_the_newest_rule_is_asked_first_and_one_with_times_is_used_up(shared: Dock) -> None:
    add(shared, "GET", "/shop", {"text": "old"})
    new = add(shared, "GET", "/shop", {"text": "new"}, times=2)

    assert [ask(shared, "GET", "/shop").text for _ in range(3)] == ["new", "new", "old"]
    assert nobody(shared).get(f"/taskdock/doubles/{new['id']}")["used"] == 2


def test_answers_come_one_after_another_and_the_last_one_stays(shared: Dock) -> None:
    add(shared, "GET", "/shop", answers=[{"status": 503}, {"text": "b"}, {"text": "c"}])

    found = [ask(shared, "GET", "/shop") for _ in range(4)]

    assert [(each.status_code, each.text) for each in found] == [
        (503, ""),
        (200, "b"),
        (200, "c"),
        (200, "c"),
    ]


def test_doubles_are_listed_as_they_are_asked_and_removed(shared: Dock) -> None:
    old, new = add(shared, "GET", "/a"), add(shared, "GET", "/b", description="why")

    listed = nobody(shared).get("/taskdock/doubles")["data"]

    assert [each["id"] for each in listed] == [new["id"], old["id"]]
    assert listed[0] == {
        "id": new["id"],
        "used": 0,
        "method": "GET",
        "path": "/b",
        "description": "why",
        "answer": {"json": {"data": []}},
    }
    gone = nobody(shared).ask("DELETE", f"/taskdock/doubles/{new['id']}")
    assert gone.json() == {"affectedRecords": 1}
    assert ask(shared, "GET", "/b").status_code == 404
    again = nobody(shared).ask("DELETE", f"/taskdock/doubles/{new['id']}")
    assert refusal(again) == (404, 16, "RESOURCE_UNKNOWN_EXCEPTION")
    assert nobody(shared).ask("DELETE", "/taskdock/doubles").json() == {"affectedRecords": 1}
    assert nobody(shared).get("/taskdock/doubles") == {"data": []}


# Answers


def test_an_answer_has_the_status_the_headers_and_the_bytes_that_it_says(shared: Dock) -> None:
    data = bytes(range(256))
    add(
        shared,
        "GET",
        "/picture",
        {
            "status": 404,
            "headers": {"Content-Type": "image/png", "Set-Cookie": ["a=1", "b=2"], "X-Wood": "oak"},
            "base64": base64.b64encode(data).decode(),
        },
    )

    answer = ask(shared, "GET", "/picture")

    assert (answer.status_code, answer.content) == (404, data)
    assert answer.headers["Content-Type"] == "image/png"
    assert answer.headers["X-Wood"] == "oak"
    assert dict(answer.cookies) == {"a": "1", "b": "2"}


def test_an_answer_without_a_body_has_none(shared: Dock) -> None:
    add(shared, "DELETE", "/shop/1", {"status": 204})

    answer = ask(shared, "DELETE", "/shop/1")

    assert (answer.status_code, answer.content) == (204, b"")
    assert "Content-Type" not in answer.headers


def test_a_delay_holds_the_answer_back_and_nobody_else(shared: Dock) -> None:
    add(shared, "GET", "/slow", {"text": "late", "delay": 0.4})
    add(shared, "GET", "/quick", {"text": "soon"})

    began = time.monotonic()
    assert ask(shared, "GET", "/slow").text == "late"

    assert time.monotonic() - began >= 0.4
    with pytest.raises(requests.exceptions.ReadTimeout):
        requests.get(f"{shared.url}/slow", timeout=0.1)
    assert ask(shared, "GET", "/quick").text == "soon"


def test_a_connection_is_reset_or_gets_no_answer_or_an_error_of_the_service(shared: Dock) -> None:
    add(shared, "GET", "/reset", {"failure": "connection_reset"})
    add(shared, "GET", "/silent", {"failure": "no_answer"})
    add(shared, "GET", "/broken", {"failure": 503})

    with pytest.raises(requests.exceptions.ConnectionError):
        requests.get(f"{shared.url}/reset", timeout=10)
    with pytest.raises(requests.exceptions.ReadTimeout):
        requests.get(f"{shared.url}/silent", timeout=0.3)
    assert refusal(ask(shared, "GET", "/broken")) == (503, 1, "SERVER_EXCEPTION")
    assert [(each["status"], each.get("failure")) for each in calls(shared)] == [
        (None, "connection_reset"),
        (None, "no_answer"),
        (503, None),
    ]


def test_bytes_that_a_silent_double_was_sent_are_given_back(shared: Dock) -> None:
    add(shared, "POST", "/silent", {"failure": "no_answer"})
    budget = shared.emulator.web.router.addresses

    with pytest.raises(requests.exceptions.ReadTimeout):
        requests.post(f"{shared.url}/silent", data=bytes(4_000_000), timeout=(10, 0.5))

    shared.eventually(lambda: budget.used == 0, "the budget is whole again")


# What no rule is for


def test_a_call_without_a_double_is_told_the_rule_to_write(shared: Dock) -> None:
    path = f"{DOCUMENTS}?eq(name,Ada)&limit(3)"

    answer = ask(shared, "GET", path)

    assert refusal(answer) == (404, 11, "ENDPOINT_EXCEPTION")
    sentence, _, text = answer.json()["message"].partition("\n\n")
    assert sentence.startswith("Extra Horizon has GET /data/v1/rooms/documents, and taskdock has")
    assert "No double matches this call." in sentence
    [rule] = yaml.safe_load(text)
    assert rule["rql"] == "eq(name,Ada)&limit(3)"
    nobody(shared).post("/taskdock/doubles", rule)
    assert ask(shared, "GET", path).json() == {}


@pytest.mark.parametrize(
    "path",
    [
        "/shop/no%20more",
        "/shop/%7Bname%7D/%2A/%3Cx%3E",
        "/shop/%25/%3F/%23",
        "/shop/'%22:%20-%20%0A",
        "/shop/%e4%b8%ad",
        "/shop/:colon",
        "/",
        "/2015",
        "/shop?page=2&a%20b=%26",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_the_rule_to_write_matches_whatever_was_asked(shared: Dock, method: str, path: str) -> None:
    answer = ask(shared, method, path, {"a": "no", "b": [None, "x: y # z"]})
    [rule] = yaml.safe_load(answer.json()["message"].partition("\n\n")[2])

    nobody(shared).post("/taskdock/doubles", rule)

    assert ask(shared, method, path, {"a": "no", "b": [None, "x: y # z"]}).status_code == 200


def test_the_rule_to_write_is_for_any_method_where_it_has_no_name(shared: Dock) -> None:
    answer = ask(shared, "PROPFIND", "/dav")
    [rule] = yaml.safe_load(answer.json()["message"].partition("\n\n")[2])

    nobody(shared).post("/taskdock/doubles", rule)

    assert ask(shared, "PROPFIND", "/dav").status_code == 200


def test_a_body_as_deep_as_json_may_be_is_compared(shared: Dock) -> None:
    deep: Any = "walnut"
    for _ in range(MAX_DEPTH - 1):  # the rule itself is one level more
        deep = {"a": deep}
    add(shared, "POST", "/deep", body=deep)

    assert ask(shared, "POST", "/deep", deep).status_code == 200
    assert ask(shared, "POST", "/deep", {"a": 1}).status_code == 404


def test_it_is_told_what_keeps_the_nearest_rule_from_matching(shared: Dock) -> None:
    mail = add(shared, "POST", "/mail/v1", body={"recipients": {"to": ["ada@example.org"]}})
    other = {"recipients": {"to": ["bob@example.org"]}}

    told = ask(shared, "POST", "/mail/v1/", other).json()["message"]

    assert f'the nearest is {mail["id"]}: the body has "bob@example.org"' in told
    assert "at /recipients/to/0" in told
    once = add(shared, "PUT", "/shop", times=1)
    assert ask(shared, "PUT", "/shop").status_code == 200
    told = ask(shared, "PUT", "/shop").json()["message"]
    assert f"{once['id']} is used up after 1 calls" in told
    body, used_up = (each["nearest"] for each in calls(shared, "?unmatched=true"))
    assert body.startswith(f'the nearest is {mail["id"]}: the body has "bob@example.org"')
    assert used_up == f"{once['id']} is used up after 1 calls"


@pytest.mark.parametrize("path", ["/tasks/v1/a/b", "/taskdock/clocks", "/docs/x/y", "/tasks"])
def test_a_slip_below_what_is_here_is_no_call_of_another_service(shared: Dock, path: str) -> None:
    answer = ask(shared, "GET", path)

    assert refusal(answer)[:2] == (404, 11)
    assert "double" not in answer.json()["message"]
    assert calls(shared) == []


def test_an_endpoint_of_a_service_that_is_here_in_part_has_a_double(shared: Dock) -> None:
    add(shared, "POST", "/users/v1/activation", {"json": {"affectedRecords": 1}})
    add(shared, "GET", "/users/v1/staff", {"json": {"data": []}})

    assert ask(shared, "POST", "/users/v1/activation", {"hash": "x"}).status_code == 200
    assert ask(shared, "GET", "/users/v1/staff").json() == {"data": []}
    assert ask(shared, "GET", f"/users/v1/{ID}").json()["code"] == 16


# Rules that are none


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        ({"method": "GET", "path": "/tasks/v1/"}, "taskdock itself answers GET /tasks/v1/"),
        ({"method": "GET", "path": "/users/v1/{id}"}, "taskdock itself answers GET /users/v1/{id}"),
        ({"method": "PATCH", "path": "/health"}, "taskdock itself serves /health, and has no"),
        ({"method": "GET", "path": "/tasks/v9"}, "a path that taskdock keeps for itself"),
        ({"method": "GET", "path": "/2015-03-31/functions/x"}, "taskdock itself"),
        ({"method": "FETCH", "path": "/a"}, "`method` is GET, HEAD, POST"),
        ({"path": "/a"}, "`method` is GET, HEAD, POST"),
        ({"method": "GET"}, "a path begins with a slash"),
        ({"method": "GET", "path": "data/v1"}, "a path begins with a slash"),
        ({"method": "GET", "path": "/a?eq(b,1)"}, "write that below `rql`"),
        ({"method": "GET", "path": "/a/*"}, "{name:path}"),
        ({"method": "GET", "path": "/a/<id>"}, "{name:path}"),
        ({"method": "GET", "path": "/a/:id"}, "{name:path}"),
        ({"method": "GET", "path": "/a/{}"}, "a brace without a name"),
        ({"method": "GET", "path": "/a/{x}/{x}"}, "has {x} twice"),
        ({"method": "GET", "path": "/a/{x:path}/b"}, "takes all that follows"),
        ({"method": "GET", "path": "/a/{x}{y}"}, "nothing tells where {x} ends"),
        ({"method": "GET", "path": "/a", "body": {}}, "a GET has no body"),
        ({"method": "GET", "path": "/a", "rql": "eq(name"}, "`rql` is no RQL"),
        ({"method": "GET", "path": "/a", "rql": {}}, "`rql` is text"),
        ({"method": "GET", "path": "/a", "query": "a=1"}, "write RQL below `rql`"),
        ({"method": "GET", "path": "/a", "query": {"a": {}}}, "no text or number for a"),
        ({"method": "GET", "path": "/a", "headers": {"a": 1}}, "names and texts"),
        ({"method": "GET", "path": "/a", "times": 0}, "`times` is a whole number from 1"),
        ({"method": "GET", "path": "/a", "times": True}, "`times` is a whole number from 1"),
        ({"method": "GET", "path": "/a", "anwser": {}}, "did you mean answer?"),
        ({"method": "GET", "path": "/a", "answers": []}, "`answer`, as in"),
        ({"collection": "a", "path": "/tasks/v1"}, "taskdock itself answers"),
        ({"collection": "", "path": "/a"}, "`collection` is a name"),
        ({"collection": "a", "path": "/{b}", "items": []}, "`items` is an object here"),
        ({"collection": "a", "path": "/a", "items": [1]}, "a list of objects"),
        ({"collection": "a", "path": "/a", "wrap": "data", "items": [{}]}, "no object `data`"),
        ({"collection": "a", "path": "/a", "items": [{"id": "1"}, {"id": "1"}]}, "comes twice"),
        ({"collection": "a", "path": "/a", "answer": {}}, "a collection has no key 'answer'"),
    ],
)
def test_a_rule_that_is_none_is_refused_with_what_to_write(
    shared: Dock, rule: dict[str, Any], told: str
) -> None:
    if "collection" not in rule:
        rule = {"answer": {}, **rule}

    assert told in refused(shared, rule)
    assert nobody(shared).get("/taskdock/doubles") == {"data": []}


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ("ok", "an answer is an object"),
        ({"stauts": 1}, "an answer has no 'stauts'"),
        ({"status": 199}, "from 200 to 599"),
        ({"status": "200"}, "from 200 to 599"),
        ({"json": 1, "text": "a"}, "one body, not json and text"),
        ({"status": 204, "json": {}}, "a 204 has no body"),
        ({"text": 5}, "put it into quotes"),
        ({"base64": "%"}, "no base64"),
        ({"file": "/etc/passwd"}, "the server has none"),
        ({"headers": {"a b": "c"}}, "no header that an answer may set"),
        ({"headers": {"Content-Length": "3"}}, "no header that an answer may set"),
        ({"headers": {"a": "b\nc"}}, "text of one line"),
        ({"headers": {"a": 5}}, "text of one line"),
        ({"delay": -1}, "a number of seconds"),
        ({"delay": "1"}, "a number of seconds"),
        ({"delay": 901}, "a number of seconds"),
        ({"failure": "sometimes"}, "connection_reset, no_answer"),
        ({"failure": 404}, "500 to 599"),
        ({"failure": 503, "json": {}}, "only a `delay` beside it"),
    ],
)
def test_an_answer_that_is_none_is_refused_with_what_to_write(
    shared: Dock, answer: Any, told: str
) -> None:
    assert told in refused(shared, {"method": "GET", "path": "/a", "answer": answer})


@pytest.mark.parametrize(("body", "code"), [(b"", 13), (b"{", 22), (b"[]", 22)])
def test_what_is_no_json_object_is_told_as_that(shared: Dock, body: bytes, code: int) -> None:
    answer = nobody(shared).ask("POST", "/taskdock/doubles", data=body)

    assert refusal(answer)[:2] == (400, code)


# Recorded calls


def test_calls_are_recorded_with_what_was_sent_but_for_credentials(shared: Dock) -> None:
    mail = add(shared, "POST", "/mail/v1/", {"status": 201})
    signed = administrator(shared).ask(
        "POST", "/mail/v1/?a=1", {"subject": "Hi"}, headers={"X-Wood": "oak"}
    )
    assert signed.status_code == 201
    assert ask(shared, "PUT", "/files/v1/x", data=b"\xff\x00").status_code == 404
    assert ask(shared, "PUT", "/files/v1/x", data="plain").status_code == 404

    first, second, third = calls(shared)

    assert first["headers"]["authorization"] == "***"
    assert first["headers"]["x-wood"] == "oak"
    facts = {key: value for key, value in first.items() if key not in ("number", "headers", "at")}
    assert facts == {
        "method": "POST",
        "path": "/mail/v1/",
        "query": "a=1",
        "json": {"subject": "Hi"},
        "status": 201,
        "double": mail["id"],
        "functionName": None,
        "taskId": None,
    }
    assert (second["base64"], second["status"], second["double"]) == ("/wA=", 404, None)
    assert third["text"] == "plain"
    assert calls(shared, f"?double={mail['id']}") == [first]
    assert calls(shared, "?unmatched=true") == [second, third]
    assert calls(shared, "?double=x") == []


def test_a_call_names_the_function_and_the_task_that_made_it(dock: Dock) -> None:
    add(dock, "POST", "/mail/v1/", {"json": {"id": ID}})
    answers: list[tuple[int, Any]] = []

    def handler(event: Any, runtime: FakeRuntime) -> Any:
        answers.append(from_container(runtime, "POST", "/mail/v1/", {"to": "ada"}))
        return "sent"

    dock.deploy(handler)
    queued = dock.create_task()
    dock.finish(queued)
    executed = dock.execute().json()["id"]
    assert dock.call("GET", "/api/walnut-table/").status_code in (200, 400)
    aws = dock.call("POST", "/walnut-table/invocations", base="/2015-03-31/functions", json={})
    assert aws.status_code == 200

    assert answers == [(200, {"id": ID})] * 4
    made = [(each["functionName"], each["taskId"], each["json"]) for each in calls(dock)]
    assert made == [
        ("walnut-table", queued, {"to": "ada"}),
        ("walnut-table", executed, {"to": "ada"}),
        ("walnut-table", None, {"to": "ada"}),
        ("walnut-table", None, {"to": "ada"}),
    ]


def test_a_function_sees_its_connection_break(dock: Dock) -> None:
    add(dock, "GET", "/broken", {"failure": "connection_reset"})

    def handler(event: Any, runtime: FakeRuntime) -> Any:
        with pytest.raises((http.client.HTTPException, ConnectionError)):
            from_container(runtime, "GET", "/broken")
        return "broken"

    dock.deploy(handler)

    assert dock.execute().json()["result"] == "broken"


def test_the_oldest_calls_are_forgotten(dock: Dock) -> None:
    add(dock, "POST", "/log", {"status": 204})
    with requests.Session() as session:
        for number in range(1003):
            assert session.post(f"{dock.url}/log?{number}").status_code == 204

    kept = calls(dock)

    assert [kept[0]["query"], kept[-1]["query"], len(kept)] == ["3", "1002", 1000]


def test_a_large_body_is_answered_and_recorded_in_part(dock: Dock) -> None:
    add(dock, "PUT", "/large", {"status": 200})

    assert ask(dock, "PUT", "/large", data=b"a" * 9_000_000).status_code == 200
    assert ask(dock, "PUT", "/unknown", data=b"a" * 9_000_000).status_code == 404

    large, unknown = calls(dock)
    assert (len(large["text"]), large["truncated"]) == (8 * 1024 * 1024, True)
    assert (unknown.get("text"), unknown["truncated"]) == (None, True)


# Who may call


def test_a_call_with_wrong_credentials_is_refused_as_anywhere(shared: Dock) -> None:
    add(shared, "GET", DOCUMENTS)

    answer = ask(shared, "GET", DOCUMENTS, headers={"Authorization": "Bearer walnut"})

    assert refusal(answer)[:2] == (401, 117)
    assert calls(shared) == []


def test_credentials_of_another_kind_are_for_the_double_to_judge(shared: Dock) -> None:
    add(shared, "GET", "/shop", headers={"Authorization": "Basic b2Fr"})

    assert ask(shared, "GET", "/shop", headers={"Authorization": "Basic b2Fr"}).ok
    assert ask(shared, "GET", "/shop", headers={"Authorization": "Basic ZWxt"}).status_code == 404


def test_a_page_of_another_site_gets_nothing_and_leaves_nothing(shared: Dock) -> None:
    add(shared, "GET", "/shop")
    foreign = {"Origin": "https://evil.example"}

    known = ask(shared, "GET", "/shop", headers=foreign)
    unknown = ask(shared, "GET", "/elsewhere", headers=foreign)

    assert refusal(known)[:2] == (401, 104)
    assert refusal(unknown)[:2] == (404, 11)
    assert calls(shared) == []


@pytest.mark.parametrize("kind", ["text/html", "image/svg+xml", ""])
def test_a_page_of_a_double_is_kept_apart_from_this_servers_own(shared: Dock, kind: str) -> None:
    headers = {"Content-Type": kind, "Service-Worker-Allowed": "/"}
    add(shared, "GET", "/page", {"text": "<script>", "headers": headers})

    answer = ask(shared, "GET", "/page")

    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("sandbox ")
    assert "allow-same-origin" not in policy
    assert "Service-Worker-Allowed" not in answer.headers


def test_with_strict_signing_in_who_is_signed_in_may_call(start_dock: StartDock) -> None:
    dock = start_dock(auth="strict", harness="on")
    add(dock, "GET", "/shop")

    assert person(dock).ask("GET", "/shop").status_code == 200
    assert refusal(nobody(dock).ask("GET", "/shop"))[:2] == (401, 104)
    assert refusal(nobody(dock).ask("GET", "/data/v1/rooms"))[:2] == (404, 11)
    assert len(calls(dock)) == 1


def test_a_function_without_rights_may_not_call(start_dock: StartDock) -> None:
    dock = start_dock(function_credentials="none")
    add(dock, "GET", "/shop")
    dock.deploy(lambda event, runtime: from_container(runtime, "GET", "/shop")[0])

    assert json.loads(dock.execute().text)["result"] == 401
