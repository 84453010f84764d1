"""Every runtime with a stand-in: what functions get, and how their answers and failures are told.

The expected words are those that AWS's own runtimes and platform use.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count

import pytest

from taskdock.lambdas.functions import runtimes
from taskdock.lambdas.functions.runtimes import Runtime
from taskdock.testing.task_client import Json
from tests.support.live import LiveServer, TaskService, make_images, source

pytestmark = [pytest.mark.docker, pytest.mark.long, pytest.mark.timeout(900)]

LARGEST_RESULT = 6 * 1024 * 1024 + 100  # bytes
ID = r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}"
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
ARN = "arn:aws:lambda:us-east-1:000000000000:function"


@dataclass(frozen=True, kw_only=True)
class Broken:
    """Code that cannot be started, and the error that says so. The message is a pattern."""

    files: dict[str, str]
    entry_point: str
    error: str
    message: str


@dataclass(frozen=True, kw_only=True)
class Family:
    """What runtimes of one family have in common, and no other has."""

    error: tuple[str, str]
    traces: tuple[str, ...]  # parts of the log of an error
    printed: tuple[str, ...]  # patterns for the lines that "print" logs
    broken: dict[str, Broken]


FAMILIES = {
    "python": Family(
        error=("ValueError", "boom"),
        traces=("[ERROR] ValueError: boom\nTraceback", '/var/task/main.py", line', "in do_fail"),
        printed=("one", "two", rf"\[WARNING\]\t{TIME}\t{ID}\tthree"),
        broken={
            "import": Broken(
                files={"broken.py": "import nowhere\n"},
                entry_point="broken.handler",
                error="Runtime.ImportModuleError",
                message="Unable to import module 'broken': No module named 'nowhere'",
            ),
            "no module": Broken(
                files={"broken.py": ""},
                entry_point="absent.handler",
                error="Runtime.ImportModuleError",
                message="Unable to import module 'absent': No module named 'absent'",
            ),
            "no function": Broken(
                files={"broken.py": "other = print\n"},
                entry_point="broken.handler",
                error="Runtime.HandlerNotFound",
                message="Handler 'handler' missing on module 'broken'",
            ),
            "syntax": Broken(
                files={"broken.py": "def handler(task, context)\n"},
                entry_point="broken.handler",
                error="Runtime.UserCodeSyntaxError",
                message=r"Syntax error in module 'broken': .+ \(broken\.py, line 1\)",
            ),
        },
    ),
    "nodejs": Family(
        error=("TypeError", "boom"),
        traces=("\tERROR\tInvoke Error \t{", '"errorType":"TypeError"', "/var/task/main.js:"),
        printed=(
            rf"{TIME}\t{ID}\tINFO\tone",
            rf"{TIME}\t{ID}\tERROR\ttwo",
            rf"{TIME}\t{ID}\tINFO\tthree\nfour",
        ),
        broken={
            "import": Broken(
                files={"broken.js": "require('nowhere');\n"},
                entry_point="broken.handler",
                error="Runtime.ImportModuleError",
                message=r"Error: Cannot find module 'nowhere'\n"
                r"Require stack:\n- /var/task/broken\.js.*",
            ),
            "no module": Broken(
                files={"broken.js": ""},
                entry_point="absent.handler",
                error="Runtime.ImportModuleError",
                message="Error: Cannot find module 'absent'.*",
            ),
            "no function": Broken(
                files={"broken.js": "exports.other = async () => {};\n"},
                entry_point="broken.handler",
                error="Runtime.HandlerNotFound",
                message="broken.handler is undefined or not exported",
            ),
            "syntax": Broken(
                files={"broken.js": "exports.handler = async () => {\n"},
                entry_point="broken.handler",
                error="Runtime.UserCodeSyntaxError",
                message="SyntaxError: .+",
            ),
        },
    ),
    "provided": Family(
        error=("Shell.Failure", "boom"),
        traces=("boom in line 1",),
        printed=("one", "two"),
        broken={
            "no bootstrap": Broken(
                files={"notes.txt": ""},
                entry_point="main.handler",
                error="Runtime.InvalidEntrypoint",
                message=rf"RequestId: {ID} Error: Couldn't find valid bootstrap\(s\):"
                r" \[/var/task/bootstrap /opt/bootstrap\]",
            ),
        },
    ),
}
RUNTIMES = [runtime for runtime in runtimes.known().values() if runtime.standin]
BROKEN = [
    pytest.param(runtime, case, id=f"{runtime.id}-{name}")
    for runtime in RUNTIMES
    for name, case in FAMILIES[runtime.family].broken.items()
]
one_for_each_client = pytest.mark.parametrize(
    "subject",
    [
        runtimes.find(id)
        for id in ("nodejs24.x", "nodejs22.x", "python3.13", "python3.9", "provided.al2023")
    ],
    ids=lambda runtime: runtime.id,
    indirect=True,
)
"""For what AWS's client does, which several runtimes have the same version of (catalog.toml)."""
_numbers = count(1)


