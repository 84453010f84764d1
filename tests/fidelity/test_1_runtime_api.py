"""The Runtime API, fact by fact: who may say what when, and what is answered.

Each test speaks raw HTTP for a runtime, to a real listener. A name begins with the section that the
fact belongs to: 1.1 endpoints, 1.2 `next`, 1.3 refusals, 1.4 errors, 1.5 streams, 1.6 init.
"""

from __future__ import annotations

import base64
import json
import re
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass

import pytest

from taskdock.engines.ending import ProgramExit
from taskdock.lambdas.environment.mailbox import Mailbox
from taskdock.lambdas.environment.spec import LABEL, RUNTIME_API
from taskdock.lambdas.invoke.invocation import Call
from taskdock.lambdas.outcome import MAX_RESPONSE, Answer, Cause, Failure, Outcome
from taskdock.testing.fakes.runtime import FakeRuntime
from tests.service.conftest import shared, start_dock, stop_later  # noqa: F401
from tests.support.builders import Dock, StartDock
from tests.support.wire import API, LIMIT, OK, Invocation, Reply, Wire, head, invocations

NO_ID = (400, "InvalidRequestID", "Invalid request ID")
TRUNCATED = (400, "TruncatedHTTPRequest", "HTTP request detected as truncated")
TOO_LARGE = (
    413,
    "RequestEntityTooLarge",
    "Exceeded maximum allowed payload size (6291556 bytes).",
)
Start = Callable[..., "Busy"]


def refused(before: str, asked: str) -> tuple[int, str, str]:
    return (
        403,
        "InvalidStateTransition",
        f"State transition from {before} to {asked} failed for runtime."
        " Error: State transition is not allowed",
    )


def assert_not_found(reply: Reply) -> None:
    """As Go's own answer, which AWS's server gives."""
    assert (reply.status, reply.body) == (404, b"404 page not found\n")
    assert reply.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert reply.headers["X-Content-Type-Options"] == "nosniff"


@dataclass
class Busy:
    """An invocation whose runtime has connected; with `asked`, it also has the event."""

    invocation: Invocation
    runtime: FakeRuntime
    wire: Wire
    outcome: Future[Outcome]
    id: str = ""

    def again(self) -> Wire:
        """Another connection of the same runtime."""
        return self.invocation.connect(self.runtime)

    def result(self, outcome: Future[Outcome] | None = None) -> Outcome:
        """The runtime asks again, too: until then, its output may go on."""
        self.again().send("GET", f"{API}/invocation/next")
        return (outcome or self.outcome).result(LIMIT)

    def answered(self) -> bytes:
        outcome = self.result()
        assert isinstance(outcome, Answer), outcome
        return outcome.body

    def failed(self) -> Failure:
        outcome = self.result()
        assert isinstance(outcome, Failure), outcome
        return outcome

    def init_failed(self) -> Failure:
        """No runtime asks for anything any more."""
        outcome = self.outcome.result(LIMIT)
        assert isinstance(outcome, Failure), outcome
        return outcome

    def mailbox(self, dock: Dock) -> Mailbox:
        mailbox = dock.pool.mailbox(self.runtime.spec.labels[f"{LABEL}.environment"])
        assert mailbox is not None
        return mailbox

    def fail_init(self, body: bytes = b"{}", **headers: str) -> Reply:
        """In this run of the runtime, and in each that follows it."""

        def again(runtime: FakeRuntime) -> None:
            self.invocation.connect(runtime).fail_init(body, **headers)
            runtime.exit(1)

        self.invocation.later = again
        return self.wire.fail_init(body, **headers)

    def exit(self, code: int = 1) -> None:
        self.runtime.finish(ProgramExit(code=code))


@pytest.fixture
def start(shared: Dock, caplog: pytest.LogCaptureFixture) -> Iterator[Start]:  # noqa: F811
    with invocations(shared) as make:

        def start(
            event: bytes = b"{}", *, asked: bool = True, call: Call | None = None, **fields: int
        ) -> Busy:
            invocation: Invocation = make(**fields)
            outcome = invocation.invoke(event, call)
            runtime = invocation.runtime()
            busy = Busy(invocation, runtime, invocation.connect(runtime), outcome)
            if asked:
                busy.id = busy.wire.next().headers["Lambda-Runtime-Aws-Request-Id"]
            return busy

        yield start
    spoke = [record for record in caplog.records if record.name.startswith("asyncio")]
    assert [record.getMessage() for record in spoke] == []


@pytest.fixture
def unstoppable(shared: Dock) -> Iterator[None]:  # noqa: F811
    """A runtime that has to end can go on speaking."""
    shared.engine.stopping.clear()
    yield
    shared.engine.stopping.set()


