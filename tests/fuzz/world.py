"""World: a server with some of everything in it, and the checks that every answer has to stand."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from zlib import crc32

import requests
import schemathesis
from schemathesis.config import (
    CoveragePhaseConfig,
    GenerationConfig,
    PhasesConfig,
    ProjectConfig,
    ProjectsConfig,
    SchemathesisConfig,
)
from schemathesis.specs.openapi import checks

from taskdock.base import ids
from taskdock.testing.dock import new_function
from taskdock.testing.fakes.runtime import serve
from taskdock.web.public.openapi import builder
from tests.support.builders import Dock, app_of
from tests.support.people import administrator

Json = dict[str, Any]

FUNCTIONS = ("walnut-table", "oak-fails", "elm-site")
CHECKS = [
    schemathesis.checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
]
WAIT = "GET /taskdock/tasks/{taskId}/wait"
FRESH = 100  # cases after which there is some of everything again


def described(*, examples: int, boundaries: bool = False, credentials: bool = False) -> Any:
    """The API's own description, ready to be fuzzed; no server is needed for it.

    `boundaries`: whether every limit of every field is tried, before `examples` at random;
    `credentials`: whether Authorization headers are made up, too.
    """
    generation = GenerationConfig(
        deterministic=True,
        max_examples=examples,
        database="none",
        with_security_parameters=credentials,
    )
    phases = PhasesConfig(
        coverage=CoveragePhaseConfig(enabled=boundaries, unexpected_methods=set())
    )
    project = ProjectConfig(generation=generation, phases=phases)
    config = SchemathesisConfig(projects=ProjectsConfig(default=project))
    functions = SimpleNamespace(find=None)
    app = app_of(SimpleNamespace(accounts=None, roles=None, tokens=None, functions=functions))
    return schemathesis.openapi.from_dict(
        builder.describe(app.url_map, strict=False), config=config
    )


class World:
    def __init__(self, folder: Path, **settings: Any) -> None:
        self.dock = Dock(folder / "data", **settings)
        self.strict = settings.get("auth") == "strict"
        self.administrator = administrator(self.dock)
        self.session = requests.Session()
        self.session.trust_env = False
        self.headers: dict[str, str] = {}
        self.statuses: Counter[int] = Counter()
        self.operations: set[str] = set()
        self.known: dict[str, list[str]] = {}
        """Path variables by name, each with values that lead somewhere."""
        self.fill()

    @property
    def cases(self) -> int:
        return self.statuses.total()

    def stop(self) -> None:
        self.session.close()
        self.dock.stop()

    def check(self, case: Any) -> None:
        """Raises when the answer is not one that is described."""
        self.operations.add(case.operation.label)
        case.path_parameters = {
            name: self._known(name, value) for name, value in (case.path_parameters or {}).items()
        }
        if case.operation.label == WAIT:  # nobody waits here for a task that is never due
            given = (case.query or {}).get("timeout", 30)
            case.query = {**(case.query or {}), "timeout": self._short(given)}
        response = case.call(
            base_url=self.dock.emulator.url,
            session=self.session,
            headers=self.headers,
            allow_redirects=False,
            timeout=60,
        )
        self.statuses[response.status_code] += 1
        case.validate_response(response, checks=CHECKS)
        if self.cases % FRESH == 0:
            self.fill()
        elif self.strict and response.status_code == 401:  # a case before has ended the token
            self.headers = {"Authorization": f"Bearer {self._bearer()}"}

    @staticmethod
    def _short(timeout: object) -> object:
        """As it is, where that is no time to wait, or refused."""
        try:
            return 0.2 if 0.2 < float(str(timeout)) <= 900 else timeout
        except ValueError:
            return timeout

    def fill(self) -> None:
        """Some of everything, whatever the cases before have removed."""
        self._deploy()
        if self.strict:
            self.headers = {"Authorization": f"Bearer {self._bearer()}"}
        ask, directory = self.administrator.ask, self.dock.emulator.directory
        later = "2199-01-01T00:00:00Z"
        task = {"functionName": "walnut-table", "data": {"a": 1}, "tags": ["x"]}
        done = ask("POST", "/tasks/v1/functions/walnut-table/execute", {}).json()["id"]
        failed = ask("POST", "/tasks/v1/functions/oak-fails/execute", {})
        assert failed.json()["code"] == 1406, failed.text
        queued = ask("POST", "/tasks/v1/", {**task, "startTimestamp": later}).json()["id"]
        schedule = {"functionName": "walnut-table", "interval": 3600, "startTimestamp": later}
        subscription = {"eventTypes": ["task_failed"], "functionName": f"f-{ids.word(8)}"}
        leaf = ask("GET", "/tasks/v1/api/elm-site/leaf?a=1")
        assert leaf.ok, leaf.text
        request = ask("GET", "/tasks/v1/apiRequests?sort(-timestamp)&limit(1)").json()["data"]
        user = directory.accounts.register(
            f"{ids.word(8)}@example.com",
            None,
            first_name="Ada",
            last_name="Walnut",
            phone_number="",
            language="EN",
            time_zone="UTC",
        )
        role = directory.roles.create(f"role-{user.id}", "", ["VIEW_TASKS"])
        directory.roles.give([user.id], [role.id])
        token = directory.tokens.issue_oauth1(user.id, directory.local.application)
        self.known = {
            "taskId": [done, queued],
            "name": list(FUNCTIONS),
            "functionName": list(FUNCTIONS),
            "requestId": [each["id"] for each in request],
            "scheduleId": [ask("POST", "/tasks/v1/schedules", schedule).json()["id"]],
            "subscriptionId": [ask("POST", "/events/v1/subscriptions", subscription).json()["id"]],
            "userId": [user.id],
            "roleId": [role.id],
            "tokenId": [token.id],
            "file": ["index.html", "index.js"],
        }

    def _known(self, name: str, value: Any) -> Any:
        """Most made-up ids are nobody's: three of four become that of something that is there."""
        chance, known = crc32(repr(value).encode()), self.known.get(name)
        return known[chance // 4 % len(known)] if known and chance % 4 else value

    def _bearer(self) -> str:
        """A fresh access token of the administrator's."""
        local, tokens = self.dock.emulator.directory.local, self.dock.emulator.directory.tokens
        refresh = tokens.issue_refresh(local.administrator.user_id or "", local.application)
        return tokens.issue_access(refresh, local.application).token

    def _deploy(self) -> None:
        catalog, handlers = self.dock.emulator.catalog, (_echo, _fail, _site)
        for function in catalog.all():
            catalog.delete(function.name)
        for name, handler in zip(FUNCTIONS, handlers, strict=True):
            self.dock.engine.programs[name] = serve(handler)
            self.administrator.post("/tasks/v1/functions/", new_function(name, entryPoint=name))


def _echo(event: Any, runtime: Any) -> Any:
    runtime.print("hello")
    return event.get("data") if isinstance(event, dict) else event


def _fail(event: Any, runtime: Any) -> Any:
    runtime.print("here it comes")
    raise ValueError("as it was meant to")


def _site(event: Any, runtime: Any) -> Any:
    return {"statusCode": 200, "headers": {"x-leaf": "1"}, "body": event.get("body")}
