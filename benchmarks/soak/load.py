"""The load of the soak: a steady mix of all kinds of calls, at a given number of calls a second.

Calls begin at set times, however long the answers take, if one of a few clients is free.
"""

from __future__ import annotations

import http.client
import itertools
import json
import threading
import time
from base64 import b64encode
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

from benchmarks.function import Function

CLIENTS = 8  # that call side by side at most
RATE = 25.0  # calls a second
ANSWER_LIMIT = 60  # seconds
REDEPLOYED, OFTEN = "redeployed", 30.0  # seconds between two re-deployments
_WORK = """
import json, sys

def handler(event, context):
    data = event.get("data") or event
    print("working on", json.dumps(data)[:80])
    return {"statusCode": 200, "body": json.dumps({"ok": True})}
"""
_FAIL = """
class Splinter(Exception):
    pass

def handler(event, context):
    raise Splinter("in the thumb")
"""
_TALK = """
def handler(event, context):
    for number in range(50):
        print(number, "a line of about as many characters as lines of logs usually have")
"""
FUNCTIONS = {
    "work": (_WORK, {}),
    "fail": (_FAIL, {}),
    "retry": (_FAIL, {"retryPolicy": {"enabled": True}}),
    "talk": (_TALK, {}),
    "told": (_WORK, {}),
    REDEPLOYED: (_WORK, {}),
}
_INVOKE = "/2015-03-31/functions/{}/invocations"
_LATER = "2999-01-01T00:00:00.000Z"


@dataclass(frozen=True)
class Call:
    """A request; `status` is the answer that it has to get."""

    kind: str
    method: str
    path: str
    body: Any = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    timed: bool = False
    """It waits for a warm function, so its time is that of a call."""


def _direct(name: str, status: int = 200, *, timed: bool = False) -> Call:
    path = f"/tasks/v1/functions/{name}/execute"
    return Call("direct", "POST", path, {"data": {"wood": "oak"}}, status, timed=timed)


def _task(name: str) -> Call:
    body = {"functionName": name, "data": {"wood": "oak", "shelf": 7}, "tags": ["soak", name]}
    return Call("task", "POST", "/tasks/v1/", body)


def _api(name: str, status: int = 200, *, timed: bool = False) -> Call:
    return Call("API request", "POST", f"/tasks/v1/api/{name}/shop?q=1", {}, status, timed=timed)


def _event(name: str) -> Call:
    headers = {"X-Amz-Invocation-Type": "Event"}
    return Call("Event", "POST", _INVOKE.format(name), {"wood": "oak"}, 202, headers)


def _invoke(name: str, *, timed: bool = False) -> Call:
    return Call("Invoke", "POST", _INVOKE.format(name), {"wood": "oak"}, timed=timed)


DIRECT, API, INVOKE = (make("work", timed=True) for make in (_direct, _api, _invoke))
TASK, EVENT = _task("work"), _event("work")
PAGE = Call("list", "GET", "/tasks/v1/?eq(functionName,work)&sort(-creationTimestamp)&limit(20)")
STATUS = Call("status", "GET", "/status")
LATER = Call("cancel", "POST", "/tasks/v1/", {"functionName": "work", "startTimestamp": _LATER})

SECOND: tuple[Call, ...] = (
    *(DIRECT, TASK, API, INVOKE, EVENT, TASK, DIRECT, INVOKE, API, TASK, INVOKE, DIRECT),
    *(TASK, API, INVOKE, PAGE, TASK, DIRECT, API, INVOKE, EVENT),
)
RARE: tuple[tuple[Call, ...], ...] = (  # one of each row a second, in turn
    (_task("fail"), _direct("fail", 400), _api("fail", 400), _task("retry")),
    (_task("talk"), _direct("talk"), _invoke("talk"), _task("talk")),
    (_direct(REDEPLOYED), _invoke(REDEPLOYED)),
    (LATER, STATUS),
)


def calls() -> Iterator[Call]:
    """The mix, without an end: each second the usual ones, and some of the rare between them."""
    rare = [itertools.cycle(row) for row in RARE]
    while True:
        yield from SECOND
        for row in rare:
            yield next(row)


