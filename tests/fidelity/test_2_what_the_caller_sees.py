"""What the caller sees, fact by fact: the bodies that AWS's Invoke API answers for failures.

A name begins with the section that the fact belongs to: 2.2 what handlers throw, 2.3 what runtimes
find wrong with a function, 2.4 what the platform says of a runtime that gave no answer.
"""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from taskdock.lambdas.outcome import MAX_RESPONSE, Answer
from tests.support.live_dock import Called, Deployed, LiveDock

pytestmark = [pytest.mark.docker, pytest.mark.timeout(300)]

PYTHONS = ("python3.11", "python3.13")
NODES = ("nodejs20.x", "nodejs22.x")
FAMILIES = ("python3.11", "nodejs20.x", "provided.al2023")


@pytest.fixture(params=PYTHONS)
def python(request: pytest.FixtureRequest, live: LiveDock) -> Deployed:
    return live.shared(request.param)


@pytest.fixture(params=NODES)
def node(request: pytest.FixtureRequest, live: LiveDock) -> Deployed:
    return live.shared(request.param)


def platform_body(name: str, called: Called, why: str) -> bytes:
    """Compact, and the type first."""
    said = f'{{"errorType":"{name}","errorMessage":"RequestId: {called.request_id} Error: {why}"}}'
    return said.encode()


# 2.2 Handler exceptions


def test_2_2_python_tells_message_type_request_and_trace(python: Deployed) -> None:
    called = python.call("fail")

    frame = r"  File \"/var/task/main.py\", line 13, in handler\n    raise"
    assert called.body.decode() == (
        '{"errorMessage": "Handler fails", "errorType": "Exception",'
        f' "requestId": "{called.request_id}",'
        rf' "stackTrace": ["{frame} Exception(\"Handler fails\")\n"]}}'
    )


def test_2_2_an_exception_in_the_init_of_python_has_no_request(live: LiveDock) -> None:
    called = live.deploy("python3.11", "raise ValueError('in init')\n").call()

    body = json.loads(called.body)
    assert list(body) == ["errorMessage", "errorType", "requestId", "stackTrace"]
    assert (body["errorMessage"], body["errorType"], body["requestId"]) == (
        "in init",
        "ValueError",
        "",
    )
    assert "importlib" in body["stackTrace"][0]
    last = "  File \"/var/task/main.py\", line 1, in <module>\n    raise ValueError('in init')\n"
    assert body["stackTrace"][-1] == last


def test_2_2_node_tells_type_message_and_trace(node: Deployed) -> None:
    called = node.call("fail")

    start = (
        b'{"errorType":"Error","errorMessage":"Handler fails","trace":["Error: Handler fails",'
        b'"    at exports.handler (/var/task/index.js:7:31)",'
    )
    assert called.body.startswith(start)
    assert called.body.endswith(b'"]}')


def test_2_2_what_is_no_error_in_node_is_told_by_its_type(node: Deployed) -> None:
    called = node.run("throw 'boom'")

    assert called.body == b'{"errorType":"string","errorMessage":"boom","trace":[]}'


def test_2_2_an_error_that_node_calls_back_with_is_the_same(live: LiveDock) -> None:
    code = "exports.handler = (event, context, done) => done(new TypeError('called back'));\n"

    called = live.deploy("nodejs20.x", code).call()

    assert called.body.startswith(b'{"errorType":"TypeError","errorMessage":"called back",')


# 2.3 What runtimes find wrong themselves

PYTHON_FAULTS = {
    "import": (
        "import nowhere\n",
        "main.handler",
        "Runtime.ImportModuleError",
        "Unable to import module 'main': No module named 'nowhere'",
        [],
    ),
    "syntax": (
        "\n\ndef handler(event context):\n",
        "main.handler",
        "Runtime.UserCodeSyntaxError",
        "Syntax error in module 'main': invalid syntax (main.py, line 3)",
        ['  File "/var/task/main.py" Line 3\n    def handler(event context):\n'],
    ),
    "no function": (
        "handler = print\n",
        "main.other",
        "Runtime.HandlerNotFound",
        "Handler 'other' missing on module 'main'",
        [],
    ),
    "bad handler": (
        "",
        "main",
        "Runtime.MalformedHandlerName",
        "Bad handler 'main': not enough values to unpack (expected 2, got 1)",
        [],
    ),
    "built-in": (
        "",
        "sys.handler",
        "Runtime.BuiltInModuleConflict",
        "Cannot use built-in module sys as a handler module",
        [],
    ),
}

