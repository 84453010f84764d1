"""The mailbox: what may be posted when, and who is told."""

import pytest

from taskdock.engines.ending import ProgramExit
from taskdock.lambdas.environment.mailbox import Mailbox, NextEvent, Receipt
from taskdock.lambdas.environment.runtime_state import RuntimeState
from taskdock.lambdas.outcome import MAX_RESPONSE, Answer, bad_response_mode


def delivery(id="one"):
    return NextEvent(request_id=id, event=b"{}", deadline_ms=0, function_arn="arn", trace_id="t")


class Party:
    """A mailbox with what was heard of it."""

    def __init__(self):
        self.heard = []
        self.mailbox = Mailbox(
            polled=lambda: self.heard.append("polled"),
            answered=lambda: self.heard.append("answered"),
            init_failed=lambda: self.heard.append("init failed"),
        )
        self.got = []

    def next(self):
        return self.mailbox.next(self.take)

    def offer(self, id="one"):
        """Everything that the mailbox will reply."""
        replies = []

        def reply(outcome):
            self.heard.append("replied")
            replies.append(outcome)

        self.mailbox.offer(delivery(id), reply)
        return replies

    def take(self, delivery):
        self.got.append(delivery)
        self.heard.append("delivered")


@pytest.fixture
def party():
    return Party()


def test_an_event_goes_to_the_runtime_that_waits_for_it(party):
    party.next()

    party.offer()

    assert party.got == [delivery()]
    assert party.heard == ["polled", "delivered"]


def test_asking_again_before_an_answer_gives_the_same_event(party):
    party.next()
    party.offer()

    party.next()

    assert party.got == [delivery(), delivery()]
    assert party.heard == ["polled", "delivered", "delivered"]


def test_an_event_may_be_there_before_the_first_next_which_still_ends_init(party):
    replies = party.offer()
    assert party.heard == []

    party.next()

    assert party.heard == ["polled", "delivered"]
    party.mailbox.answer("one", b"42")
    assert replies == [Answer(b"42")]


def test_the_first_next_after_each_answer_makes_it_ready_again(party):
    for id in ("one", "two"):
        party.next()
        party.next()
        party.offer(id)
        party.mailbox.answer(id, b"")

    assert party.heard == ["polled", "delivered", "delivered", "answered", "replied"] * 2


def test_an_event_offered_between_an_answer_and_the_next_is_not_lost(party):
    party.next()
    party.offer("one")
    party.mailbox.answer("one", b"")
    party.offer("two")

    party.next()

    assert party.got == [delivery("one"), delivery("two")]


def test_an_event_goes_to_every_request_that_waits(party):
    """One of them may belong to a connection that is no more."""
    party.next()
    party.next()

    party.offer()

    assert party.got == [delivery()] * 2


def test_an_answer_resolves_the_offer(party):
    party.next()
    replies = party.offer()

    assert party.mailbox.answer("one", b"42") is Receipt.ACCEPTED

    assert replies == [Answer(b"42")]


@pytest.mark.parametrize("post", ["answer", "error"])
def test_the_environment_has_answered_before_the_caller_knows(party, post):
    """Else a caller that calls again at once finds it busy."""
    party.next()
    party.offer()

    if post == "answer":
        party.mailbox.answer("one", b"42")
    else:
        party.mailbox.fail("one", None, b"{}")

    assert party.heard == ["polled", "delivered", "answered", "replied"]


def test_a_second_answer_is_refused_and_changes_nothing(party):
    party.next()
    replies = party.offer()
    party.mailbox.answer("one", b"first")

    assert party.mailbox.answer("one", b"second") is Receipt.WRONG_STATE
    assert party.mailbox.fail("one", None, b"{}") is Receipt.WRONG_STATE

    assert replies == [Answer(b"first")]


def test_an_answer_after_the_offer_was_withdrawn_comes_too_late(party):
    party.next()
    replies = party.offer()
    party.mailbox.withdraw()

    assert party.mailbox.answer("one", b"late") is Receipt.UNKNOWN_ID

    assert replies == [None]
    assert party.heard == ["polled", "delivered", "replied"]


def test_an_offer_that_is_answered_cannot_be_withdrawn(party):
    party.next()
    replies = party.offer()
    party.mailbox.answer("one", b"first")

    party.mailbox.withdraw()

    assert replies == [Answer(b"first")]
    assert party.mailbox.answer("one", b"second") is Receipt.WRONG_STATE