@pytest.fixture
def busy(start: Start) -> Busy:
    return start()


# 1.1 Endpoints


def test_1_1_a_response_is_accepted_and_goes_to_the_caller_as_it_is(busy: Busy) -> None:
    reply = busy.wire.respond(busy.id, b'{"a" : 1}')

    assert (reply.status, reply.body) == (202, OK)
    assert reply.headers["Content-Type"] == "application/json"
    assert busy.answered() == b'{"a" : 1}'


def test_1_1_an_error_is_accepted_and_goes_to_the_caller_as_it_is(busy: Busy) -> None:
    body = b'{"errorMessage": "boom",  "errorType": "Oops", "requestId": "x"}'

    reply = busy.wire.fail(busy.id, body)

    assert (reply.status, reply.body) == (202, OK)
    assert busy.failed().body == body


def test_1_1_a_failed_init_is_accepted(start: Start) -> None:
    busy = start(asked=False)

    reply = busy.fail_init(b'{"errorType":"Splinter","errorMessage":"in the thumb"}')
    busy.exit()

    assert (reply.status, reply.body) == (202, OK)
    assert busy.init_failed().name == "Splinter"


def test_1_1_ping_says_pong(busy: Busy) -> None:
    reply = busy.wire.ask("GET", "/2018-06-01/ping")

    assert (reply.status, reply.body) == (200, b"pong")


@pytest.mark.parametrize(("method", "path"), [("GET", "/restore/next"), ("POST", "/restore/error")])
def test_1_1_without_snapstart_there_is_no_restore(busy: Busy, method: str, path: str) -> None:
    assert_not_found(busy.wire.ask(method, API + path))


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "register"),
        ("GET", "event/next"),
        ("POST", "init/error"),
        ("POST", "exit/error"),
    ],
)
def test_1_1_extensions_are_refused(busy: Busy, method: str, path: str) -> None:
    reply = busy.wire.ask(method, f"/2020-01-01/extension/{path}", b'{"events":["INVOKE"]}')

    assert reply.error == (403, "Extension.NotSupported", "Extensions are not supported")


@pytest.mark.parametrize(
    ("path", "api"), [("/2020-08-15/logs", "Logs"), ("/2022-07-01/telemetry", "Telemetry")]
)
def test_1_1_subscriptions_are_answered_as_by_awss_emulator(
    busy: Busy, path: str, api: str
) -> None:
    reply = busy.wire.ask("PUT", path, b'{"types":["platform"]}')

    assert reply.error == (202, f"{api}.NotSupported", f"{api} API is not supported")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("GET", "/2018-06-01"),
        ("GET", f"{API}/invocation"),
        ("GET", f"{API}/invocation/next/"),
        ("POST", f"{API}/invocation/a/b/response"),
        ("POST", "/2018-06-01/runtime/init/errors"),
        ("GET", "/2015-03-31/functions/f/invocations"),
        ("GET", "/2026-01-15/metadata/execution-environment"),
        ("GET", "/anything"),
    ],
)
def test_1_1_an_unknown_path_is_not_found(busy: Busy, method: str, path: str) -> None:
    assert_not_found(busy.wire.ask(method, path, b"x"))


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("POST", f"{API}/invocation/next", "GET"),
        ("GET", f"{API}/invocation/a/response", "POST"),
        ("PUT", f"{API}/invocation/a/error", "POST"),
        ("DELETE", f"{API}/init/error", "POST"),
        ("POST", "/2018-06-01/ping", "GET"),
        ("GET", "/2020-08-15/logs", "PUT"),
    ],
)
def test_1_1_a_wrong_method_is_not_allowed(
    busy: Busy, method: str, path: str, allowed: str
) -> None:
    reply = busy.wire.ask(method, path, b"x")

    assert (reply.status, reply.body, reply.headers["Allow"]) == (405, b"", allowed)
    assert "Content-Type" not in reply.headers


def test_1_1_a_method_that_the_router_does_not_know_is_refused_on_every_path(busy: Busy) -> None:
    reply = busy.wire.ask("PROPFIND", "/anything", b"x")

    assert (reply.status, reply.body) == (405, b"")


def test_1_1_head_gets_a_head_and_the_connection_goes_on(busy: Busy) -> None:
    busy.wire.raw(head("HEAD", "/2018-06-01/ping", Host=busy.wire.host))
    answer = b""
    while not answer.endswith(b"\r\n\r\n"):
        answer += busy.wire.socket.recv(1)

    assert answer.startswith(b"HTTP/1.1 405 ")
    assert busy.wire.respond(busy.id).status == 202