NODE_FAULTS = {
    "import": (
        "require('nowhere');\n",
        "index.handler",
        "Runtime.ImportModuleError",
        "Error: Cannot find module 'nowhere'\nRequire stack:\n- /var/task/index.js",
    ),
    "syntax": (
        "exports.handler = async () => {\n",
        "index.handler",
        "Runtime.UserCodeSyntaxError",
        "SyntaxError: Unexpected end of input",
    ),
    "no function": (
        "exports.other = async () => {};\n",
        "index.handler",
        "Runtime.HandlerNotFound",
        "index.handler is undefined or not exported",
    ),
    "not a function": (
        "exports.handler = 1;\n",
        "index.handler",
        "Runtime.HandlerNotFound",
        "index.handler is not a function",
    ),
    "bad handler": ("", "index", "Runtime.MalformedHandlerName", "Bad handler"),
    "relative handler": (
        "",
        "./../index.handler",
        "Runtime.MalformedHandlerName",
        "'./../index.handler' is not a valid handler name. Use absolute paths when specifying"
        " root directories in handler names.",
    ),
}


@pytest.mark.parametrize("case", PYTHON_FAULTS)
def test_2_3_python_cannot_be_loaded(live: LiveDock, case: str) -> None:
    code, entry_point, name, message, trace = PYTHON_FAULTS[case]

    called = live.deploy("python3.11", code, entry_point).call()

    said = {"errorMessage": message, "errorType": name, "requestId": "", "stackTrace": trace}
    assert called.body.decode() == json.dumps(said)


@pytest.mark.parametrize("case", NODE_FAULTS)
def test_2_3_node_cannot_be_loaded(live: LiveDock, case: str) -> None:
    code, entry_point, name, message = NODE_FAULTS[case]

    called = live.deploy("nodejs20.x", code, entry_point).call()

    body = json.loads(called.body)
    assert list(body) == ["errorType", "errorMessage", "trace"]
    assert body["errorType"] == name
    assert body["errorMessage"].startswith(message)
    assert body["trace"][0].startswith(f"{name}: {message.splitlines()[0]}")


def test_2_3_python_cannot_make_json_of_its_result(python: Deployed) -> None:
    called = python.run("result = {1}")

    assert called.body.decode() == (
        '{"errorMessage": "Unable to marshal response: Object of type set is not JSON'
        ' serializable", "errorType": "Runtime.MarshalError",'
        f' "requestId": "{called.request_id}", "stackTrace": []}}'
    )


def test_2_3_python_cannot_read_its_event(python: Deployed) -> None:
    called = python.call(payload=b"no JSON")

    body = json.loads(called.body)
    assert body["errorType"] == "Runtime.UnmarshalError"
    assert body["errorMessage"].startswith("Unable to unmarshal input: Expecting value")
    assert (body["requestId"], body["stackTrace"]) == (called.request_id, [])


def test_2_3_node_cannot_make_json_of_its_result(node: Deployed) -> None:
    called = node.run("const loop = {}; loop.loop = loop; return loop;")

    assert called.failure.message == "Unable to stringify response body"


def test_2_3_node_that_never_calls_back_answers_null(live: LiveDock) -> None:
    called = live.deploy("nodejs20.x", "exports.handler = () => {};\n").call()

    assert called.outcome == Answer(b"null")


def test_2_3_a_callback_is_refused_since_node_24(live: LiveDock) -> None:
    code = "exports.handler = (event, context, callback) => callback(null, 'called back');\n"

    before, since = (live.deploy(runtime, code).call() for runtime in ("nodejs22.x", "nodejs24.x"))

    assert before.result == "called back"
    assert since.failure.name == "Runtime.CallbackHandlerDeprecated"


def test_2_3_a_promise_that_is_never_settled_ends_at_once(node: Deployed) -> None:
    """As soon as nothing is left to wait for. AWS's managed runtimes make `Runtime.NodeJsExit` of
    it; the client that AWS publishes answers null."""
    called = node.run("await new Promise(() => {});")

    assert called.outcome == Answer(b"null")


def test_2_3_a_rejection_that_nobody_handles_is_told(node: Deployed) -> None:
    called = node.run("Promise.reject(new TypeError('alone')); await new Promise(() => {});")

    start = (
        b'{"errorType":"Runtime.UnhandledPromiseRejection","errorMessage":"TypeError: alone",'
        b'"trace":["Runtime.UnhandledPromiseRejection: TypeError: alone",'
    )
    assert called.body.startswith(start)


