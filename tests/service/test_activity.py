"""What has run, in one list; and the families of tasks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from taskdock.base.errors import BadQuery
from taskdock.base.timing.clock import SystemClock, from_epoch
from taskdock.base.timing.limits import Limits
from taskdock.store.database import Store
from taskdock.store.query.model import Like
from taskdock.store.time_limit import TimeLimit
from taskdock.tasks.logs.log_store import LogStore
from taskdock.tasks.model.task import Status
from taskdock.tasks.runs import activity
from taskdock.tasks.runs.activity import Activity, ActivityKind, ActivityQuery, place
from taskdock.tasks.runs.history import RunHistory
from tests.support import million
from tests.support.aws import lambda_client
from tests.support.builders import Dock, Gate, Json

NAME = "walnut-table"
LATER = "2040-01-01T00:00:00.000Z"


def ask(dock: Dock, query: str = "") -> Json:
    answer = dock.call("GET", f"/activity{query}", base="/taskdock")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def rows(dock: Dock, query: str = "") -> list[Json]:
    found: list[Json] = ask(dock, query)["data"]
    return found


def refusal(dock: Dock, query: str) -> str:
    answer = dock.call("GET", f"/activity{query}", base="/taskdock")
    assert answer.status_code == 400, answer.text
    return answer.text


def family(dock: Dock, task: str) -> Json:
    answer = dock.call("GET", f"/tasks/{task}/family", base="/taskdock")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def work(event: Any, runtime: Any) -> Any:
    if (event.get("data") or {}).get("fail") or event.get("fail"):
        raise ValueError("a leg is missing")
    return {"statusCode": 200, "body": "walnut"}


def one_of_each(dock: Dock) -> list[Json]:
    """The rows of a task, an execution, an API request and an invocation, which have ended."""
    dock.deploy(work)
    dock.finish(dock.create_task())
    assert dock.execute().ok
    assert dock.get(f"/api/{NAME}/items?limit=2").ok
    aws = lambda_client(dock.url)
    aws.invoke(FunctionName=NAME, Payload=b'{"fail": true}')
    aws.close()

    def ended() -> list[Json] | None:  # logs end behind the answers
        found = rows(dock)
        return found if len(found) == 4 and all("duration" in row for row in found) else None

    return dock.eventually(ended)


def test_what_has_run_is_in_one_list_whoever_asked_for_it(dock: Dock) -> None:
    found = one_of_each(dock)

    assert [row["kind"] for row in found] == ["invocation", "api", "execution", "task"]
    assert [row["status"] for row in found] == ["failed", "complete", "complete", "complete"]
    assert found[0]["errorName"] == "ValueError"
    assert found[1]["what"] == "GET /items?limit=2 200"
    assert all(row["duration"] >= 0 for row in found)


@pytest.mark.parametrize(
    ("query", "kinds"),
    [
        ("?kind=task", ["task"]),
        ("?kind=execution", ["execution"]),
        ("?kind=api", ["api"]),
        ("?kind=invocation", ["invocation"]),
        ("?status=failed", ["invocation"]),
        ("?failed=true", ["invocation"]),
        ("?status=complete", ["api", "execution", "task"]),
        ("?status=new", []),
        ("?functionName=walnut-table", ["invocation", "api", "execution", "task"]),
        ("?functionName=oak", []),
        ("?since=2040-01-01T00:00:00Z", []),
        ("?until=2020-01-01T00:00:00Z", []),
        ("?rql=eq(functionName,walnut-table)", ["execution", "task"]),
        ("?rql=eq(status,complete)%26eq(data.legs,4)", []),
    ],
)
def test_the_list_is_narrowed(dock: Dock, query: str, kinds: list[str]) -> None:
    one_of_each(dock)

    assert [row["kind"] for row in rows(dock, query)] == kinds


def test_an_invocation_is_in_progress_until_its_log_is_complete(dock: Dock) -> None:
    gate = Gate()

    def wait_and_fail(event: Any, runtime: Any) -> None:
        gate.pass_(runtime)
        raise ValueError("a leg is missing")

    dock.deploy(wait_and_fail)
    with closing(lambda_client(dock.url)) as aws, ThreadPoolExecutor() as pool:
        caller = pool.submit(lambda: aws.invoke(FunctionName=NAME, Payload=b"{}"))
        dock.eventually(lambda: gate.waiting)

        (row,) = rows(dock)
        assert (row["status"], "errorName" in row) == ("inProgress", False)
        assert rows(dock, "?status=inProgress") == [row]
        assert rows(dock, "?status=complete") == rows(dock, "?status=new") == []
        assert dock.call("GET", f"/activity/{row['id']}", base="/taskdock").json() == row

        gate.open()
        caller.result()

    dock.eventually(lambda: not rows(dock, "?status=inProgress"))
    (row,) = rows(dock, "?status=failed")
    assert row["errorName"] == "ValueError"


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("?kind=chair", "there is no 'chair'"),
        ("?status=chair", "there is no 'chair'"),
        ("?before=chair", "no place"),
        ("?limit=0", "no whole number"),
        ("?since=chair", "no time"),
        ("?rql=eq(chair,1)", "unknown field"),
        ("?rql=eq(status", "parenthesis"),
        ("?rql=sort(status)", "an order and pages of its own"),
        ("?kind=api&rql=eq(status,new)", "RQL is for tasks"),
        ("?before=1-6b0bdc5a742b66f171009573&after=1-6b0bdc5a742b66f171009573", "not both"),
    ],
)
def test_a_wrong_question_is_refused(shared: Dock, query: str, words: str) -> None:
    assert words in refusal(shared, query)


def test_pages_go_on_where_the_last_one_ended_both_ways(dock: Dock) -> None:
    ids = [dock.create_task(startTimestamp=LATER) for _ in range(7)][::-1]

    first = ask(dock, "?limit=3")
    second = ask(dock, f"?limit=3&before={first['older']}")
    dock.create_task(startTimestamp=LATER)
    third = ask(dock, f"?limit=3&before={second['older']}")
    back = ask(dock, f"?limit=3&after={third['newer']}")

    pages = [[row["id"] for row in page["data"]] for page in (first, second, third, back)]
    assert pages == [ids[:3], ids[3:6], ids[6:], ids[3:6]]
    assert "newer" not in first
    assert "older" not in third
    assert len(rows(dock, f"?limit=20&after={back['newer']}")) == 8  # filled up


def test_a_row_of_any_kind_is_found_by_its_id(dock: Dock) -> None:
    found = one_of_each(dock)

    for row in found:
        answer = dock.call("GET", f"/activity/{row['id']}", base="/taskdock")
        assert answer.json() == row
    assert dock.call("GET", f"/activity/{'0' * 24}", base="/taskdock").status_code == 404


def test_a_family_has_every_attempt(timed_dock: Dock) -> None:
    dock = timed_dock
    dock.deploy(work, retryPolicy={"enabled": True})
    task = dock.create_task(data={"fail": True})
    dock.reach(task, "retried")
    again = dock.task(task)["retriedByTaskId"]

    found = family(dock, again)

    assert [each["id"] for each in found["data"]] == [task, again]
    assert found["data"][1]["retryOfTaskId"] == task
    assert found["data"][0]["errorName"] == "ValueError"
    assert found["whole"] is True


# Many tasks


def activity_of(
    folder: Path,
    count: int,
    limits: Limits = Limits(),  # noqa: B008 - frozen
) -> tuple[Store, Activity]:
    Store(folder / "tasks.db").close()
    million.fill(folder / "tasks.db", count)
    store = Store(folder / "tasks.db")
    clock = SystemClock()
    history = RunHistory(store=store, clock=clock, most=10, most_bytes=10**6)
    log_store = LogStore(store, max_waiting=10**6)
    return store, Activity(
        store=store,
        history=history,
        log_store=log_store,
        running=list,
        clock=clock,
        limits=limits,
    )


def test_every_task_is_on_one_page(tmp_path: Path) -> None:
    store, found = activity_of(tmp_path, 500)
    seen: list[str] = []
    page = found.page(ActivityQuery(limit=70))
    while True:
        seen += [row["id"] for row in page.rows]
        if page.older is None:
            break
        page = found.page(ActivityQuery(limit=70, before=place("before", page.older)))
    store.close()

    assert len(seen) == len(set(seen)) == 500
    assert seen == sorted(seen, reverse=True)


def test_a_condition_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    query = ActivityQuery(where=Like(("data", "patient"), "nobody"))
    store, hurried = activity_of(tmp_path, 20_000, Limits(search=0.0))
    with pytest.raises(BadQuery, match="no index serves it"):
        hurried.page(query)
    store.close()

    other = tmp_path / "other"
    other.mkdir()
    store, patient = activity_of(other, 20_000, Limits(search=60.0))
    assert patient.page(query).rows == []
    store.close()


FILTERS = (
    {},
    {"failed": True},
    {"function": "f3"},
    {"function": "f3", "failed": True},
    {"since": from_epoch(million.START + 10_000_000)},
    {"since": from_epoch(million.START + 10_000_000), "function": "f3", "failed": True},
    *({"kind": kind} for kind in ActivityKind),
    *({"kind": kind, "failed": True} for kind in ActivityKind),
    *({"kind": kind, "function": "f3"} for kind in ActivityKind),
    *({"status": status.value} for status in Status),
    *({"status": status.value, "function": "f3"} for status in Status),
    *({"status": status.value, "kind": ActivityKind.EXECUTION} for status in Status),
)


def test_each_filter_reads_hardly_more_than_it_shows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counted in instructions of SQLite: whoever looked through the tasks of one function or one
    status would need more."""
    store, found = activity_of(tmp_path, 100_000)
    steps = Counter[str]()

    @contextmanager
    def counted(store: Store, _: float) -> Iterator[TimeLimit]:
        connection = store.db.connection()
        connection.set_progress_handler(lambda: steps.update(["hundred"]), 100)
        yield TimeLimit(60.0)
        connection.set_progress_handler(None, 0)

    monkeypatch.setattr(activity, "limited", counted)
    for chosen in FILTERS:
        steps.clear()
        found.page(ActivityQuery(**chosen))
        assert steps["hundred"] * 100 < 10_000, chosen
    store.close()