@pytest.mark.parametrize("host", [None, "", "127.0.0.1", "nobody.lambda:9001", "\xff"])
def test_1_1_whatever_a_runtime_calls_the_server_it_is_known_by_its_door(
    busy: Busy, host: str | None
) -> None:
    busy.wire.host = host

    assert busy.wire.respond(busy.id).status == 202


def test_1_1_an_environment_cannot_answer_for_another(start: Start) -> None:
    one, other = start(b'"one"'), start(b'"other"')

    assert one.wire.respond(other.id, b"forged").error == NO_ID
    other.wire.respond(other.id, b"true")

    assert other.answered() == b"true"


def test_1_1_every_answer_keeps_the_connection(busy: Busy) -> None:
    wire, id = busy.wire, busy.id

    statuses = [
        wire.ask("GET", "/nowhere").status,
        wire.ask("POST", "/nowhere", b"x" * 100_000).status,
        wire.ask("PUT", f"{API}/init/error", b"x").status,
        wire.fail_init().status,
        wire.respond("other").status,
        wire.next().status,
        wire.respond(id, b"x" * (MAX_RESPONSE + 1)).status,
        wire.fail(id).status,
    ]

    assert statuses == [404, 404, 405, 403, 400, 200, 413, 403]


def test_1_1_a_body_may_wait_to_be_asked_for(busy: Busy) -> None:
    path = f"{API}/invocation/{busy.id}/response"
    busy.wire.raw(
        head("POST", path, Host=busy.wire.host, Content_Length="2", Expect="100-continue")
    )

    go_on = b"HTTP/1.1 100 Continue\r\n\r\n"
    assert busy.wire.socket.recv(len(go_on), socket.MSG_WAITALL) == go_on
    busy.wire.raw(b"42")

    assert busy.wire.read().status == 202
    assert busy.answered() == b"42"


def test_1_1_a_body_behind_the_offer_of_an_upgrade_is_read(busy: Busy) -> None:
    """Java's own HTTP client offers HTTP/2 with every request."""
    offer = {"Connection": "Upgrade, HTTP2-Settings", "Upgrade": "h2c", "HTTP2_Settings": "AA"}

    assert busy.wire.ask("GET", f"{API}/invocation/next", **offer).status == 200
    assert busy.wire.respond(busy.id, b'"whole"', **offer).status == 202

    assert busy.answered() == b'"whole"'


@pytest.mark.parametrize(
    ("noise", "status", "text"),
    [
        (b"\x16\x03\x01\x02\x00\r\n\r\n", 400, b"400 Bad Request"),
        (b"GET /\x00 HTTP/1.1\r\n\r\n", 400, b"400 Bad Request"),
        (b"CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n", 400, b"400 Bad Request"),
        (b"GET / HTTP/1.1\r\na b: c\r\n\r\n", 400, b"400 Bad Request"),
        (b"TABLE / HTTP/1.1\r\nHost: a\r\n\r\n", 405, b""),
        (
            b"GET / HTTP/1.1\r\nx: %s" % (b"x" * (1 << 20) + b"x" * 8192),
            431,
            b"431 Request Header Fields Too Large",
        ),
    ],
    ids=lambda given: repr(given)[:30],
)
def test_1_1_what_is_not_http_is_refused_as_by_awss_server(
    busy: Busy, noise: bytes, status: int, text: bytes
) -> None:
    wire = busy.again()
    wire.raw(noise)

    reply = wire.read()

    assert (reply.status, reply.body) == (status, text)
    assert wire.ended
    assert busy.wire.respond(busy.id).status == 202


def test_1_1_many_environments_are_served_at_once(start: Start) -> None:
    many = [start(str(number).encode()) for number in range(12)]

    for number, busy in reversed(list(enumerate(many))):
        assert busy.wire.respond(busy.id, str(number).encode()).status == 202

    assert [busy.answered() for busy in many] == [str(n).encode() for n in range(12)]


# 1.2 next


def test_1_2_next_gives_the_event_and_what_belongs_to_it(start: Start) -> None:
    call = Call(client_context='{"custom":\r\n{"name":"Ж"}}', arn="arn:aws:lambda:x:live")
    before = time.time() * 1000
    busy = start(b'{"wood": "walnut"}', asked=False, call=call)

    reply = busy.wire.next()

    headers = reply.headers
    assert (reply.status, reply.body) == (200, b'{"wood": "walnut"}')
    assert headers["Content-Type"] == "application/json"
    assert headers["Lambda-Runtime-Aws-Request-Id"] == call.request_id
    assert headers["Lambda-Runtime-Invoked-Function-Arn"] == "arn:aws:lambda:x:live"
    assert before < int(headers["Lambda-Runtime-Deadline-Ms"]) < before + 600_000
    assert headers["Lambda-Runtime-Trace-Id"].startswith("Root=1-")
    context = headers["Lambda-Runtime-Client-Context"].encode("latin-1")
    assert json.loads(context) == {"custom": {"name": "Ж"}}
    assert "Lambda-Runtime-Cognito-Identity" not in headers