def test_2_3_an_exception_that_nobody_catches_is_told(node: Deployed) -> None:
    called = node.run(
        "setImmediate(() => { throw new RangeError('late'); }); await new Promise(() => {});"
    )

    start = b'{"errorType":"RangeError","errorMessage":"late","trace":["RangeError: late",'
    assert called.body.startswith(start)


def test_2_3_bytes_of_python_are_the_result_as_they_are(python: Deployed) -> None:
    called = python.run(r"result = b'\xff\x00 no JSON'")

    assert called.outcome == Answer(b"\xff\x00 no JSON")


@pytest.mark.parametrize(
    ("runtime", "body"), [("python3.11", b'"\\u0416"'), ("python3.13", '"Ж"'.encode())]
)
def test_2_3_python_writes_more_than_ascii_since_3_12(
    live: LiveDock, runtime: str, body: bytes
) -> None:
    assert live.shared(runtime).run("result = 'Ж'").body == body


# 2.4 What the platform says

EXITS = {
    ("python3.11", "sys.exit(0)"): "exited without providing a reason",
    ("python3.13", "sys.exit(3)"): "exited with error: exit status 3",
    ("python3.11", "os._exit(255)"): "exited with error: exit status 255",
    ("python3.11", "os.kill(os.getpid(), signal.SIGKILL)"): "exited with error: signal: killed",
    ("python3.11", "ctypes.string_at(0)"): "exited with error: signal: segmentation fault",
    ("python3.11", "os.abort()"): "exited with error: signal: aborted",
    ("python3.11", "os.kill(os.getpid(), signal.SIGTERM)"): (
        "exited with error: signal: terminated"
    ),
    ("nodejs20.x", "process.exit(0)"): "exited without providing a reason",
    ("nodejs22.x", "process.exit(3)"): "exited with error: exit status 3",
    ("nodejs20.x", "process.kill(process.pid, 'SIGKILL')"): "exited with error: signal: killed",
    ("nodejs20.x", "process.kill(process.pid, 'SIGSEGV')"): (
        "exited with error: signal: segmentation fault"
    ),
    ("nodejs20.x", "process.abort()"): "exited with error: signal: aborted",
    ("provided.al2023", "exit 0"): "exited without providing a reason",
    ("provided.al2023", "exit 3"): "exited with error: exit status 3",
    ("provided.al2023", "kill -KILL $$"): "exited with error: signal: killed",
}


@pytest.mark.parametrize(("runtime", "code"), EXITS)
def test_2_4_a_runtime_that_ends_instead_of_answering(
    live: LiveDock, runtime: str, code: str
) -> None:
    called = live.shared(runtime).run(code)

    why = f"Runtime {EXITS[runtime, code]}"
    assert called.body == platform_body("Runtime.ExitError", called, why)


# A shell would make one number of both.
ENDS = {
    "SIGHUP": "hangup",
    "SIGINT": "interrupt",
    "SIGILL": "illegal instruction",
    "SIGTRAP": "trace/breakpoint trap",
    "SIGBUS": "bus error",
    "SIGFPE": "floating point exception",
    "SIGUSR1": "user defined signal 1",
    "SIGPIPE": "broken pipe",
    "SIGALRM": "alarm clock",
    "SIGSYS": "bad system call",
    "SIGRTMIN": "signal 34",
}


@pytest.mark.parametrize("name", ENDS)
def test_2_4_a_runtime_that_a_signal_ends_is_told_by_its_name(live: LiveDock, name: str) -> None:
    called = live.shared("python3.11").run(
        f"signal.signal(signal.{name}, signal.SIG_DFL); os.kill(os.getpid(), signal.{name})"
    )

    why = f"Runtime exited with error: signal: {ENDS[name]}"
    assert called.body == platform_body("Runtime.ExitError", called, why)


@pytest.mark.parametrize("code", [126, 127, 134, 137, 139, 142, 143])
def test_2_4_an_exit_code_is_never_a_signal(live: LiveDock, code: int) -> None:
    called = live.shared("python3.11").run(f"os._exit({code})")

    why = f"Runtime exited with error: exit status {code}"
    assert called.body == platform_body("Runtime.ExitError", called, why)


EATERS = {
    "python3.11": "food = b'x' * (200 << 20)",
    "nodejs20.x": "for (const food = [];;) food.push(Buffer.alloc(8 << 20, 1));",
    "provided.al2023": "food=$(yes | head -c 300M)",
}


@pytest.mark.parametrize("runtime", EATERS)
def test_2_4_a_runtime_that_takes_too_much_memory(live: LiveDock, runtime: str) -> None:
    called = live.doer(runtime).run(EATERS[runtime])

    why = "Runtime exited with error: signal: killed"
    assert called.body == platform_body("Runtime.OutOfMemory", called, why)