class Subject:
    """One runtime's function, which does what it is told."""

    def __init__(self, service: TaskService, runtime: Runtime) -> None:
        self.runtime = runtime
        self.family = FAMILIES[runtime.family]
        self.name = runtime.id.replace(".", "-")
        self.service = service
        service.deploy(
            self.name,
            source(runtime.family),
            runtime=runtime.id,
            environmentVariables={"GREETING": {"value": "Hello, = world"}},
        )

    def does(self, what: str, **data: object) -> Json:
        """The task after the function has done it, with its result."""
        answer = self.service.execute(self.name, {"do": what, **data})
        assert "result" in answer, answer
        return answer

    def fails(self, what: str, **data: object) -> tuple[Json, list[str]]:
        """The error after the function was to do it, and the log."""
        return _error_of(self.service, self.name, {"do": what, **data})


@pytest.fixture(scope="module", autouse=True)
def every_image() -> None:
    make_images(*(runtime.id for runtime in RUNTIMES))


@pytest.fixture(scope="module", params=RUNTIMES, ids=lambda runtime: runtime.id)
def subject(request: pytest.FixtureRequest, server: LiveServer) -> Iterator[Subject]:
    subject = Subject(server.service, request.param)
    yield subject
    server.service.call("DELETE", f"/functions/{subject.name}")


def test_a_result_comes_back(subject: Subject) -> None:
    task = subject.does("hello", name="Ada")

    assert task["result"] == {"hello": "Ada"}
    assert task["status"] == "complete"


def test_what_a_function_prints_is_logged_between_start_and_end(subject: Subject) -> None:
    subject.does("hello", name="Ada")

    start, *printed, end, report = subject.service.log(subject.does("print")["id"])

    assert _all_match(subject.family.printed, printed), printed
    assert re.fullmatch(rf"START RequestId: {ID} Version: \$LATEST", start)
    assert end.startswith("END RequestId: ")
    assert report.startswith("REPORT RequestId: ")
    assert "Init Duration" not in report


def test_an_error_carries_its_own_name_and_message_and_is_logged(subject: Subject) -> None:
    error, log = subject.fails("fail")

    assert (error["name"], error["message"]) == subject.family.error
    for part in subject.family.traces:
        assert part in "\n".join(log).replace("\N{NO-BREAK SPACE}", " ")
    assert "Status:" not in log[-1]


def test_an_error_keeps_the_environment(subject: Subject) -> None:
    before = subject.does("tell")["result"]["logStream"]

    subject.fails("fail")

    assert subject.does("tell")["result"]["logStream"] == before


@one_for_each_client
@pytest.mark.parametrize(
    ("code", "why"),
    [
        (0, "Runtime exited without providing a reason"),
        (3, "Runtime exited with error: exit status 3"),
    ],
)
def test_an_early_exit_is_an_error_of_the_runtime(subject: Subject, code: int, why: str) -> None:
    error, log = subject.fails("exit", code=code)

    assert error["name"] == "Runtime.ExitError"
    assert re.fullmatch(rf"RequestId: {ID} Error: {why}", error["message"])
    assert log[-4:-2] == [error["message"], "Runtime.ExitError"]
    assert log[-1].endswith("\tStatus: error\tError Type: Runtime.ExitError\t")
    assert subject.does("hello", name="again")["result"] == {"hello": "again"}


@one_for_each_client
def test_the_largest_result_is_accepted(subject: Subject) -> None:
    result = subject.does("grow", bytes=LARGEST_RESULT)["result"]

    assert len(result) == LARGEST_RESULT - 2