def test_1_2_the_deadline_is_the_time_limit_from_now_on(start: Start) -> None:
    before = time.time() * 1000
    busy = start(asked=False, time_limit=7)

    deadline = int(busy.wire.next().headers["Lambda-Runtime-Deadline-Ms"])

    assert before + 7000 - 1 < deadline <= time.time() * 1000 + 7000


def test_1_2_the_trace_id_has_a_root_a_parent_and_is_not_sampled(start: Start) -> None:
    trace_id = start(asked=False).wire.next().headers["Lambda-Runtime-Trace-Id"]

    assert re.fullmatch(r"Root=1-[0-9a-f]{8}-[0-9a-f]{24};Parent=[0-9a-f]{16};Sampled=0", trace_id)


@pytest.mark.parametrize("event", [b"{}", b"7", b"null", b'{"wood": "\xc3\xa9"}'])
def test_1_2_the_event_is_called_json(start: Start, event: bytes) -> None:
    reply = start(event, asked=False).wire.next()

    assert (reply.headers["Content-Type"], reply.body) == ("application/json", event)


def test_1_2_there_is_no_client_context_where_none_was_given(start: Start) -> None:
    busy = start(asked=False)

    assert "Lambda-Runtime-Client-Context" not in busy.wire.next().headers


def test_1_2_next_before_the_answer_gives_the_same_event(start: Start) -> None:
    busy = start(b'"same"', asked=False)

    first, second, elsewhere = busy.wire.next(), busy.wire.next(), busy.again().next()

    ids = {each.headers["Lambda-Runtime-Aws-Request-Id"] for each in (first, second, elsewhere)}
    assert len(ids) == 1
    assert [first.body, second.body, elsewhere.body] == [b'"same"'] * 3


def test_1_2_an_event_is_not_lost_with_the_connection_that_it_was_sent_on(start: Start) -> None:
    busy = start(b'"kept"', asked=False)
    busy.wire.send("GET", f"{API}/invocation/next")
    busy.wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    busy.wire.close()  # with a reset, whether or not the event is on its way

    wire = busy.again()
    reply = wire.next()
    wire.respond(reply.headers["Lambda-Runtime-Aws-Request-Id"], reply.body)

    assert busy.answered() == b'"kept"'


def test_1_2_an_event_goes_to_the_next_that_still_waits(
    busy: Busy,
    shared: Dock,  # noqa: F811
) -> None:
    mailbox = busy.mailbox(shared)
    busy.wire.respond(busy.id)
    gone, waiting = busy.again(), busy.again()
    for wire in (gone, waiting):
        wire.send("GET", f"{API}/invocation/next")
    shared.eventually(lambda: len(mailbox._waiting) == 2)
    busy.outcome.result(LIMIT)
    gone.close()
    shared.eventually(lambda: len(mailbox._waiting) == 1)

    outcome = busy.invocation.invoke(b'"second"')
    reply = waiting.read()
    waiting.respond(reply.headers["Lambda-Runtime-Aws-Request-Id"], reply.body)

    assert busy.result(outcome) == Answer(b'"second"')


def test_1_2_a_runtime_that_shuts_down_its_side_does_not_wait_any_more(busy: Busy) -> None:
    busy.wire.respond(busy.id)
    busy.result()
    busy.wire.send("GET", f"{API}/invocation/next")
    busy.wire.socket.shutdown(socket.SHUT_WR)

    assert busy.wire.read().status == 500
    assert busy.wire.ended


# 1.3 Refusals


def test_1_3_an_unknown_id_is_invalid(busy: Busy) -> None:
    for id in ("unknown", "", busy.id[:-1], busy.id.upper() + "x"):
        assert busy.wire.respond(id).error == NO_ID
        assert busy.wire.fail(id).error == NO_ID


def test_1_3_before_any_event_every_id_is_invalid(start: Start) -> None:
    busy = start(asked=False)

    assert busy.wire.respond("any").error == NO_ID


def test_1_3_the_id_is_looked_at_before_the_state(busy: Busy) -> None:
    busy.wire.respond(busy.id)

    assert busy.wire.respond("unknown").error == NO_ID


def test_1_3_a_second_response_is_a_forbidden_transition(busy: Busy) -> None:
    busy.wire.respond(busy.id, b'"first"')

    assert busy.wire.respond(busy.id, b'"second"').error == refused(
        "RuntimeResponseSentState", "InvocationResponse"
    )
    assert busy.answered() == b'"first"'


