"""Service events over HTTP: when they are published, and how subscribers are told."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
import requests
from click.testing import CliRunner, Result

from taskdock.base.timing.clock import to_iso
from taskdock.commands import main
from taskdock.tasks.events import reach, webhook_client
from taskdock.tasks.events.events import Events
from taskdock.tasks.events.webhook_sender import WebhookSender
from taskdock.testing.clock import NOON, ManualClock
from taskdock.testing.fakes.runtime import FakeRuntime, serve
from taskdock.testing.waiting import eventually
from tests.support.builders import Dock, Json, StartDock, summary
from tests.support.hook import Hook, answer

UNKNOWN = "0123456789abcdef01234567"
HERE = reach.Reach(this_machine=True, own_ports=())


class Splinter(Exception):
    """An error with a memorable name."""


def splinter(event: Any, runtime: FakeRuntime) -> None:
    raise Splinter("in the thumb")


def nothing(event: Any, runtime: FakeRuntime) -> None: ...


@pytest.fixture
def hook() -> Iterator[Hook]:
    with Hook() as hook:
        yield hook


def call(dock: Dock, method: str, path: str, body: Any = None) -> requests.Response:
    return dock.call(method, path, base="/events/v1", json=body)


def events(dock: Dock, query: str = "") -> list[Json]:
    found: list[Json] = call(dock, "GET", f"/?{query}").json()["data"]
    return found


def subscribe(dock: Dock, **who: str) -> str:
    response = call(dock, "POST", "/subscriptions", {"eventTypes": ["task_failed"], **who})
    assert response.status_code == 200, response.text
    return str(response.json()["id"])


def tasks_of(dock: Dock, name: str) -> list[Json]:
    found: list[Json] = dock.get(f"/?eq(functionName,{name})").json()["data"]
    return found


def told(dock: Dock, name: str, count: int = 1) -> list[Json]:
    """The tasks of a subscribed function, once they have ended."""
    found = dock.eventually(
        lambda: tasks_of(dock, name) if len(tasks_of(dock, name)) == count else None
    )
    return [dock.finish(task["id"]) for task in found]


def names_of(dock: Dock) -> list[str]:
    return [name for name, _ in dock.notices]


# What is published


def test_a_failure_is_published_with_its_task_and_error(timed_dock: Dock) -> None:
    timed_dock.deploy(splinter)

    task = timed_dock.finish(timed_dock.create_task())

    (event,) = events(timed_dock)
    assert len(event.pop("id")) == 24
    assert event == {
        "type": "task_failed",
        "content": {
            "id": task["id"],
            "functionName": "walnut-table",
            "error": {"type": "runtime", "name": "Splinter", "message": "in the thumb"},
        },
        "creationTimestamp": to_iso(NOON),
        "updateTimestamp": to_iso(NOON),
    }


def test_a_task_that_never_started_and_a_direct_execution_are_published_too(dock: Dock) -> None:
    dock.deploy(splinter)

    unknown = dock.finish(dock.create_task("oak-chair"))["id"]
    direct = dock.execute().json()["taskId"]

    published = [event["content"] for event in events(dock)]
    assert [content["id"] for content in published] == [unknown, direct]
    assert [content["error"]["type"] for content in published] == ["invocation", "runtime"]


def test_only_the_last_attempt_is_published(timed_dock: Dock) -> None:
    timed_dock.deploy(splinter, retryPolicy={"enabled": True})
    last = timed_dock.create_task()

    for delay in (2, 5, 10):
        last = timed_dock.finish(last)["retriedByTaskId"]
        timed_dock.jump(delay)

    timed_dock.finish(last)
    assert [event["content"]["id"] for event in events(timed_dock)] == [last]


def test_what_ends_well_is_not_published(dock: Dock) -> None:
    dock.deploy(nothing)
    dock.finish(dock.create_task())
    waiting = dock.create_task(startTimestamp="2999-01-01")
    dock.post(f"/{waiting}/cancel")

    assert events(dock) == []


def test_a_zombie_is_published_and_its_subscriber_told(start_dock: StartDock) -> None:
    begun: list[Any] = []

    def hang(event: Json, runtime: FakeRuntime) -> None:
        begun.append(event)
        runtime.hang()

    first = start_dock()
    first.deploy(hang)
    first.deploy(nothing, "oak-chair")
    subscribe(first, functionName="oak-chair")
    zombie = first.create_task()
    first.eventually(lambda: begun)  # one that has not begun is no zombie
    first.crash()

    first.engine.programs["oak-chair"] = serve(nothing)
    second = start_dock(engine=first.engine)

    (event,) = second.eventually(lambda: events(second))
    assert (event["content"]["id"], event["content"]["error"]["name"]) == (
        zombie,
        "zombieTaskCleaned",
    )
    assert [task["data"] for task in told(second, "oak-chair")] == [event]


def test_a_task_does_not_fail_without_its_event(
    dock: Dock, monkeypatch: pytest.MonkeyPatch
) -> None:
    dock.deploy(splinter)
    with monkeypatch.context() as patch:
        patch.setattr(Events, "record_failure", _full)
        task_id = dock.create_task()
        dock.eventually(lambda: "write_postponed" in names_of(dock))
        assert dock.status(task_id) == "inProgress"
        assert events(dock) == []

    assert dock.finish(task_id)["status"] == "failed"
    assert [event["content"]["id"] for event in events(dock)] == [task_id]


def test_a_webhook_is_not_told_twice_because_that_cannot_be_written(
    dock: Dock, hook: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    subscribe(dock, url=hook.url)
    with monkeypatch.context() as patch:
        patch.setattr(dock.emulator.tasks.webhook_sender._outbox, "remove", _cannot_be_written)
        dock.deploy(splinter)
        dock.finish(dock.create_task())
        dock.eventually(lambda: "write_postponed" in names_of(dock))
        dock.emulator.tasks.webhook_sender.wake()
        eventually(lambda: not dock.emulator.tasks.webhook_sender._wake.is_set())

    dock.eventually(lambda: "event_delivered" in names_of(dock))
    assert len(hook.calls) == 1


def _cannot_be_written(*_: object) -> None:
    raise OSError("no space is left")


def _full(events: Events, task: Any) -> list[Any]:
    raise OSError("no space is left")


def test_events_are_found_and_paged_by_rql(timed_dock: Dock) -> None:
    timed_dock.deploy(splinter)
    ids = []
    for _ in range(3):
        ids.append(timed_dock.finish(timed_dock.create_task())["id"])
        timed_dock.jump(1)

    page = call(
        timed_dock,
        "GET",
        f"?eq(type,task_failed)&in(content.id,{ids[0]},{ids[2]})&sort(-creationTimestamp)&limit(1)",
    ).json()

    assert [event["content"]["id"] for event in page["data"]] == [ids[2]]
    assert page["page"] == {"total": 2, "offset": 0, "limit": 1}
    assert summary(call(timed_dock, "GET", "/?eq(colour,red)")) == (400, 19)


def test_the_oldest_events_are_forgotten_unless_a_webhook_waits_for_them(
    timed_dock: Dock, hook: Hook
) -> None:
    timed_dock.deploy(splinter)
    hook.behaviours = [partial(answer, status=500)]
    ids = [timed_dock.finish(timed_dock.create_task())["id"]]
    subscribe(timed_dock, url=hook.url)
    for _ in range(3):
        timed_dock.jump(0.1)
        ids.append(timed_dock.finish(timed_dock.create_task())["id"])
    timed_dock.eventually(lambda: len(hook.calls) == 3)

    timed_dock.emulator.tasks.webhook_sender._outbox.prune(kept=1)

    assert [event["content"]["id"] for event in events(timed_dock)] == [ids[1], ids[3]]


# Subscribed functions


def test_a_subscribed_function_gets_the_event_as_its_data(timed_dock: Dock) -> None:
    timed_dock.deploy(splinter)
    timed_dock.deploy(nothing, "oak-chair", executionOptions={"defaultPriority": 3})
    subscribe(timed_dock, functionName="oak-chair")

    timed_dock.finish(timed_dock.create_task())

    (task,) = told(timed_dock, "oak-chair")
    assert task["status"] == "complete"
    assert task["data"] == events(timed_dock)[0]
    assert (task["priority"], task["startTimestamp"]) == (3, to_iso(NOON))


def test_who_has_unsubscribed_is_not_told(dock: Dock) -> None:
    dock.deploy(splinter)
    dock.deploy(nothing, "oak-chair")
    dock.deploy(nothing, "elm-bench")
    gone = subscribe(dock, functionName="oak-chair")
    subscribe(dock, functionName="elm-bench")

    answered = call(dock, "DELETE", f"/subscriptions/{gone}")
    dock.finish(dock.create_task())

    told(dock, "elm-bench")
    assert answered.json() == {"affectedRecords": 1}
    assert tasks_of(dock, "oak-chair") == []


def test_who_unsubscribes_while_it_is_told_was_told(dock: Dock, hook: Hook) -> None:
    go = threading.Event()

    def slow(request: BaseHTTPRequestHandler) -> None:
        go.wait(30)
        answer(request, 204)

    hook.behaviours = [slow]
    dock.deploy(splinter)
    subscription = subscribe(dock, url=hook.url)
    dock.finish(dock.create_task())
    dock.eventually(lambda: hook.calls)

    call(dock, "DELETE", f"/subscriptions/{subscription}")
    go.set()

    dock.eventually(lambda: "event_delivered" in names_of(dock))
    assert "claim_lost" not in names_of(dock)


@pytest.mark.parametrize("policy", [{}, {"enabled": True}])
def test_subscribed_functions_that_fail_do_not_call_themselves_or_each_other_forever(
    timed_dock: Dock, policy: Json
) -> None:
    for name in ("walnut-table", "oak-chair"):
        timed_dock.deploy(splinter, name, retryPolicy=policy)
        subscribe(timed_dock, functionName=name)

    first = timed_dock.create_task()
    for delay in (2, 5, 10) if policy else ():
        first = timed_dock.finish(first)["retriedByTaskId"]
        timed_dock.jump(delay)
    timed_dock.finish(first)
    for delay in (2, 5, 10) if policy else ():
        timed_dock.eventually(lambda: not _unfinished(timed_dock, to_iso(timed_dock.clock.now())))
        timed_dock.jump(delay)

    timed_dock.eventually(lambda: not _unfinished(timed_dock, "9999-12-31"))
    assert len(events(timed_dock)) == 3  # the task's own, and one for each subscriber
    assert timed_dock.get("/").json()["page"]["total"] == (12 if policy else 3)


def _unfinished(dock: Dock, until: str) -> list[Json]:
    query = f"in(status,new,inProgress)&le(startTimestamp,{until})"
    found: list[Json] = dock.get(f"/?{query}").json()["data"]
    return found


# Webhooks


def test_a_webhook_gets_the_event_as_json(dock: Dock, hook: Hook) -> None:
    dock.deploy(splinter)
    subscribe(dock, url=hook.url)

    dock.finish(dock.create_task())

    dock.eventually(lambda: hook.calls)
    assert hook.calls == events(dock)
    assert hook.paths == ["/told?by=taskdock"]
    assert hook.headers[0]["Content-Type"] == "application/json"


def test_a_webhook_is_tried_three_times_and_no_more(timed_dock: Dock, hook: Hook) -> None:
    hook.behaviours = [partial(answer, status=500)] * 3
    webhook_sender = take_over(timed_dock)
    timed_dock.deploy(splinter)
    subscribe(timed_dock, url=hook.url)
    timed_dock.finish(timed_dock.create_task())

    calls = []
    for delay in (0, 0.999, 0.001, 4.999, 0.001, 3600):
        timed_dock.jump(delay)
        webhook_sender.run_once()
        calls.append(len(hook.calls))

    names = [name for name in names_of(timed_dock) if name.startswith("delivery")]
    assert calls == [1, 1, 2, 2, 3, 3]
    assert names == ["delivery_failed", "delivery_failed", "delivery_given_up"]


def take_over(dock: Dock) -> WebhookSender:
    """In place of the server's webhook sender, one that goes only when it is told to."""
    emulator = dock.emulator
    emulator.tasks.webhook_sender.stop()
    return WebhookSender(
        outbox=emulator.tasks.webhook_sender._outbox,
        unwritten=emulator.tasks.unwritten,
        own_ports=(),
        clock=emulator.foundation.clock,
        notices=emulator.notices,
    )


