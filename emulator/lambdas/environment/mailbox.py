"""The mailbox of one environment: where the invoker and the runtime meet.

The invoker offers an event and is told what came back; the runtime asks for it with `next` and
posts an answer. Both sides are on the reactor's thread. What may be posted when is in the table of
`runtime_state`. A mailbox is for one run of a runtime: one that is started anew gets a new one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from emulator.engines.ending import ProgramExit
from emulator.lambdas.environment import runtime_state
from emulator.lambdas.environment.runtime_state import State
from emulator.lambdas.outcome import (
    MAX_RESPONSE,
    Answer,
    Cause,
    Failure,
    Outcome,
    function_error,
    response_too_large,
)


@dataclass(frozen=True, kw_only=True)
class NextEvent:
    """An event on its way to the runtime, with what the runtime is told about it."""

    request_id: str
    event: bytes
    deadline_ms: int  # milliseconds since 1970
    function_arn: str
    trace_id: str
    client_context: str | None = None  # JSON text


class Receipt(Enum):
    """What the runtime is told about what it posted."""

    ACCEPTED = "accepted"
    UNKNOWN_ID = "unknown id"
    """Not the id of the invocation that it holds; also when it comes too late."""
    WRONG_STATE = "wrong state"
    """It has answered already, or init is over."""
    TOO_LARGE = "too large"


Deliver = Callable[[NextEvent | None], None]
Reply = Callable[[Outcome | ProgramExit], object]
Cancel = Callable[[], None]


class Mailbox:
    """Calls `polled` when the runtime becomes ready, by its first `next` and the first after each
    answer, before an event is delivered; `answered` and `init_failed` when such was posted."""

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
        self._state = State.STARTED
        self._event: NextEvent | None = None  # until the `next` after its answer: its id is known
        self._reply: Reply | None = None  # until it is answered
        self._waiting: list[Deliver] = []
        self._ended = False
        self._init_failure: Failure | None = None
        self.handed_over = ""
        """The request id of the latest event that the runtime was given."""

    # The invoker's side

    def offer(self, delivery: NextEvent, reply: Reply) -> None:
        """Holds the event for the runtime. `reply` gets what it posts, or how it ended, once."""
        if self._ended:
            reply(ProgramExit())
            return
        self._event, self._reply = delivery, reply
        self._hand_over()

    def withdraw(self) -> None:
        """The invoker no longer waits: what the runtime still posts comes too late."""
        self._event = self._reply = None

    def close(self, end: ProgramExit) -> None:
        """The runtime has ended: whoever waits is told. Closing again changes nothing."""
        self._ended = True  # from here on nobody waits
        waiting, self._waiting = self._waiting, []
        reply, self._reply, self._event = self._reply, None, None
        for deliver in waiting:
            deliver(None)
        if reply is not None:
            reply(end)

    @property
    def init_failure(self) -> Failure | None:
        """What the runtime said of its failed init."""
        return self._init_failure

    # The runtime's side

    @property
    def state(self) -> State:
        return self._state

    def next(self, deliver: Deliver) -> Cancel | None:
        """The runtime asks for work: `deliver` is called with it once, at once or later.

        Called again before an answer, it delivers the same event again, so that none is lost with
        its connection. Returns what cancels the request, or None where it may not ask;
        `deliver(None)` means that there will be no work.
        """
        before, after = self._state, runtime_state.move(self._state, State.READY)
        if after is None:
            return None
        if self._ended:
            deliver(None)
            return lambda: None
        self._state = after
        if self._reply is None:
            self._event = None
        if after is State.READY and before is not State.READY:
            self._polled()
        self._waiting.append(deliver)
        self._hand_over()

        def cancel() -> None:
            if deliver in self._waiting:
                self._waiting.remove(deliver)

        return cancel

    def answer(self, request_id: str, body: bytes, instead: Failure | None = None) -> Receipt:
        """`instead` is what the caller gets for a response that is none: it broke off, say."""
        return self._post(request_id, State.INVOCATION_RESPONSE, body, instead or Answer(body))

    def fail(self, request_id: str, error_type: str | None, body: bytes) -> Receipt:
        error = function_error(body, error_type)
        return self._post(request_id, State.INVOCATION_ERROR_RESPONSE, body, error)

    def fail_init(self, error_type: str | None, body: bytes) -> Receipt:
        """Only before the first `next`. An event that was offered waits for the runtime's end."""
        after = runtime_state.move(self._state, State.INIT_ERROR)
        if after is None or self._ended:
            return Receipt.WRONG_STATE
        self._state = after
        said = function_error(body, error_type)
        self._init_failure = Failure(Cause.FUNCTION, said.name, said.message, said.body)
        self._init_failed()
        return Receipt.ACCEPTED

    def _post(self, request_id: str, asked: State, body: bytes, outcome: Outcome) -> Receipt:
        if self._event is None or self._event.request_id != request_id:
            return Receipt.UNKNOWN_ID
        after = runtime_state.move(self._state, asked)
        if after is None:
            return Receipt.WRONG_STATE
        self._state = after
        reply, self._reply = self._reply, None
        self._answered()
        too_large = len(body) > MAX_RESPONSE
        if reply is not None:
            reply(response_too_large() if too_large else outcome)
        return Receipt.TOO_LARGE if too_large else Receipt.ACCEPTED

    def _hand_over(self) -> None:
        """Gives the event that is held, if there is one, to every request that waits."""
        after = runtime_state.move(self._state, State.RUNNING)
        if self._reply is None or not self._waiting or after is None:
            return
        self._state = after
        delivery = self._event
        self.handed_over = "" if delivery is None else delivery.request_id
        waiting, self._waiting = self._waiting, []
        for deliver in waiting:
            deliver(delivery)