@one_for_each_client
def test_a_larger_result_is_refused(subject: Subject) -> None:
    error, _ = subject.fails("grow", bytes=LARGEST_RESULT + 1)

    assert error == {
        "name": "Function.ResponseSizeTooLarge",
        "message": "Response payload size exceeded maximum allowed payload size (6291556 bytes).",
    }
    assert subject.does("hello", name="again")["result"] == {"hello": "again"}


@one_for_each_client
def test_the_context_tells_of_the_function_and_the_invocation(subject: Subject) -> None:
    task = subject.does("tell")

    told = task["result"]
    start = next(line for line in subject.service.log(task["id"]) if line.startswith("START"))
    assert start == f"START RequestId: {told['requestId']} Version: $LATEST"
    assert told["functionName"] == subject.name
    assert told["functionVersion"] == "$LATEST"
    assert told["invokedFunctionArn"] == f"{ARN}:{subject.name}"
    assert told["memoryLimit"] == "128"
    assert told["logGroup"] == f"/aws/lambda/{subject.name}"
    assert re.fullmatch(r"\d{4}/\d\d/\d\d/\[\$LATEST\][0-9a-f]{32}", told["logStream"])
    assert 20_000 < told["remaining"] <= 30_000


def test_the_environment_variables_are_those_of_lambda(subject: Subject) -> None:
    told = subject.does("tell")["result"]

    variables = told["environment"]
    expected = {
        "AWS_LAMBDA_FUNCTION_NAME": subject.name,
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": told["logGroup"],
        "AWS_LAMBDA_LOG_STREAM_NAME": told["logStream"],
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
        "LAMBDA_TASK_ROOT": "/var/task",
        "LAMBDA_RUNTIME_DIR": "/var/runtime",
        "_HANDLER": "main.handler",
        "TZ": ":UTC",
        "LANG": "en_US.UTF-8",
        "GREETING": "Hello, = world",
    }
    assert {name: variables.get(name) for name in expected} == expected
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        assert variables[name]
    assert variables["AWS_LAMBDA_RUNTIME_API"] == "127.0.0.1:9001"
    assert variables["API_HOST"] == "http://localhost:9002"


def test_a_managed_runtime_names_itself_and_a_custom_one_does_not(subject: Subject) -> None:
    variables = subject.does("tell")["result"]["environment"]

    managed = subject.runtime.family != "provided"
    named = f"AWS_Lambda_{subject.runtime.id}" if managed else None
    assert variables.get("AWS_EXECUTION_ENV") == named
    assert variables.get("_X_AMZN_TRACE_ID", "")[:7] == ("Root=1-" if managed else "")


def test_the_x_ray_daemon_has_an_address(service: TaskService) -> None:
    service.deploy("x-ray", source("python"))

    variables = service.execute("x-ray", {"do": "tell"})["result"]["environment"]

    assert variables["_AWS_XRAY_DAEMON_PORT"] == "2000"
    assert variables["AWS_XRAY_DAEMON_ADDRESS"] == f"{variables['_AWS_XRAY_DAEMON_ADDRESS']}:2000"


@pytest.mark.parametrize(("runtime", "broken"), BROKEN)
def test_code_that_cannot_be_started_is_an_error(
    service: TaskService, runtime: Runtime, broken: Broken
) -> None:
    name = f"broken-{next(_numbers)}"
    service.deploy(name, broken.files, runtime=runtime.id, entry_point=broken.entry_point)

    error, log = _error_of(service, name, {})

    assert error["name"] == broken.error
    assert re.fullmatch(broken.message, error["message"], re.DOTALL), error["message"]
    reported = r"INIT_REPORT Init Duration: [\d.]+ ms\tPhase: init\tStatus: error\tError Type: "
    assert any(re.match(reported + re.escape(broken.error), line) for line in log), log
    words = [line.partition(" ")[0] for line in log]
    assert words.index("INIT_REPORT") < words.index("START") < words.index("END")
    assert words[-1] == "REPORT"


def _error_of(service: TaskService, name: str, data: Json) -> tuple[Json, list[str]]:
    answer = service.execute(name, data)
    assert "runtimeError" in answer, answer
    return answer["runtimeError"], service.log(answer["taskId"])


def _all_match(patterns: tuple[str, ...], lines: list[str]) -> bool:
    return len(patterns) == len(lines) and all(map(re.fullmatch, patterns, lines))