def test_a_webhook_that_answers_after_all_is_told_once(timed_dock: Dock, hook: Hook) -> None:
    hook.behaviours = [partial(answer, status=307, Location=hook.url)]
    timed_dock.deploy(splinter)
    subscribe(timed_dock, url=hook.url)
    timed_dock.finish(timed_dock.create_task())
    timed_dock.eventually(lambda: "delivery_failed" in names_of(timed_dock))

    timed_dock.jump(1)

    timed_dock.eventually(lambda: "event_delivered" in names_of(timed_dock))
    timed_dock.jump(3600)
    assert len(hook.calls) == 2
    assert hook.calls[0] == hook.calls[1]


def test_a_webhook_that_hangs_delays_neither_tasks_nor_the_stop(dock: Dock, hook: Hook) -> None:
    hook.behaviours = [hook.hang]
    dock.deploy(splinter)
    dock.deploy(nothing, "oak-chair")
    subscribe(dock, url=hook.url)
    subscribe(dock, functionName="oak-chair")

    dock.finish(dock.create_task())

    dock.eventually(lambda: hook.calls)
    assert told(dock, "oak-chair")[0]["status"] == "complete"
    dock.stop()


def test_what_a_crash_kept_from_a_webhook_it_is_told_after_the_next_start(
    start_dock: StartDock, hook: Hook
) -> None:
    first = start_dock()
    first.deploy(splinter)
    subscribe(first, url=hook.url)
    first.emulator.tasks.webhook_sender.stop()
    first.finish(first.create_task())
    first.crash()
    before = len(hook.calls)

    second = start_dock(engine=first.engine)

    second.eventually(lambda: hook.calls)
    assert before == 0
    assert hook.calls == events(second)