def test_1_3_an_error_after_a_response_is_a_forbidden_transition(busy: Busy) -> None:
    busy.wire.respond(busy.id, b'"first"')

    assert busy.wire.fail(busy.id).error == refused(
        "RuntimeResponseSentState", "InvocationErrorResponse"
    )
    assert busy.answered() == b'"first"'


def test_1_3_a_response_after_an_error_is_a_forbidden_transition(busy: Busy) -> None:
    busy.wire.fail(busy.id, b'{"errorType":"First"}')

    assert busy.wire.respond(busy.id).error == refused(
        "RuntimeResponseSentState", "InvocationResponse"
    )
    assert busy.failed().name == "First"


@pytest.mark.parametrize("after", ["Running", "RuntimeResponseSentState"])
def test_1_3_an_init_error_after_next_is_a_forbidden_transition(busy: Busy, after: str) -> None:
    if after != "Running":
        busy.wire.respond(busy.id)

    assert busy.wire.fail_init().error == refused(after, "InitError")


def test_1_3_the_id_of_an_earlier_invocation_is_invalid(busy: Busy) -> None:
    busy.wire.respond(busy.id, b'"first"')
    busy.result()
    outcome = busy.invocation.invoke()
    second = busy.wire.next().headers["Lambda-Runtime-Aws-Request-Id"]

    assert busy.wire.respond(busy.id, b'"stray"').error == NO_ID
    assert busy.wire.respond(second, b'"second"').status == 202

    assert busy.result(outcome) == Answer(b'"second"')


def test_1_3_an_id_whose_time_is_over_is_invalid(
    start: Start,
    unstoppable: None,
    shared: Dock,  # noqa: F811
) -> None:
    busy = start(time_limit=1)
    mailbox = busy.mailbox(shared)
    shared.eventually(lambda: mailbox._event is None)

    assert busy.wire.respond(busy.id).error == NO_ID
    assert busy.wire.fail(busy.id).error == NO_ID
    shared.engine.stopping.set()
    assert busy.failed().name == "Sandbox.Timedout"


def test_1_3_the_largest_result_is_accepted(busy: Busy) -> None:
    body = b'"' + b"x" * (MAX_RESPONSE - 2) + b'"'

    assert busy.wire.respond(busy.id, body).status == 202
    assert busy.answered() == body


def test_1_3_a_result_that_is_a_byte_too_large_is_refused(busy: Busy) -> None:
    reply = busy.wire.respond(busy.id, b"x" * (MAX_RESPONSE + 1))

    assert reply.error == TOO_LARGE
    assert busy.failed().body == (
        b'{"errorMessage":"Response payload size exceeded maximum allowed payload size'
        b' (6291556 bytes).","errorType":"Function.ResponseSizeTooLarge"}'
    )


def test_1_3_an_error_after_a_result_that_was_too_large_is_forbidden(busy: Busy) -> None:
    busy.wire.respond(busy.id, b"x" * (MAX_RESPONSE + 1))

    assert busy.wire.fail(busy.id).error == refused(
        "RuntimeResponseSentState", "InvocationErrorResponse"
    )
    assert busy.failed().name == "Function.ResponseSizeTooLarge"


def test_1_3_what_is_far_too_large_is_read_to_its_end_and_not_kept(busy: Busy) -> None:
    path = f"{API}/invocation/{busy.id}/response"
    busy.wire.raw(head("POST", path, Host=busy.wire.host, Content_Length=str(64 << 20)))
    for _ in range(64):
        busy.wire.raw(bytes(1 << 20))

    assert busy.wire.read().error == TOO_LARGE
    assert busy.wire.ask("GET", "/2018-06-01/ping").status == 200
    assert busy.failed().name == "Function.ResponseSizeTooLarge"


@pytest.mark.parametrize("path", ["response", "error"])
@pytest.mark.parametrize("chunked", [False, True])
def test_1_3_a_body_that_breaks_off_is_told_and_answers_nothing(
    busy: Busy, path: str, chunked: bool
) -> None:
    post = f"{API}/invocation/{busy.id}/{path}"
    broken = busy.again()
    sized = {"Transfer_Encoding": "chunked"} if chunked else {"Content_Length": "10"}
    broken.raw(head("POST", post, Host=broken.host, **sized) + b"3\r\n12")
    broken.socket.shutdown(socket.SHUT_WR)

    assert broken.read().error == TRUNCATED
    assert broken.ended
    assert not busy.outcome.done()
    assert busy.wire.respond(busy.id, b'"whole"').status == 202
    assert busy.answered() == b'"whole"'


