"""The mailbox: what may be posted when, and who is told."""

from concurrent.futures import Future

import pytest

from emulator.lambdas.mailbox import Delivery, Mailbox, Verdict
from emulator.lambdas.outcome import MAX_RESPONSE, Answer, ContainerEnd


def delivery(id="one"):
    return Delivery(request_id=id, event=b"{}", deadline_ms=0, function_arn="arn", trace_id="t")


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
        return self.mailbox.next(self.got.append)


@pytest.fixture
def party():
    return Party()


def test_an_event_goes_to_the_runtime_that_waits_for_it(party):
    party.next()

    party.mailbox.offer(delivery())

    assert party.got == [delivery()]
    assert party.heard == ["polled"]


def test_asking_again_before_an_answer_gives_the_same_event(party):
    party.next()
    party.mailbox.offer(delivery())

    party.next()

    assert party.got == [delivery(), delivery()]


def test_an_answer_resolves_the_offer(party):
    party.next()
    reply = party.mailbox.offer(delivery())

    assert party.mailbox.answer("one", b"42") is Verdict.ACCEPTED

    assert reply.result(0) == Answer(b"42")
    assert party.heard == ["polled", "answered"]


def test_a_second_answer_is_refused_and_changes_nothing(party):
    party.next()
    reply = party.mailbox.offer(delivery())
    party.mailbox.answer("one", b"first")

    assert party.mailbox.answer("one", b"second") is Verdict.WRONG_STATE
    assert party.mailbox.fail("one", None, b"{}") is Verdict.WRONG_STATE

    assert reply.result(0) == Answer(b"first")


def test_an_answer_after_the_offer_was_withdrawn_comes_too_late(party):
    party.next()
    reply = party.mailbox.offer(delivery())
    party.mailbox.withdraw()

    assert party.mailbox.answer("one", b"late") is Verdict.UNKNOWN_ID

    assert not reply.done()
    assert party.heard == ["polled"]


def test_an_unknown_id_is_told_apart(party):
    party.next()
    party.mailbox.offer(delivery())

    assert party.mailbox.answer("other", b"") is Verdict.UNKNOWN_ID


@pytest.mark.parametrize(
    ("size", "verdict"),
    [(MAX_RESPONSE, Verdict.ACCEPTED), (MAX_RESPONSE + 1, Verdict.TOO_LARGE)],
)
def test_an_answer_has_a_largest_size(party, size, verdict):
    party.next()
    reply = party.mailbox.offer(delivery())

    assert party.mailbox.answer("one", b"x" * size) is verdict

    assert isinstance(reply.result(0), Answer) is (verdict is Verdict.ACCEPTED)


def test_the_end_of_the_runtime_resolves_the_offer(party):
    party.next()
    reply = party.mailbox.offer(delivery())

    party.mailbox.close(ContainerEnd(3))

    assert reply.result(0) == ContainerEnd(3)


def test_an_offer_after_the_end_is_answered_at_once(party):
    party.mailbox.close(ContainerEnd(0))

    reply: Future = party.mailbox.offer(delivery())

    assert isinstance(reply.result(0), ContainerEnd)


def test_a_runtime_that_waits_is_told_of_the_end(party):
    party.next()

    party.mailbox.close(ContainerEnd(None))

    assert party.got == [None]


def test_a_canceled_request_gets_nothing(party):
    cancel = party.next()
    cancel()

    party.mailbox.offer(delivery())

    assert party.got == []


def test_init_can_fail_once_and_only_before_the_first_next(party):
    body = b'{"errorType":"Runtime.ImportModuleError","errorMessage":"no"}'

    assert party.mailbox.fail_init(None, body) is Verdict.ACCEPTED
    assert party.mailbox.fail_init(None, body) is Verdict.WRONG_STATE

    assert party.mailbox.init_failure.name == "Runtime.ImportModuleError"
    assert party.heard == ["init failed"]


def test_init_is_over_after_the_first_next(party):
    party.next()

    assert party.mailbox.fail_init(None, b"{}") is Verdict.WRONG_STATE