def test_a_stop_that_cuts_a_call_off_costs_no_attempt(
    start_dock: StartDock, clock: ManualClock, hook: Hook
) -> None:
    hook.behaviours = [hook.hang] * 3
    first = start_dock(clock=clock)
    first.deploy(splinter)
    subscribe(first, url=hook.url)
    first.finish(first.create_task())

    for number in (1, 2, 3):
        first.eventually(lambda number=number: len(hook.calls) == number)
        first.stop()
        first = start_dock(clock=clock, engine=first.engine)

    first.eventually(lambda: len(hook.calls) == 4)
    first.eventually(lambda: "event_delivered" in names_of(first))


def test_a_webhook_has_all_its_time_once_and_not_for_each_byte(hook: Hook) -> None:
    hook.behaviours = [hook.drip, hook.hang]

    problems = [
        webhook_client.WebhookClient(limit=0.2).post(hook.url, b"{}", HERE) for _ in range(2)
    ]

    assert problems == ["no answer within 0.2 s"] * 2


def test_nobody_listening_is_a_failed_attempt() -> None:
    assert "refused" in (
        webhook_client.WebhookClient().post("http://localhost:1/", b"{}", HERE) or ""
    )


@pytest.mark.parametrize(
    ("address", "near"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("10.1.2.3", True),
        ("172.16.0.1", True),
        ("172.32.0.1", False),
        ("192.168.1.1", True),
        ("::1", True),
        ("fd12::1", True),
        ("fd00:ec2::254", False),
        ("::ffff:127.0.0.1", True),
        ("::ffff:8.8.8.8", False),
        ("169.254.169.254", False),
        ("fe80::1%eth0", False),
        ("0.0.0.0", False),
        ("8.8.8.8", False),
        ("2001:4860:4860::8888", False),
    ],
)
def test_only_loopback_and_private_addresses_are_called(address: str, near: bool) -> None:
    assert reach.is_near(address) is near