def test_1_3_an_init_error_that_breaks_off_is_none(start: Start) -> None:
    busy = start(asked=False)
    broken = busy.again()
    broken.raw(head("POST", f"{API}/init/error", Host=broken.host, Content_Length="10") + b"{")
    broken.socket.shutdown(socket.SHUT_WR)

    assert broken.read().error == TRUNCATED
    assert busy.wire.next().status == 200


def test_1_3_a_runtime_that_crashes_while_it_answers_has_not_answered(busy: Busy) -> None:
    post = f"{API}/invocation/{busy.id}/response"
    busy.wire.raw(head("POST", post, Host=busy.wire.host, Content_Length="10") + b"12")
    busy.wire.close()
    busy.exit(3)

    assert busy.failed().name == "Runtime.ExitError"
    assert busy.failed().message.endswith("Error: Runtime exited with error: exit status 3")


def test_1_3_a_whole_post_is_answered_when_its_sender_has_shut_down(busy: Busy) -> None:
    busy.wire.send("POST", f"{API}/invocation/{busy.id}/response", b"42")
    busy.wire.socket.shutdown(socket.SHUT_WR)

    assert busy.wire.read().status == 202
    assert busy.answered() == b"42"


@pytest.mark.parametrize("reset", [False, True])
def test_1_3_who_hangs_up_in_the_middle_harms_nobody(busy: Busy, reset: bool) -> None:
    post = head(
        "POST", f"{API}/invocation/{busy.id}/error", Host=busy.wire.host, Content_Length="9"
    )
    for part in (b"", b"GET / HT", post[:20], post, post + b"12"):
        wire = busy.again()
        wire.raw(part)
        if reset:
            wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        wire.close()

    assert busy.wire.respond(busy.id, b'"unharmed"').status == 202
    assert busy.answered() == b'"unharmed"'


def test_1_3_next_after_the_end_of_the_runtime_is_told_so(
    busy: Busy,
    shared: Dock,  # noqa: F811
) -> None:
    mailbox = busy.mailbox(shared)
    busy.wire.respond(busy.id)
    busy.wire.send("GET", f"{API}/invocation/next")
    shared.eventually(lambda: mailbox._waiting)
    busy.exit(0)

    assert busy.wire.read().error == (500, "InternalServerError", "Internal Server Error")


# 1.4 Errors


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("Function.Oops", "Function.Oops"),
        ("Runtime.NoSuchModule", "Runtime.NoSuchModule"),
        ("Function.oops", "Function.Unknown"),
        ("Function.A", "Function.Unknown"),
        ("Function.With1", "Function.Unknown"),
        ("Runtime.", "Runtime.Unknown"),
        ("Extension.Crash", "Runtime.Unknown"),
        ("TypeError", "Runtime.Unknown"),
        ("", "Runtime.Unknown"),
        (None, "Runtime.Unknown"),
    ],
)
def test_1_4_the_headers_error_type_counts_where_the_body_names_none(
    busy: Busy, header: str | None, name: str
) -> None:
    busy.wire.fail(busy.id, b"[1, 2]", Lambda_Runtime_Function_Error_Type=header)

    assert (busy.failed().name, busy.failed().body) == (name, b"[1, 2]")


def test_1_4_the_bodys_error_type_counts_before_the_headers(busy: Busy) -> None:
    body = b'{"errorMessage":"boom","errorType":"TypeError"}'

    busy.wire.fail(busy.id, body, Lambda_Runtime_Function_Error_Type="Function.Other")

    failure = busy.failed()
    assert (failure.name, failure.message, failure.body) == ("TypeError", "boom", body)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b'"text"',
        b"not json",
        b"\xff\x00",
        b"[" * 100_000,
        b"1" * 10_000,
        b'{"errorType":["odd"],"errorMessage":{"of":"all"}}',
        b'{"errorType":"\\ud800","errorMessage":"half \\ud800"}',
    ],
    ids=lambda body: repr(body[:20]),
)
def test_1_4_any_body_is_an_error_and_goes_to_the_caller_as_it_is(busy: Busy, body: bytes) -> None:
    assert busy.wire.fail(busy.id, body).status == 202

    assert busy.failed().body == body
    assert busy.failed().cause is Cause.FUNCTION
    busy.failed().message.encode()


def test_1_4_the_endpoint_decides_and_not_the_header(busy: Busy) -> None:
    busy.wire.respond(
        busy.id, b'{"errorType":"X"}', Lambda_Runtime_Function_Error_Type="Function.Oops"
    )

    assert busy.answered() == b'{"errorType":"X"}'


