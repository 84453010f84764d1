"""The mailbox of one environment: where the invoker and the runtime meet.

The invoker offers an event, and its `Reply` is called with the outcome; the runtime asks for the
event with `next` and posts an answer. Both sides are on the reactor's thread. The table of
`runtime_state` says what may be posted when. A mailbox is for one run of a runtime: a restarted
runtime gets a new one.

An answer counts when it is complete. Only where the invoker takes streams, and the runtime streams,
is the answer handed on while it arrives: `Streamed` first, and the outcome behind its end.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from taskdock.engines.ending import ProgramExit
from taskdock.lambdas.environment import runtime_state
from taskdock.lambdas.environment.answer_stream import AnswerSource, AnswerStream, StreamEnd
from taskdock.lambdas.environment.runtime_state import RuntimeState
from taskdock.lambdas.outcome import (
    MAX_RESPONSE,
    TOO_LARGE,
    Answer,
    Cause,
    Failure,
    Outcome,
    Streamed,
    function_error,
    response_too_large,
)


@dataclass(frozen=True, kw_only=True)
class NextEvent:
    """An event on its way to the runtime, with the facts about it that the runtime gets."""

    request_id: str
    event: bytes
    deadline_ms: int  # milliseconds since 1970
    function_arn: str
    trace_id: str
    client_context: str | None = None  # JSON text
    task_id: str | None = None


class Receipt(Enum):
    """The reply to a runtime's post."""

    ACCEPTED = "accepted"
    UNKNOWN_ID = "unknown id"
    """The id is not that of the invocation under way; also for a post that comes too late."""
    WRONG_STATE = "wrong state"
    """The runtime has answered already, or its init is over."""
    TOO_LARGE = "too large"
    TRUNCATED = "truncated"
    """The post broke off."""


Deliver = Callable[[NextEvent | None], None]
Reply = Callable[[Outcome | ProgramExit | None], object]
TakeStream = Callable[[Streamed], object]
Cancel = Callable[[], None]