# Subscribing


def test_a_subscription_is_answered_and_listed(timed_dock: Dock) -> None:
    body = {"event_types": ["task_failed"], "function_name": "oak-chair"}  # as the SDK sends it

    made = call(timed_dock, "POST", "/subscriptions", body).json()

    listed = call(timed_dock, "GET", "/subscriptions?eq(functionName,oak-chair)").json()
    assert listed["data"] == [made]
    assert listed["page"] == {"total": 1, "offset": 0, "limit": 20}
    assert len(made.pop("id")) == 24
    assert made == {
        "eventTypes": ["task_failed"],
        "functionName": "oak-chair",
        "creationTimestamp": to_iso(NOON),
        "updateTimestamp": to_iso(NOON),
    }


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"functionName": "oak-chair"}, (400, 14)),
        ({"eventTypes": ["task_failed"]}, (400, 14)),
        ({"eventTypes": [], "functionName": "oak-chair"}, (400, 15)),
        ({"eventTypes": ["task_painted"], "functionName": "oak-chair"}, (400, 15)),
        ({"eventTypes": ["task_failed"], "functionName": "a", "url": "http://[::1]/"}, (400, 15)),
        ({"eventTypes": ["task_failed"], "functionName": "oak chair"}, (400, 1407)),
    ],
)
def test_what_is_no_subscription_is_refused(
    shared: Dock, body: Json, expected: tuple[int, int]
) -> None:
    assert summary(call(shared, "POST", "/subscriptions", body)) == expected
    assert call(shared, "GET", "/subscriptions").json()["data"] == []


