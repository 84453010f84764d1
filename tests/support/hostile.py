"""Hostile: a server with text in every place that takes text, which would do harm where it is not
shown as text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from taskdock.testing.fakes.runtime import FakeRuntime
from tests.support.builders import Dock
from tests.support.people import nobody

Json = dict[str, Any]

MARK = "oak'\"><b>walnut</b>"
"""The part of the text by which it is found on a page."""
PRODUCT = "60481729"
"""The result of the product in the text: a template that is run would show it."""
TEXT = (
    f'{MARK}<img src=x onerror="alert(1)"><script>alert(2)</script>\' onfocus=alert(3) autofocus '
    "javascript:alert(4)</textarea></script></style><svg onload=alert(5)><!-- "
    "<iframe srcdoc='<script>alert(6)</script>'></iframe><meta http-equiv=refresh content="
    "'0;url=https://evil.example/'><link rel=stylesheet href=https://evil.example/a.css>"
    "<form action=https://evil.example/><button hx-get=https://evil.example/>"
    "{{7777*7777}}${7777*7777}<%= 7777*7777 %>{% raw %}#{7777*7777} \u202eelpam\u202c \u2028 &lt;"
)
WORST = f"{TEXT}\x00\x1b[31m\x7f"
"""With NUL and a terminal's order."""
HALF = "\ud800"
"""Half a character, which the API takes from functions alone."""
LONG = "x" * 1_000_000 + MARK
FUNCTIONS = ("walnut-table", "oak-fails", "elm-site", "ash-long")
LATER = "2199-01-01T00:00:00Z"


class HostileServer:
    """A server on a FakeEngine, filled with hostile text."""

    def __init__(self, dock: Dock) -> None:
        self.dock = dock
        self.ids: dict[str, list[str]] = {}
        """Ids of what there is, by its kind."""
        self._fill()

    def values(self) -> Iterator[str]:
        """Values for a variable in a path: one of them is of its kind."""
        yield from FUNCTIONS
        for found in self.ids.values():
            yield from found
        yield "main.js"

    def _fill(self) -> None:
        self._functions()
        self._events()
        self._runs()
        self._harness()
        self._people()

    def _functions(self) -> None:
        handlers = (_echo, _fail, _site, _long)
        for name, handler in zip(FUNCTIONS, handlers, strict=True):
            public = {"permissionMode": "public"} if handler is _site else None
            self.dock.deploy(handler, name, **({"executionOptions": public} if public else {}))
            self._try("PUT", f"/tasks/v1/functions/{name}", description=TEXT)
            self._try(
                "PUT",
                f"/tasks/v1/functions/{name}",
                environmentVariables={"WOOD": {"value": TEXT}},
            )

    def _runs(self) -> None:
        ids = []
        for name in (*FUNCTIONS[:2], FUNCTIONS[3]):
            data = {TEXT: [TEXT, {"a": WORST}]}
            made = self._must("POST", "/tasks/v1/", functionName=name, data=data, tags=[TEXT])
            ids.append(made["id"])
        self._try("POST", f"/tasks/v1/functions/{FUNCTIONS[0]}/execute", data={"a": LONG})
        self._try("POST", f"/tasks/v1/functions/{FUNCTIONS[1]}/execute", data=data)
        later = self._must(
            "POST", "/tasks/v1/", functionName=FUNCTIONS[0], data={"a": TEXT}, startTimestamp=LATER
        )
        for task in ids:
            self.dock.finish(task)
        self.ids["task"] = [ids[0], ids[1], later["id"]]
        for text in (TEXT, WORST):
            nobody(self.dock).ask(
                "POST",
                f"/tasks/v1/api/{FUNCTIONS[2]}/{quote(text)}?{quote(text)}={quote(text)}",
                {"a": text},
                headers={"X-Wood": TEXT.encode("latin-1", "replace").decode("latin-1")},
            )
        self._must("POST", f"/2015-03-31/functions/{FUNCTIONS[0]}/invocations", text=WORST)
        invocations = self._must("GET", "/taskdock/activity?kind=invocation")["data"]
        self.ids["invocation"] = [each["id"] for each in invocations]
        requests = self._must("GET", "/tasks/v1/apiRequests?limit(1)")["data"]
        self.ids["request"] = [each["id"] for each in requests]
        runs = nobody(self.dock).ask("GET", "/taskdock/runs")
        self.ids["run"] = [each["id"] for each in runs.json()["data"]][:3]

    def _events(self) -> None:
        schedule = self._must(
            "POST",
            "/tasks/v1/schedules",
            functionName=FUNCTIONS[0],
            interval=3600,
            startTimestamp=LATER,
            data={TEXT: WORST},
        )
        subscription = self._must(
            "POST",
            "/events/v1/subscriptions",
            eventTypes=["task_failed"],
            functionName=FUNCTIONS[0],
        )
        self._must(
            "POST",
            "/events/v1/subscriptions",
            eventTypes=["task_failed"],
            url=f"http://127.0.0.1:9/{quote(TEXT)}?{quote(TEXT)}",
        )
        self.ids["schedule"], self.ids["subscription"] = [schedule["id"]], [subscription["id"]]

    def _harness(self) -> None:
        double = self._must(
            "POST",
            "/taskdock/doubles",
            method="GET",
            path="/mail/v1/{x:path}",
            answer={"text": TEXT},
        )
        self.ids["double"] = [double["id"]]
        self._must(
            "POST",
            "/taskdock/doubles",
            method="GET",
            path=f"/mail/v2/{quote(MARK)}",
            answer={"json": WORST},
        )
        nobody(self.dock).ask("GET", f"/mail/v1/{quote(TEXT)}?{quote(TEXT)}")
        calls = nobody(self.dock).ask("GET", "/taskdock/doubles/calls").json()["data"]
        self.ids["call"] = [str(call["number"]) for call in calls][-2:]
        fault = self._must(
            "POST",
            "/taskdock/faults",
            functionName=FUNCTIONS[0],
            fault="error",
            name=MARK,
            message=TEXT,
            times=3,
        )
        self.ids["fault"] = [fault["id"]]

    def _people(self) -> None:
        self.dock.emulator.directory.accounts.register(
            "ada@example.com",
            None,
            first_name=TEXT,
            last_name=TEXT,
            phone_number=TEXT,
            language="EN",
            time_zone="UTC",
        )

    def _must(self, method: str, path: str, /, **body: Any) -> Json:
        answer = nobody(self.dock).ask(method, path, body or None)
        assert answer.ok, (path, answer.text[:300])
        found: Json = answer.json()
        return found

    def _try(self, method: str, path: str, /, **body: Any) -> Json | None:
        """The answer, or None where such a text is refused there."""
        answer = nobody(self.dock).ask(method, path, body or None)
        assert answer.status_code < 500, (path, answer.text[:300])
        return answer.json() if answer.ok else None


class _HostileError(Exception):
    pass


_HostileError.__name__ = f"Oak<script>alert(7)</script>{MARK}"


def _echo(event: Any, runtime: FakeRuntime) -> Any:
    runtime.print(TEXT)
    runtime.print(WORST)
    return {TEXT: event.get("data") if isinstance(event, dict) else event}


def _fail(event: Any, runtime: FakeRuntime) -> Any:
    runtime.print(TEXT)
    raise _HostileError(WORST + HALF)


def _site(event: Any, runtime: FakeRuntime) -> Any:
    runtime.print(TEXT)
    return {"statusCode": 200, "headers": {"content-type": "text/html"}, "body": TEXT}


def _long(event: Any, runtime: FakeRuntime) -> Any:
    runtime.print(LONG)
    return LONG