class Mailbox:
    """Calls `polled` when the runtime becomes ready, by its first `next` and the first after each
    answer, before an event is delivered. Calls `answered` and `init_failed` when an answer, or the
    failure of its init, has been posted."""

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
        self._state = RuntimeState.STARTED
        self._event: NextEvent | None = None  # until the `next` after its answer: its id is known
        self._reply: Reply | None = None  # until it is answered
        self._take_stream: TakeStream | None = None
        self._stream: AnswerStream | None = None  # the answer that is read while it arrives
        self._waiting: list[Deliver] = []
        self._received: Callable[[Receipt], None] = lambda _: None  # of that answer's post
        self._ended = False
        self._init_failure: Failure | None = None
        self.handed_over = ""
        """The request id of the latest event that the runtime was given."""

    # The invoker's side

    def offer(
        self, delivery: NextEvent, reply: Reply, take_stream: TakeStream | None = None
    ) -> None:
        """Holds the event for the runtime. `reply` is called once: with the outcome, the runtime's
        end, or None at `withdraw`. `take_stream` is called before with an answer that is streamed;
        its outcome is an `Answer` without bytes when all of them were read, or not wanted."""
        if self._ended:
            reply(ProgramExit())
            return
        self._event, self._reply, self._take_stream = delivery, reply, take_stream
        self._hand_over()

    def withdraw(self) -> None:
        """The time for an answer is up: a later post comes too late."""
        if self._reply is not None:
            self._end_offer(None)

    def close(self, end: ProgramExit) -> None:
        """The runtime has ended: all who wait learn it. Closing again changes nothing."""
        self._ended = True  # from here on nobody waits
        waiting, self._waiting = self._waiting, []
        for deliver in waiting:
            deliver(None)
        self._end_offer(end)

    def _end_offer(self, result: ProgramExit | None) -> None:
        reply, self._reply, self._event = self._reply, None, None
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.break_off()
            self._received(Receipt.UNKNOWN_ID)
        if reply is not None:
            reply(result)

    @property
    def init_failure(self) -> Failure | None:
        """The failure of its init that the runtime has posted."""
        return self._init_failure

    # The runtime's side

    @property
    def state(self) -> RuntimeState:
        return self._state

    def task_id(self) -> str | None:
        return getattr(self._event, "task_id", None)  # at one moment: for any thread

    def next(self, deliver: Deliver) -> Cancel | None:
        """The runtime asks for work: `deliver` is called with it once, at once or later.

        Called again before an answer, it delivers the same event again, so that none is lost with
        its connection. Returns what cancels the request, or None where it may not ask;
        `deliver(None)` means that there will be no work.
        """
        before, after = self._state, runtime_state.move(self._state, RuntimeState.READY)
        if after is None:
            return None
        if self._ended:
            deliver(None)
            return lambda: None
        self._state = after
        if self._reply is None:
            self._event = None
        if after is RuntimeState.READY and before is not RuntimeState.READY:
            self._polled()
        self._waiting.append(deliver)
        self._hand_over()

        def cancel() -> None:
            if deliver in self._waiting:
                self._waiting.remove(deliver)

        return cancel

    def answer(self, request_id: str, body: bytes, instead: Failure | None = None) -> Receipt:
        """Takes a complete answer. `instead`: the outcome of a response that is none."""
        outcome = instead or Answer(body)
        return self._post(request_id, RuntimeState.INVOCATION_RESPONSE, len(body), outcome)

    def answer_too_large(self, request_id: str) -> Receipt:
        """Takes an answer of more than `MAX_RESPONSE` bytes, which were not kept."""
        asked, outcome = RuntimeState.INVOCATION_RESPONSE, response_too_large()
        return self._post(request_id, asked, MAX_RESPONSE + 1, outcome)

    def takes_stream(self, request_id: str) -> bool:
        """Whether `stream` may be called: the invoker reads this answer while it arrives."""
        is_known = self._event is not None and self._event.request_id == request_id
        return is_known and self._state is RuntimeState.RUNNING and self._take_stream is not None

    def stream(
        self, request_id: str, source: AnswerSource, received: Callable[[Receipt], None]
    ) -> None:
        """Hands an answer on while it arrives. `received` is called once, with its
        receipt, which ends the post."""
        assert self._take_stream is not None, "`takes_stream` has said so"
        self._state = RuntimeState.INVOCATION_RESPONSE
        self._received = received
        self._stream = AnswerStream(source, self._stream_ended)
        self._take_stream(Streamed(self._stream, source.content_type))

    def _stream_ended(self, end: StreamEnd, failure: Failure | None) -> None:
        self._stream = None
        if end is StreamEnd.BROKEN:  # the runtime's end, or the time limit, gives the outcome
            self._received(Receipt.TRUNCATED)
            return
        self._state = RuntimeState.RESPONSE_SENT
        reply, self._reply = self._reply, None
        self._answered()
        too_large = failure is not None and failure.name == TOO_LARGE
        received = Receipt.TOO_LARGE if too_large else Receipt.ACCEPTED
        self._received(Receipt.UNKNOWN_ID if end is StreamEnd.CANCELLED else received)
        if reply is not None:
            reply(failure or Answer(b""))

    def fail(self, request_id: str, error_type: str | None, body: bytes) -> Receipt:
        error = function_error(body, error_type)
        return self._post(request_id, RuntimeState.INVOCATION_ERROR_RESPONSE, len(body), error)

    def fail_init(self, error_type: str | None, body: bytes) -> Receipt:
        """Only before the first `next`. An event that was offered waits for the runtime's end."""
        after = runtime_state.move(self._state, RuntimeState.INIT_ERROR)
        if after is None or self._ended:
            return Receipt.WRONG_STATE
        self._state = after
        error = function_error(body, error_type)
        self._init_failure = Failure(Cause.FUNCTION, error.name, error.message, error.body)
        self._init_failed()
        return Receipt.ACCEPTED

    def _post(self, request_id: str, asked: RuntimeState, size: int, outcome: Outcome) -> Receipt:
        if self._event is None or self._event.request_id != request_id:
            return Receipt.UNKNOWN_ID
        after = runtime_state.move(self._state, asked)
        if after is None:
            return Receipt.WRONG_STATE
        self._state = after
        reply, self._reply = self._reply, None
        self._answered()
        too_large = size > MAX_RESPONSE
        if reply is not None:
            reply(response_too_large() if too_large else outcome)
        return Receipt.TOO_LARGE if too_large else Receipt.ACCEPTED

    def _hand_over(self) -> None:
        """Gives the event that is held, if there is one, to every request that waits."""
        after = runtime_state.move(self._state, RuntimeState.RUNNING)
        if self._reply is None or not self._waiting or after is None:
            return
        self._state = after
        delivery = self._event
        self.handed_over = "" if delivery is None else delivery.request_id
        waiting, self._waiting = self._waiting, []
        for deliver in waiting:
            deliver(delivery)