@pytest.mark.parametrize(
    "url",
    [
        "https://localhost/",
        "file:///etc/passwd",
        "localhost:8080",
        "http://",
        "http://localhost:99999/",
        "http://user:password@localhost/",
        "http://localhost/a b",
        "http://localhost/\r\nX-More: 1",
        "http://8.8.8.8/",
        "http://169.254.169.254/latest",
        "http://0.0.0.0/",
        "http://134744072/",
        "http://[2001:4860:4860::8888]/",
        "http://nowhere.invalid/",
        "http://a..b/",
        "http://localhost/" + "x" * 2000,
    ],
)
def test_a_url_that_leads_elsewhere_is_refused(shared: Dock, url: str) -> None:
    body = {"eventTypes": ["task_failed"], "url": url}

    assert summary(call(shared, "POST", "/subscriptions", body)) == (400, 15)


def test_nobody_is_subscribed_twice(dock: Dock) -> None:
    subscribe(dock, functionName="oak-chair")
    subscribe(dock, functionName="elm-bench")
    subscribe(dock, url="http://localhost:1/")

    for who in ({"functionName": "oak-chair"}, {"url": "http://localhost:1/"}):
        again = call(dock, "POST", "/subscriptions", {"eventTypes": ["task_failed"], **who})
        assert summary(again) == (400, 17)


def test_an_id_of_no_subscription_is_refused(dock: Dock) -> None:
    assert summary(call(dock, "DELETE", "/subscriptions/walnut")) == (400, 12)
    assert summary(call(dock, "DELETE", f"/subscriptions/{UNKNOWN}")) == (404, 16)


def test_the_sdk_finds_the_service_healthy(dock: Dock) -> None:
    assert call(dock, "GET", "/health").status_code == 200


# The command


@pytest.fixture
def taskdock(dock: Dock) -> Callable[..., Result]:
    return lambda *words: CliRunner().invoke(main, [*words, "--url", dock.emulator.url])


def test_the_command_subscribes_functions_and_webhooks(
    dock: Dock, taskdock: Callable[..., Result]
) -> None:
    dock.deploy(nothing, "oak-chair")

    for who in ("oak-chair", "http://127.0.0.1:9/"):
        assert taskdock("events", "subscribe", "task_failed", who).exit_code == 0
    listed = taskdock("events", "subscriptions").stdout
    for who in ("oak-chair", "http://127.0.0.1:9/"):
        assert taskdock("events", "unsubscribe", "task_failed", who).exit_code == 0

    assert "oak-chair" in listed
    assert "http://127.0.0.1:9/" in listed
    assert call(dock, "GET", "/subscriptions").json()["data"] == []


@pytest.mark.parametrize(
    "words",
    [
        ("subscribe", "task_failed", "oak-chiar"),
        ("subscribe", "task_painted", "oak-chair"),
        ("unsubscribe", "task_failed", "oak-chair"),
    ],
)
def test_the_command_explains_what_cannot_be(
    dock: Dock, taskdock: Callable[..., Result], words: tuple[str, ...]
) -> None:
    dock.deploy(nothing, "oak-chair")

    assert taskdock("events", *words).exit_code == 2


def test_the_command_lists_events(dock: Dock, taskdock: Callable[..., Result]) -> None:
    dock.deploy(splinter)
    dock.finish(dock.create_task())

    listed = json.loads(taskdock("events", "list", "--json").stdout)

    assert listed == events(dock)
    assert "Splinter" in taskdock("events", "list").stdout
