"""A Task Service of a few lines behind real HTTP, for tests of its clients.

Functions do nothing: `outcomes` has the results of the next executions and tasks of each function.
A task takes one step each time that it is read: new, inProgress, then its outcome.
"""

from __future__ import annotations

import re
import threading
from itertools import count
from typing import Any
from urllib.parse import unquote

from flask import Flask, Response, jsonify, request
from werkzeug.serving import WSGIRequestHandler, make_server

Json = dict[str, Any]

NOON = "2026-01-02T12:00:00.000Z"


class StubService:
    """`with StubService() as stub:` serves at `stub.url`; `stub.calls` are the requests it got."""

    def __init__(self) -> None:
        self.functions: dict[str, Json] = {}
        self.tasks: dict[str, Json] = {}
        self.logs: dict[str, list[str]] = {}
        self.outcomes: dict[str, list[Json]] = {}
        self.calls: list[tuple[str, str, Any]] = []
        self.status: Json = {}
        self.health: tuple[Json, int] = {"status": "ok"}, 200
        self.first_lines = ["START", "END"]  # of what begins to run from now on
        self._ids = (f"{number:024x}" for number in count(1))
        self._server = make_server("localhost", 0, self._app(), request_handler=_Quiet)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    @property
    def url(self) -> str:
        return f"http://localhost:{self._server.server_port}"

    def __enter__(self) -> StubService:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def add_function(self, name: str, /, **fields: Any) -> None:
        defaults = {"runtime": "python3.12", "timeLimit": 30, "memoryLimit": 128}
        self.functions[name] = {"name": name, **defaults, **fields}

    def add_task(self, name: str, /, **fields: Any) -> Json:
        task_id = next(self._ids)
        stamps = dict.fromkeys(("creationTimestamp", "statusChangedTimestamp"), NOON)
        task = {"id": task_id, "functionName": name, "status": "new", **stamps, **fields}
        return self.tasks.setdefault(task_id, task)

    def bodies(self, method: str) -> list[Any]:
        return [body for called, _, body in self.calls if called == method]

    def _app(self) -> Flask:
        app = Flask(__name__)
        base = "/tasks/v1"
        app.before_request(self._record)
        app.add_url_rule("/health", "health", lambda: self.health)
        app.add_url_rule("/status", "status", lambda: jsonify(self.status))
        for path, methods, view in [
            ("/functions", ["GET", "POST"], self._functions),
            ("/functions/<name>", ["GET", "PUT", "DELETE"], self._function),
            ("/functions/<name>/execute", ["POST"], self._execute),
            ("/", ["GET", "POST"], self._tasks),
            ("/apiRequests", ["GET"], lambda: jsonify(data=[])),
            ("/<task_id>/cancel", ["POST"], self._cancel),
            ("/<task_id>/logs", ["GET"], self._logs),
        ]:
            app.add_url_rule(base + path, view_func=view, methods=methods)
        return app

    def _record(self) -> None:
        query = unquote(unquote(request.query_string.decode()))
        self.calls.append(
            (request.method, f"{request.path}?{query}", request.get_json(silent=True))
        )

    def _functions(self) -> Any:
        if request.method == "GET":
            return jsonify(data=list(self.functions.values()))
        body = dict(request.get_json())
        if body.get("runtime") == "cobol":
            return _problem(1402, "INVALID_FUNCTION_CONFIGURATION_EXCEPTION", "no such runtime")
        body.pop("code", None)
        self.add_function(body["name"], **body)
        return self.functions[body["name"]]

    def _function(self, name: str) -> Any:
        if name not in self.functions:
            return _unknown()
        if request.method == "PUT":
            self.functions[name] |= request.get_json()
        elif request.method == "DELETE":
            del self.functions[name]
        else:
            return self.functions[name]
        return jsonify(affectedRecords=1)

    def _execute(self, name: str) -> Any:
        if name not in self.functions:
            return _unknown()
        task = self.add_task(name, status="inProgress")
        self.logs[task["id"]] = list(self.first_lines)
        outcome = self._next_outcome(name)
        if error := outcome.get("error"):
            more = {"taskId": task["id"], "runtimeError": error}
            return _problem(1406, "LAMBDA_RUNTIME_EXCEPTION", "a runtime error", **more)
        return {**task, **outcome}

    def _tasks(self) -> Any:
        if request.method == "POST":
            body = request.get_json()
            known = body["functionName"] in self.functions
            return self.add_task(body["functionName"], **body) if known else _unknown()
        query = unquote(unquote(request.query_string.decode()))
        conditions = re.findall(r"eq\((\w+),([^)]*)\)", query)
        found = [
            task for task in self.tasks.values() if all(task[key] == to for key, to in conditions)
        ]
        answer = jsonify(data=found)
        for task in found:
            self._step(task)
        return answer

    def _step(self, task: Json) -> None:
        if task["status"] == "new":
            task["status"] = "inProgress"
            self.logs[task["id"]] = list(self.first_lines)
        elif task["status"] == "inProgress":
            task |= {"status": "complete", **self._next_outcome(task["functionName"])}
            if task["status"] == "retried":
                again = self.add_task(task["functionName"], retryForTaskIds=[task["id"]])
                task["retriedByTaskId"] = again["id"]

    def _next_outcome(self, name: str) -> Json:
        outcomes = self.outcomes.get(name)
        return outcomes.pop(0) if outcomes else {}

    def _cancel(self, task_id: str) -> Any:
        if task_id not in self.tasks:
            return _unknown()
        if self.tasks[task_id]["status"] != "new":
            return _problem(27, "ILLEGAL_STATE_EXCEPTION", "This task is not new")
        self.tasks[task_id]["status"] = "canceled"
        return jsonify(affectedRecords=1)

    def _logs(self, task_id: str) -> Any:
        if task_id not in self.tasks:
            return _unknown()
        if task_id not in self.logs:
            return _problem(27, "ILLEGAL_STATE_EXCEPTION", "This task has not run yet")
        limit, skip = re.findall(r"\d+", request.query_string.decode())
        lines = self.logs[task_id][int(skip) :][: int(limit)]
        if not lines:
            return _problem(1408, "NO_TASK_LOGS_FOUND", "There are no logs found for this task")
        return jsonify(data=[{"timestamp": NOON, "message": line} for line in lines])


class _Quiet(WSGIRequestHandler):
    def log_request(self, *_: object) -> None:
        """A test's output is not the place for a line per request."""


def _unknown() -> tuple[Response, int]:
    return jsonify(code=16, name="RESOURCE_UNKNOWN_EXCEPTION", message="unknown"), 404


def _problem(code: int, name: str, message: str, **more: object) -> tuple[Response, int]:
    return jsonify(code=code, name=name, message=message, **more), 400
