"""The mailbox of one environment: where the invoker and the runtime meet.

The invoker offers an event and waits on a future; the runtime asks for it with `next` and posts an
answer. Both sides may be on any thread. The rules of what may be posted when are those of AWS's
Runtime API (https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html).
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from enum import Enum

from emulator.lambdas.outcome import (
    MAX_RESPONSE,
    Answer,
    Cause,
    ContainerEnd,
    Failure,
    Outcome,
    function_error,
    response_too_large,
)


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """An event on its way to the runtime, with what the runtime is told about it."""

    request_id: str
    event: bytes
    deadline_ms: int  # milliseconds since 1970
    function_arn: str
    trace_id: str
    client_context: str | None = None  # JSON text


class Verdict(Enum):
    """What the runtime is told about what it posted."""

    ACCEPTED = "accepted"
    UNKNOWN_ID = "unknown id"
    """Not the id of the invocation that it holds; also when it comes too late."""
    WRONG_STATE = "wrong state"
    """It has answered already, or init is over."""
    TOO_LARGE = "too large"


Deliver = Callable[[Delivery | None], None]


class Mailbox:
    """Calls `polled` at each `next`, `answered` and `init_failed` when such was posted."""

    def __init__(
        self,
        *,
        polled: Callable[[], None],
        answered: Callable[[], None],
        init_failed: Callable[[], None],
    ) -> None:
        self._polled = polled
        self._answered = answered
        self._init_failed = init_failed
        self._lock = threading.Lock()
        self._delivery: Delivery | None = None
        self._reply: Future[Outcome | ContainerEnd] | None = None
        self._last_id: str | None = None  # answered, and not followed by a `next` yet
        self._waiting: Deliver | None = None
        self._asked = False
        self._closed = False
        self._init_failure: Failure | None = None

    # The invoker's side

    def offer(self, delivery: Delivery) -> Future[Outcome | ContainerEnd]:
        """Holds the event for the runtime. The future gets what it posts, or how it ended."""
        reply: Future[Outcome | ContainerEnd] = Future()
        with self._lock:
            if self._closed:
                reply.set_result(ContainerEnd(None))
                return reply
            self._delivery, self._reply = delivery, reply
            waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting(delivery)
        return reply

    def withdraw(self) -> None:
        """The invoker no longer waits: what the runtime still posts comes too late."""
        with self._lock:
            self._delivery = self._reply = self._last_id = None

    def close(self, end: ContainerEnd) -> None:
        """The runtime has ended: whoever waits is told. Closing again changes nothing."""
        with self._lock:
            self._closed = True
            waiting, self._waiting = self._waiting, None
            reply, self._reply, self._delivery = self._reply, None, None
        if waiting is not None:
            waiting(None)
        if reply is not None:
            reply.set_result(end)

    @property
    def init_failure(self) -> Failure | None:
        """What the runtime said of its failed init."""
        return self._init_failure

    # The runtime's side

    def next(self, deliver: Deliver) -> Callable[[], None]:
        """The runtime asks for work: `deliver` is called with it once, at once or later.

        Called again before an answer, it delivers the same event again. Returns what cancels the
        request; `deliver(None)` means that there will be none.
        """
        with self._lock:
            delivery, closed = self._delivery, self._closed
            if delivery is None and not closed:
                self._waiting = deliver
            self._asked, self._last_id = True, None
        if closed:
            deliver(None)
        elif delivery is not None:
            deliver(delivery)
        else:
            self._polled()

        def cancel() -> None:
            with self._lock:
                if self._waiting is deliver:
                    self._waiting = None

        return cancel

    def answer(self, request_id: str, body: bytes) -> Verdict:
        if len(body) > MAX_RESPONSE:
            verdict = self._post(request_id, response_too_large())
            return Verdict.TOO_LARGE if verdict is Verdict.ACCEPTED else verdict
        return self._post(request_id, Answer(body))

    def fail(self, request_id: str, error_type: str | None, body: bytes) -> Verdict:
        return self._post(request_id, function_error(body, error_type))

    def fail_init(self, error_type: str | None, body: bytes) -> Verdict:
        """Only before the first `next`."""
        with self._lock:
            if self._asked or self._init_failure is not None:
                return Verdict.WRONG_STATE
            said = function_error(body, error_type)
            self._init_failure = Failure(Cause.FUNCTION, said.name, said.message, said.body)
        self._init_failed()
        return Verdict.ACCEPTED

    def _post(self, request_id: str, outcome: Outcome) -> Verdict:
        with self._lock:
            if self._delivery is None or self._delivery.request_id != request_id:
                answered = self._last_id == request_id
                return Verdict.WRONG_STATE if answered else Verdict.UNKNOWN_ID
            reply, self._reply = self._reply, None
            self._last_id, self._delivery = request_id, None
        self._answered()
        if reply is not None:
            reply.set_result(outcome)
        return Verdict.ACCEPTED
