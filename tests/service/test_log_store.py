"""The log store: every line is written once, in its order, whatever goes wrong in between."""

from __future__ import annotations

import sqlite3
import threading
from datetime import timedelta
from typing import NoReturn

import pytest

from taskdock.base.notices import Notices
from taskdock.base.timing.limits import Limits
from taskdock.lambdas.log_line import LogLine
from taskdock.store.database import Store
from taskdock.tasks.logs.invocation_record import InvocationRecord
from taskdock.tasks.logs.log_store import LogBuffer, LogFlusher, LogStore
from taskdock.testing.clock import NOON
from tests.support.builders import recorded

OWNER, OTHER = "a" * 24, "b" * 24


@pytest.fixture
def log_store(store: Store) -> LogStore:
    return LogStore(store, max_waiting=Limits().waiting_logs)


def say(buffer: LogBuffer, *messages: str) -> None:
    for message in messages:
        buffer(LogLine(NOON, message))


def read(log_store: LogStore, owner: str = OWNER) -> list[str]:
    lines = log_store.read(owner, since=None, limit=1000, offset=0)
    return [line.message for line in lines]


def test_a_reader_sees_what_is_still_in_memory(log_store: LogStore) -> None:
    buffer = log_store.open(OWNER)

    say(buffer, "saw", "plane")
    first = read(log_store)
    say(buffer, "glue")

    assert first == ["saw", "plane"]
    assert read(log_store) == ["saw", "plane", "glue"]


def test_a_line_after_the_ending_is_written_with_the_next(log_store: LogStore) -> None:
    buffer = log_store.open(OWNER)
    say(buffer, "saw")
    with log_store.writing([buffer]):
        pass

    say(buffer, "dust")
    log_store.write_waiting()

    assert read(log_store) == ["saw", "dust"]


def test_lines_of_a_transaction_that_fails_are_kept_for_the_next(
    log_store: LogStore, store: Store
) -> None:
    buffer = log_store.open(OWNER)
    say(buffer, "saw")

    with pytest.raises(OSError, match="full"), log_store.writing([buffer]):
        _fill_the_disk(buffer)

    assert store.rows("SELECT * FROM task_log") == []
    assert read(log_store) == ["saw", "plane"]


def _fill_the_disk(buffer: LogBuffer) -> None:
    say(buffer, "plane")
    raise OSError("the disk is full")


def test_what_cannot_be_written_keeps_nothing_else_from_being(log_store: LogStore) -> None:
    say(log_store.open(OTHER), "half a character: \ud800")
    say(log_store.open(OWNER), "saw")

    with pytest.raises(UnicodeEncodeError):
        log_store.write_waiting()

    assert log_store._store.rows("SELECT message FROM task_log") == [("saw",)]


def test_an_invocation_is_found_by_its_function_with_its_lines(log_store: LogStore) -> None:
    invocation = InvocationRecord(
        id=OWNER, request_id="r", function_name="walnut-table", timestamp=NOON
    )
    buffer = log_store.open_invocation(invocation)
    say(buffer, "saw")

    lines, total = log_store.read_function(
        "walnut-table", since=NOON, until=NOON + timedelta(seconds=1), limit=10, offset=0
    )

    assert ([line.message for line in lines], total) == (["saw"], 1)


def test_an_invocation_without_a_line_has_its_row(log_store: LogStore, store: Store) -> None:
    log_store.open_invocation(
        InvocationRecord(id=OWNER, request_id="r", function_name="oak-chair", timestamp=NOON)
    )

    log_store.write_waiting()
    log_store.write_waiting()

    assert store.rows("SELECT id FROM invocation") == [(OWNER,)]


def test_many_lines_have_the_scribe_come_sooner(log_store: LogStore) -> None:
    hurried = threading.Event()
    log_store.hurry = hurried.set
    buffer = log_store.open(OWNER)

    say(buffer, *(["sawdust"] * 499))
    assert not hurried.is_set()
    say(buffer, "sawdust")

    assert hurried.is_set()


def test_each_line_is_written_once_while_others_read_and_write(log_store: LogStore) -> None:
    buffer = log_store.open(OWNER)
    over, problems = threading.Event(), []

    def write() -> None:
        try:
            while not over.is_set():
                log_store.write_waiting()
                with log_store.writing([buffer]):
                    pass
        except sqlite3.Error as problem:
            problems.append(problem)
        log_store._store.close()

    writers = [threading.Thread(target=write) for _ in range(3)]
    for writer in writers:
        writer.start()
    said = [str(number) for number in range(3000)]
    say(buffer, *said)
    over.set()
    for writer in writers:
        writer.join()

    log_store.write_waiting()
    lines = log_store.read(OWNER, since=None, limit=5000, offset=0)
    assert [line.message for line in lines] == said
    assert problems == []


def test_what_cannot_be_written_for_long_is_dropped_before_it_fills_the_memory(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    log_store = LogStore(store, max_waiting=100_000)
    notices = Notices()
    told = recorded(notices)
    log_flusher = LogFlusher(log_store=log_store, notices=notices)
    records = [log_store.open(f"{number:024x}") for number in range(100)]

    with monkeypatch.context() as patch:
        patch.setattr(log_store._store, "transaction", _refuse)
        for buffer in records:
            say(buffer, "x" * 2000)
            with pytest.raises(OSError, match="full"):
                log_flusher.run_once()
    log_flusher.run_once()

    dropped = sum(facts["lines"] for _, facts in told)
    kept = [buffer for buffer in records if read(log_store, buffer.owner_id)]
    assert {name for name, _ in told} == {"log_lines_dropped"}
    assert kept == records[dropped:], "the oldest go"
    assert 10 <= len(kept) <= 34


def _refuse() -> NoReturn:
    raise OSError("the disk is full")