def test_a_runtime_that_asks_again_after_its_time_is_over_is_not_ready(party):
    party.next()
    party.offer()
    party.mailbox.withdraw()

    party.next()

    assert party.heard == ["polled", "delivered", "replied"]
    party.mailbox.close(ProgramExit())
    assert party.got == [delivery(), None]


def test_an_id_is_known_until_the_runtime_asks_for_the_next_event(party):
    party.next()
    party.offer()
    party.mailbox.answer("one", b"")
    assert party.mailbox.answer("one", b"") is Receipt.WRONG_STATE

    party.next()

    assert party.mailbox.answer("one", b"") is Receipt.UNKNOWN_ID
    assert party.mailbox.fail("one", None, b"") is Receipt.UNKNOWN_ID


def test_an_unknown_id_is_told_apart(party):
    party.next()
    party.offer()

    assert party.mailbox.answer("other", b"") is Receipt.UNKNOWN_ID


@pytest.mark.parametrize(
    ("size", "verdict"),
    [(MAX_RESPONSE, Receipt.ACCEPTED), (MAX_RESPONSE + 1, Receipt.TOO_LARGE)],
)
def test_an_answer_has_a_largest_size(party, size, verdict):
    party.next()
    replies = party.offer()

    assert party.mailbox.answer("one", b"x" * size) is verdict

    (reply,) = replies
    assert isinstance(reply, Answer) is (verdict is Receipt.ACCEPTED)


def test_the_caller_may_get_something_else_than_the_response(party):
    party.next()
    replies = party.offer()

    assert party.mailbox.answer("one", b"42", bad_response_mode()) is Receipt.ACCEPTED

    assert replies == [bad_response_mode()]


def test_the_end_of_the_runtime_resolves_the_offer(party):
    party.next()
    replies = party.offer()

    party.mailbox.close(ProgramExit(code=3))

    assert replies == [ProgramExit(code=3)]


def test_an_offer_after_the_end_is_answered_at_once(party):
    party.mailbox.close(ProgramExit(code=0))

    replies = party.offer()

    assert replies == [ProgramExit()]


def test_an_end_is_told_once_however_often_it_is_said(party):
    party.next()
    before = party.offer("one")

    party.mailbox.close(ProgramExit(code=3))
    between = party.offer("two")
    party.next()
    party.mailbox.close(ProgramExit(code=4))

    assert (before, between) == ([ProgramExit(code=3)], [ProgramExit()])
    assert party.got == [delivery("one"), None]


def test_a_runtime_that_waits_is_told_of_the_end(party):
    party.next()

    party.mailbox.close(ProgramExit())

    assert party.got == [None]


def test_a_canceled_request_gets_nothing(party):
    cancel = party.next()
    cancel()

    party.offer()

    assert party.got == []


def test_init_can_fail_once_and_only_before_the_first_next(party):
    body = b'{"errorType":"Runtime.ImportModuleError","errorMessage":"no"}'

    assert party.mailbox.fail_init(None, body) is Receipt.ACCEPTED
    assert party.mailbox.fail_init(None, body) is Receipt.WRONG_STATE

    assert party.mailbox.init_failure.name == "Runtime.ImportModuleError"
    assert party.heard == ["init failed"]


def test_a_failed_init_leaves_an_event_to_the_end_of_the_runtime(party):
    replies = party.offer()

    assert party.mailbox.fail_init("Function.Oops", b"") is Receipt.ACCEPTED
    assert party.mailbox.answer("one", b"42") is Receipt.WRONG_STATE

    assert party.heard == ["init failed"]
    assert replies == []
    party.mailbox.close(ProgramExit(code=1))
    assert replies == [ProgramExit(code=1)]
    assert party.mailbox.init_failure.name == "Function.Oops"


def test_a_runtime_whose_init_failed_may_not_ask_for_work(party):
    party.mailbox.fail_init(None, b"")

    assert party.next() is None
    assert (party.heard, party.mailbox.state) == (["init failed"], RuntimeState.INIT_ERROR)


def test_after_the_end_nothing_is_told_to_anyone(party):
    party.mailbox.close(ProgramExit(code=0))

    party.next()
    assert party.mailbox.fail_init(None, b"") is Receipt.WRONG_STATE
    assert party.mailbox.answer("one", b"") is Receipt.UNKNOWN_ID

    assert party.heard == ["delivered"]
    assert party.got == [None]


def test_init_is_over_after_the_first_next(party):
    party.next()

    assert party.mailbox.fail_init(None, b"{}") is Receipt.WRONG_STATE
