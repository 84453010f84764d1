"""The journal: every line is written once, in its order, whatever goes wrong in between."""

from __future__ import annotations

import sqlite3
import threading
from datetime import timedelta
from typing import NoReturn

import pytest

from emulator.base.notices import Notices
from emulator.lambdas.log_line import LogLine
from emulator.store.database import Store
from emulator.tasks.logs.invocation_record import InvocationRecord
from emulator.tasks.logs.log_store import LogBuffer, LogFlusher, LogStore
from emulator.testing.clock import NOON
from tests.support.builders import recorded

OWNER, OTHER = "a" * 24, "b" * 24


@pytest.fixture
def journal(store: Store) -> LogStore:
    return LogStore(store)


def say(record: LogBuffer, *messages: str) -> None:
    for message in messages:
        record(LogLine(NOON, message))


def read(journal: LogStore, owner: str = OWNER) -> list[str]:
    lines = journal.read(owner, since=None, limit=1000, offset=0)
    return [line.message for line in lines]


def test_a_reader_sees_what_is_still_in_memory(journal: LogStore) -> None:
    record = journal.open(OWNER)

    say(record, "saw", "plane")
    first = read(journal)
    say(record, "glue")

    assert first == ["saw", "plane"]
    assert read(journal) == ["saw", "plane", "glue"]


def test_a_line_after_the_ending_is_written_with_the_next(journal: LogStore) -> None:
    record = journal.open(OWNER)
    say(record, "saw")
    with journal.writing([record]):
        pass

    say(record, "dust")
    journal.write_waiting()

    assert read(journal) == ["saw", "dust"]


def test_lines_of_a_transaction_that_fails_are_kept_for_the_next(
    journal: LogStore, store: Store
) -> None:
    record = journal.open(OWNER)
    say(record, "saw")

    with pytest.raises(OSError, match="full"), journal.writing([record]):
        _fill_the_disk(record)

    assert store.rows("SELECT * FROM task_log") == []
    assert read(journal) == ["saw", "plane"]


def _fill_the_disk(record: LogBuffer) -> None:
    say(record, "plane")
    raise OSError("the disk is full")


def test_what_cannot_be_written_keeps_nothing_else_from_being(journal: LogStore) -> None:
    say(journal.open(OTHER), "half a character: \ud800")
    say(journal.open(OWNER), "saw")

    with pytest.raises(UnicodeEncodeError):
        journal.write_waiting()

    assert journal._store.rows("SELECT message FROM task_log") == [("saw",)]


def test_an_invocation_is_found_by_its_function_with_its_lines(journal: LogStore) -> None:
    invocation = InvocationRecord(
        id=OWNER, request_id="r", function_name="walnut-table", timestamp=NOON
    )
    record = journal.open_invocation(invocation)
    say(record, "saw")

    lines, total = journal.read_function(
        "walnut-table", since=NOON, until=NOON + timedelta(seconds=1), limit=10, offset=0
    )

    assert ([line.message for line in lines], total) == (["saw"], 1)


def test_an_invocation_without_a_line_has_its_row(journal: LogStore, store: Store) -> None:
    journal.open_invocation(
        InvocationRecord(id=OWNER, request_id="r", function_name="oak-chair", timestamp=NOON)
    )

    journal.write_waiting()
    journal.write_waiting()

    assert store.rows("SELECT id FROM invocation") == [(OWNER,)]


def test_many_lines_have_the_scribe_come_sooner(journal: LogStore) -> None:
    hurried = threading.Event()
    journal.hurry = hurried.set
    record = journal.open(OWNER)

    say(record, *(["sawdust"] * 499))
    assert not hurried.is_set()
    say(record, "sawdust")

    assert hurried.is_set()


def test_each_line_is_written_once_while_others_read_and_write(journal: LogStore) -> None:
    record = journal.open(OWNER)
    over, problems = threading.Event(), []

    def write() -> None:
        try:
            while not over.is_set():
                journal.write_waiting()
                with journal.writing([record]):
                    pass
        except sqlite3.Error as problem:
            problems.append(problem)
        journal._store.close()

    writers = [threading.Thread(target=write) for _ in range(3)]
    for writer in writers:
        writer.start()
    said = [str(number) for number in range(3000)]
    say(record, *said)
    over.set()
    for writer in writers:
        writer.join()

    journal.write_waiting()
    lines = journal.read(OWNER, since=None, limit=5000, offset=0)
    assert [line.message for line in lines] == said
    assert problems == []


def test_what_cannot_be_written_for_long_is_dropped_before_it_fills_the_memory(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = LogStore(store, max_waiting=100_000)
    notices = Notices()
    told = recorded(notices)
    scribe = LogFlusher(journal=journal, notices=notices)
    records = [journal.open(f"{number:024x}") for number in range(100)]

    with monkeypatch.context() as patch:
        patch.setattr(journal._store, "transaction", _refuse)
        for record in records:
            say(record, "x" * 2000)
            with pytest.raises(OSError, match="full"):
                scribe.run_once()
    scribe.run_once()

    dropped = sum(facts["lines"] for _, facts in told)
    kept = [record for record in records if read(journal, record.owner_id)]
    assert {name for name, _ in told} == {"log_lines_dropped"}
    assert kept == records[dropped:], "the oldest go"
    assert 10 <= len(kept) <= 34


def _refuse() -> NoReturn:
    raise OSError("the disk is full")
