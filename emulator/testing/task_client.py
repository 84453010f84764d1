"""TaskClient: the Task Service over plain HTTP, and the waiting that goes with it in tests."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import requests

from taskdock.client.connection import Sign
from taskdock.client.follow import ENDED
from taskdock.testing.waiting import eventually
from taskdock.testing.zips import base64_of, zip_of

Json = dict[str, Any]

_NO_LINE_YET = ("NO_TASK_LOGS_FOUND", "ILLEGAL_STATE_EXCEPTION")  # the second of one that is new
_PAGE = 1000  # log lines
_SECONDS_TO_ANSWER = 120


class TaskClient:
    """One server's Task Service; for any thread. No connection stays open between two calls, so a
    test can count its own.

    Every verb but `call` and `execute` raises `AssertionError` for an answer that is a refusal.
    """

    def __init__(
        self,
        url: str,
        *,
        seen: Callable[[requests.Response], requests.Response] = lambda answer: answer,
        signature: Sign | None = None,
    ) -> None:
        """`url`: of the server, such as `http://localhost:8080`. `seen`: is handed each answer, and
        returns it or another in its place. `signature`: signs each call."""
        self.url = url
        self._seen = seen
        self._signature = signature

    def call(self, method: str, path: str, body: Json | None = None) -> requests.Response:
        """Any answer. `path` follows /tasks/v1; `body` is sent as JSON."""
        with requests.Session() as session:
            session.trust_env = False  # without a proxy, and without a .netrc
            session.auth = self._signature
            answer = session.request(
                method, f"{self.url}/tasks/v1{path}", json=body, timeout=_SECONDS_TO_ANSWER
            )
            return self._seen(answer)

    def get(self, path: str) -> Json:
        return accepted(self.call("GET", path))

    def post(self, path: str, body: Json | None = None) -> Json:
        return accepted(self.call("POST", path, body))

    def deploy(
        self,
        name: str,
        files: Mapping[str, str | bytes],
        *,
        runtime: str = "python3.11",
        entry_point: str = "main.handler",
        **properties: Any,
    ) -> str:
        """Makes a function of these files, each executable, and returns its name. `properties`: of
        the function, by the Task Service's names, such as `memoryLimit=256`."""
        function = {
            "name": name,
            "runtime": runtime,
            "entryPoint": entry_point,
            "code": base64_of(zip_of(files, 0o755)),
        }
        self.post("/functions/", function | properties)
        return name

    def execute(self, name: str, data: Json | None = None) -> Json:
        """The answer to a direct execution, be it a task with its result or an error."""
        answer: Json = self.call("POST", f"/functions/{name}/execute", {"data": data or {}}).json()
        return answer

    def warm_up(self, name: str, data: Json | None = None) -> None:
        """Executes it, which has to go well, so that an environment is there."""
        task = self.execute(name, data)
        assert task.get("status") == "complete", task

    def create(self, name: str, data: Json | None = None, **properties: Any) -> str:
        """Queues a task and returns its id."""
        task = self.post("/", {"functionName": name, "data": data or {}, **properties})
        return str(task["id"])

    def task(self, task_id: str) -> Json:
        found: list[Json] = self.get(f"/?eq(id,{task_id})")["data"]
        assert len(found) == 1, f"{len(found)} tasks have the id {task_id}"
        return found[0]

    def tasks(self, rql: str = "") -> list[Json]:
        found: list[Json] = self.get(f"/?limit(50)&{rql}".rstrip("&"))["data"]
        return found

    def reach(self, task_id: str, *statuses: str, within: float = 60) -> Json:
        """Waits until the task has one of these statuses, and returns it. Raises `AssertionError`,
        with its log, when it ends in another one."""

        def reached() -> Json | None:
            task = self.task(task_id)
            ended_otherwise = task["status"] in ENDED and task["status"] not in statuses
            assert not ended_otherwise, f"{task}\nits log: {self.log(task_id)}"
            return task if task["status"] in statuses else None

        return eventually(reached, f"{task_id} {' or '.join(statuses)}", within=within)

    def finish(self, task_ids: Iterable[str], *, within: float = 60) -> list[Json]:
        """Waits until all of them have ended, whichever way."""
        return [self.reach(task_id, *ENDED, within=within) for task_id in task_ids]

    def log(self, task_id: str) -> list[str]:
        """Messages of its log lines but for INIT_START; none when there is no line yet."""
        return [line for line in self.whole_log(task_id) if not line.startswith("INIT_START ")]

    def whole_log(self, task_id: str) -> list[str]:
        messages: list[str] = []
        while True:
            answer = self.call("GET", f"/{task_id}/logs?limit({_PAGE},{len(messages)})")
            has_none = answer.status_code == 400 and answer.json()["name"] in _NO_LINE_YET
            page = [] if has_none else accepted(answer)["data"]
            messages += [line["message"] for line in page]
            if len(page) < _PAGE:
                return messages


def accepted(answer: requests.Response) -> Json:
    """The JSON of an answer. Raises `AssertionError` for a refusal."""
    assert answer.ok, f"{answer.request.method} {answer.url}: {answer.status_code} {answer.text}"
    body: Json = answer.json()
    return body