def test_1_4_a_cause_in_a_header_makes_no_difference(busy: Busy) -> None:
    body = b'{"errorMessage":"m","errorType":"T","errorCause":{"exceptions":[]}}'

    reply = busy.wire.fail(
        busy.id, body, Lambda_Runtime_Function_XRay_Error_Cause='{"working_directory":"/"}'
    )

    assert reply.status == 202
    assert busy.failed().body == body


@pytest.mark.parametrize(
    ("posted", "told"),
    [
        (
            b'{"errorMessage":"m","errorType":"T","stackTrace":["a"],"errorCause":{},"more":1}',
            b'{"errorMessage":"m","errorType":"T","stackTrace":["a"]}',
        ),
        (b'{"errorType" : "T", "stackTrace": []}', b'{"errorMessage":"","errorType":"T"}'),
        (b'{"ERRORTYPE":"T","stackTrace":null}', b'{"errorMessage":"","errorType":"T"}'),
        (b"null", b'{"errorMessage":"","errorType":""}'),
        (b"not JSON", b'"Invalid error body"'),
        (b"", b'"Invalid error body"'),
        (b"[]", b'"Invalid error body"'),
        (b"\xff", b'"Invalid error body"'),
        (b"[" * 100_000, b'"Invalid error body"'),
        (b'{"errorMessage":1}', b'"Invalid error body"'),
        (b'{"stackTrace":"a"}', b'"Invalid error body"'),
        (b'{"stackTrace":[1]}', b'"Invalid error body"'),
    ],
    ids=lambda body: repr(body[:30]),
)
def test_1_4_of_an_error_with_a_cause_the_caller_gets_three_fields(
    busy: Busy, posted: bytes, told: bytes
) -> None:
    kind = "application/vnd.aws.lambda.error.cause+json"

    reply = busy.wire.fail(
        busy.id, posted, Content_Type=kind, Lambda_Runtime_Function_Error_Type="Function.Oops"
    )

    assert (reply.status, busy.failed().body) == (202, told)
    assert busy.failed().name == ("T" if b'"T"' in told else "Function.Oops")


def test_1_4_an_init_error_with_a_cause_goes_to_the_caller_as_it_is(start: Start) -> None:
    body = b'{"errorType":"T","errorCause":{}}'
    busy = start(asked=False)

    busy.fail_init(body, Content_Type="application/vnd.aws.lambda.error.cause+json")
    busy.exit()

    assert busy.init_failed().body == body


def test_1_4_an_error_that_is_too_large_is_refused_like_a_result(busy: Busy) -> None:
    assert busy.wire.fail(busy.id, b"x" * (MAX_RESPONSE + 1)).error == TOO_LARGE
    assert busy.failed().name == "Function.ResponseSizeTooLarge"


# 1.5 Streams

STREAMED = {
    "Lambda_Runtime_Function_Response_Mode": "streaming",
    "Transfer_Encoding": "chunked",
    "Content_Length": None,
}
TRAILER = "Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body"


def chunked(*parts: bytes, **trailers: str) -> bytes:
    lines = "".join(f"{name.replace('_', '-')}: {v}\r\n" for name, v in trailers.items())
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts)
    return chunks + b"0\r\n" + lines.encode() + b"\r\n"


def test_1_5_a_stream_is_collected(busy: Busy) -> None:
    body = chunked(b"one ", b"two ", b"x" * 100_000)

    assert busy.wire.respond(busy.id, body, Trailer=TRAILER, **STREAMED).status == 202
    assert busy.answered() == b"one two " + b"x" * 100_000


def test_1_5_a_stream_need_not_say_that_it_is_one(busy: Busy) -> None:
    headers = {"Transfer_Encoding": "chunked", "Content_Length": None}

    assert busy.wire.respond(busy.id, chunked(b"4", b"2"), **headers).status == 202
    assert busy.answered() == b"42"


def test_1_5_a_stream_that_ends_with_an_error_is_that_error(busy: Busy) -> None:
    error = b'{"errorMessage":"boom","errorType":"Oops"}'
    body = chunked(
        b"the beginning",
        Lambda_Runtime_Function_Error_Type="Runtime.StreamError",
        Lambda_Runtime_Function_Error_Body=base64.b64encode(error).decode(),
    )

    assert busy.wire.respond(busy.id, body, Trailer=TRAILER, **STREAMED).status == 202

    failure = busy.failed()
    assert (failure.name, failure.message, failure.body) == ("Oops", "boom", error)
    assert failure.cause is Cause.FUNCTION