class Caller:
    """One client: a connection that is kept."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=ANSWER_LIMIT)

    def send(self, call: Call) -> tuple[int, bytes]:
        """Raises `OSError` or `HTTPException`; the next call has a new connection then."""
        body = None if call.body is None else json.dumps(call.body).encode()
        headers = {"Content-Type": "application/json", **call.headers}
        try:
            self._connection.request(call.method, call.path, body, headers)
            reply = self._connection.getresponse()
            return reply.status, reply.read()
        except (OSError, http.client.HTTPException):
            self.close()
            raise

    def expect(self, call: Call) -> Any:
        """The content of the call's answer. Raises `Unexpected` if the status is another one."""
        status, content = self.send(call)
        if status != call.status:
            raise Unexpected(f"{call.kind}: {status} {content[:200].decode(errors='replace')}")
        return json.loads(content) if content else None

    def close(self) -> None:
        self._connection.close()


class Unexpected(Exception):
    """An answer that should not have been."""


class Load:
    """`with Load(port) as load:` calls from then on; `take` gives what has been since the last."""

    def __init__(self, port: int, rate: float = RATE) -> None:
        self._port = port
        self._rate = rate
        self._calls = calls()
        self._began = 0.0
        self._begun = 0
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._taken: list[float] = []
        self._ended: Counter[str] = Counter()
        self._failed: Counter[str] = Counter()
        self._threads = [threading.Thread(target=self._client) for _ in range(CLIENTS)]
        self._threads.append(threading.Thread(target=self._redeploy))

    def __enter__(self) -> Load:
        set_up(self._port)
        self._began = time.monotonic()
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def take(self) -> tuple[list[float], Counter[str], Counter[str]]:
        """Milliseconds of warm calls, how many calls of each kind have ended, and what failed."""
        with self._lock:
            found = self._taken, self._ended, self._failed
            self._taken, self._ended, self._failed = [], Counter(), Counter()
        return found

    def _client(self) -> None:
        caller = Caller(self._port)
        while not self._over.is_set():
            with self._lock:
                call, due = next(self._calls), self._began + self._begun / self._rate
                self._begun += 1
            if self._over.wait(max(due - time.monotonic(), 0)):
                break
            self._perform(call.kind, call.timed, lambda call=call: self._make(caller, call))
        caller.close()

    def _make(self, caller: Caller, call: Call) -> None:
        answer = caller.expect(call)
        if call.kind == "cancel":
            caller.expect(Call("cancel", "POST", f"/tasks/v1/{answer['id']}/cancel"))

    def _redeploy(self) -> None:
        caller, number = Caller(self._port), 0
        while not self._over.wait(OFTEN):
            number += 1
            code = f"{_WORK}\n# {number}\n"
            change = Call(
                "re-deploy", "PUT", f"/tasks/v1/functions/{REDEPLOYED}", {"code": packed(code)}
            )
            self._perform("re-deploy", False, lambda change=change: caller.expect(change))
        caller.close()

    def _perform(self, kind: str, timed: bool, make: Callable[[], object]) -> None:
        begun = time.perf_counter()
        problem = ""
        try:
            make()
        except Unexpected as error:
            problem = str(error)
        except (OSError, http.client.HTTPException) as error:
            problem = f"{kind}: {type(error).__name__} {error}"
        took = (time.perf_counter() - begun) * 1000
        with self._lock:
            self._ended[kind] += 1
            if problem:
                self._failed[problem] += 1
            elif timed:
                self._taken.append(took)


def set_up(port: int) -> None:
    """The functions, a schedule of two seconds, and a function that is told of failures."""
    caller = Caller(port)
    for name, (code, more) in FUNCTIONS.items():
        body = {
            "name": name,
            "code": packed(code),
            "entryPoint": "app.handler",
            "runtime": "python3.11",
            **more,
        }
        caller.expect(Call("deploy", "POST", "/tasks/v1/functions/", body))
    schedule = {"functionName": "work", "interval": 2.0}
    caller.expect(Call("schedule", "POST", "/tasks/v1/schedules/", schedule))
    subscription = {"eventTypes": ["task_failed"], "functionName": "told"}
    caller.expect(Call("subscription", "POST", "/events/v1/subscriptions/", subscription))
    for name in FUNCTIONS:  # the first calls wait for an image, perhaps
        with suppress(Unexpected):
            caller.expect(_direct(name))
    caller.close()


def packed(code: str) -> str:
    return b64encode(Function({"app.py": code}).zipped()).decode()


def await_rest(port: int, limit: float) -> int:
    """Waits until no task is left to run; how many there still are after `limit` seconds."""
    caller, end = Caller(port), time.monotonic() + limit
    while True:
        queued = caller.expect(STATUS)["tasks"]
        left = int(queued["new"] + queued["inProgress"])
        if not left or time.monotonic() > end:
            caller.close()
            return left
        time.sleep(0.2)