def test_2_4_a_child_that_takes_too_much_memory_is_the_functions_affair(live: LiveDock) -> None:
    called = live.doer("python3.11").run(
        "import subprocess\n"
        "eat = [sys.executable, '-c', 'food = b\"x\" * (200 << 20)']\n"
        "result = subprocess.run(eat).returncode"
    )

    assert called.result == -9


SLEEPERS = {
    "python3.11": "time.sleep(60)",
    "nodejs20.x": "await new Promise(done => setTimeout(done, 60_000));",
    "provided.al2023": "sleep 60",
}


@pytest.mark.parametrize("runtime", SLEEPERS)
def test_2_4_a_function_that_takes_too_long(live: LiveDock, runtime: str) -> None:
    called = live.doer(runtime, time_limit=1).run(SLEEPERS[runtime])

    why = "Task timed out after 1.00 seconds"
    assert called.body == platform_body("Sandbox.Timedout", called, why)


FILLERS = {
    "python3.11": "result = 'x' * {0}",
    "nodejs20.x": "return 'x'.repeat({0});",
}


@pytest.mark.parametrize("runtime", FILLERS)
def test_2_4_the_largest_result(live: LiveDock, runtime: str) -> None:
    called = live.shared(runtime).run(FILLERS[runtime].format(MAX_RESPONSE - 2))

    assert len(called.body) == 6 * 1024 * 1024 + 100
    assert isinstance(called.outcome, Answer)


@pytest.mark.parametrize("runtime", FILLERS)
def test_2_4_a_result_that_is_too_large(live: LiveDock, runtime: str) -> None:
    called = live.shared(runtime).run(FILLERS[runtime].format(MAX_RESPONSE - 1))

    assert called.body == (
        b'{"errorMessage":"Response payload size exceeded maximum allowed payload size'
        b' (6291556 bytes).","errorType":"Function.ResponseSizeTooLarge"}'
    )


@pytest.mark.parametrize(
    "files",
    [{"notes.txt": ""}, {"bootstrap.sh": "#!/bin/sh\n"}, {"bootstrap/main": "#!/bin/sh\n"}],
    ids=["no such name", "another name", "a folder"],
)
def test_2_4_no_bootstrap(live: LiveDock, files: dict[str, str]) -> None:
    called = live.deploy("provided.al2023", files).call()

    why = "Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]"
    assert called.body == platform_body("Runtime.InvalidEntrypoint", called, why)


@pytest.mark.parametrize("runtime", ["python3.11", "nodejs20.x"])
def test_2_4_a_wrapper_that_is_missing(live: LiveDock, runtime: str) -> None:
    wrapper = {"AWS_LAMBDA_EXEC_WRAPPER": "/var/task/nowhere"}

    called = live.doer(runtime, environment=wrapper).run("")

    why = "Runtime exited with error: exit status 127"
    assert called.body == platform_body("Runtime.ExitError", called, why)


# The same through the Task Service: docs/task-service.md says how one follows from the other

TASK_ERRORS = {
    ("python3.11", "raise KeyError('leg')"): ("KeyError", "'leg'"),
    ("nodejs20.x", "throw new TypeError('leg');"): ("TypeError", "leg"),
    ("python3.11", "result = {1}"): (
        "Runtime.MarshalError",
        "Unable to marshal response: Object of type set is not JSON serializable",
    ),
    ("python3.11", "sys.exit(3)"): (
        "Runtime.ExitError",
        "RequestId: ID Error: Runtime exited with error: exit status 3",
    ),
    ("nodejs20.x", "throw 'leg';"): ("string", "leg"),
}


@pytest.mark.parametrize(("runtime", "code"), TASK_ERRORS)
def test_2_4_a_tasks_error_is_made_of_the_body(live: LiveDock, runtime: str, code: str) -> None:
    function = live.shared(runtime).name

    answer = live.service.execute(function, {"run": code})
    (task,) = live.service.finish([live.service.create(function, {"run": code})])

    name, message = TASK_ERRORS[runtime, code]
    assert (task["status"], answer["code"]) == ("failed", 1406)
    assert _anonymous(task["error"]) == {"type": "runtime", "name": name, "message": message}
    assert _anonymous(answer["runtimeError"]) == {"name": name, "message": message}


def _anonymous(error: dict[str, Any]) -> dict[str, Any]:
    message = re.sub(r"^RequestId: [0-9a-f-]{36} ", "RequestId: ID ", error["message"])
    return {**error, "message": message}