@pytest.mark.parametrize(
    ("encoded", "body"), [("", b""), ("bm90IGpzb24=", b"not json"), ("!", b"!")]
)
def test_1_5_a_streams_error_need_not_say_more_than_its_type(
    busy: Busy, encoded: str, body: bytes
) -> None:
    stream = chunked(
        b"x",
        Lambda_Runtime_Function_Error_Type="Function.Broken",
        Lambda_Runtime_Function_Error_Body=encoded,
    )

    busy.wire.respond(busy.id, stream, **STREAMED)

    assert (busy.failed().name, busy.failed().body) == ("Function.Broken", body)


def test_1_5_an_error_type_ahead_of_a_stream_is_not_its_trailer(busy: Busy) -> None:
    busy.wire.respond(
        busy.id, chunked(b"42"), Lambda_Runtime_Function_Error_Type="Function.A", **STREAMED
    )

    assert busy.answered() == b"42"


def test_1_5_trailers_do_not_reach_into_the_next_request(busy: Busy) -> None:
    body = chunked(b"42", Host="elsewhere", Lambda_Runtime_Function_Response_Mode="odd")

    assert busy.wire.respond(busy.id, body, **STREAMED).status == 202
    assert busy.wire.fail(busy.id).status == 403
    assert busy.answered() == b"42"


@pytest.mark.parametrize("mode", ["buffered", "Streaming", "streaming, streaming"])
def test_1_5_a_mode_that_nobody_knows_is_refused_and_told_to_the_caller(
    busy: Busy, mode: str
) -> None:
    reply = busy.wire.respond(busy.id, b"42", Lambda_Runtime_Function_Response_Mode=mode)

    assert reply.error == (400, "InvalidFunctionResponseMode", "Invalid function response mode")
    assert busy.wire.fail(busy.id).status == 403
    assert busy.failed().name == "Runtime.InvalidResponseModeHeader"


def test_1_5_an_http_response_is_collected_with_its_prelude(busy: Busy) -> None:
    body = b'{"statusCode":201}' + bytes(8) + b"<p>"
    kind = "application/vnd.awslambda.http-integration-response"

    busy.wire.respond(busy.id, chunked(body), Content_Type=kind, **STREAMED)

    assert busy.answered() == body


def test_1_5_a_stream_has_the_limit_of_every_result(busy: Busy) -> None:
    body = chunked(b"x" * MAX_RESPONSE, b"x")

    assert busy.wire.respond(busy.id, body, **STREAMED).error == TOO_LARGE
    assert busy.failed().name == "Function.ResponseSizeTooLarge"


def test_1_5_a_stream_may_take_its_time(busy: Busy) -> None:
    path = f"{API}/invocation/{busy.id}/response"
    busy.wire.raw(head("POST", path, Host=busy.wire.host, Transfer_Encoding="chunked"))
    for part in (b"1\r\n4\r\n", b"1\r", b"\n2", b"\r\n0\r\n"):
        busy.wire.raw(part)
        assert busy.again().ask("GET", "/2018-06-01/ping").status == 200
    busy.wire.raw(b"\r\n")

    assert busy.wire.read().status == 202
    assert busy.answered() == b"42"


# 1.6 Init


def test_1_6_a_second_init_error_is_a_forbidden_transition(
    start: Start,
    unstoppable: None,
    shared: Dock,  # noqa: F811
) -> None:
    busy = start(asked=False)
    busy.fail_init(b'{"errorType":"First"}')

    assert busy.wire.fail_init(b'{"errorType":"Second"}').error == refused("InitError", "InitError")
    shared.engine.stopping.set()
    assert busy.init_failed().name == "First"


def test_1_6_a_runtime_whose_init_failed_gets_no_event(start: Start, unstoppable: None) -> None:
    busy = start(asked=False)
    busy.wire.fail_init()

    assert busy.wire.next().error == refused("InitError", "Ready")


def test_1_6_an_init_error_has_its_type_from_the_header_too(start: Start) -> None:
    busy = start(asked=False)
    busy.fail_init(b"", Lambda_Runtime_Function_Error_Type="Runtime.NoSuchHandler")
    busy.exit()

    assert busy.init_failed().name == "Runtime.NoSuchHandler"


# After all of it


def test_who_hangs_up_leaves_nothing_behind(
    start_dock: StartDock,  # noqa: F811
) -> None:
    dock = start_dock()
    connections = dock.emulator.web.switchboard._sites[RUNTIME_API].connections
    with invocations(dock) as make:
        invocation = make()
        invocation.invoke()
        runtime = invocation.runtime()
        for part in ("invocation/next", "invocation/next", "init/error"):
            wire = invocation.connect(runtime)
            wire.raw(head("GET" if "next" in part else "POST", f"{API}/{part}", Host=wire.host))
            wire.raw(head("POST", f"{API}/init/error", Host=wire.host, Content_Length="5") + b"1")
            wire.close()

        dock.eventually(lambda: not connections)
