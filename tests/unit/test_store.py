"""A database that cannot be used: it is said what is wrong, and nothing is removed."""

from __future__ import annotations

import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from peewee import SqliteDatabase

from taskdock.base.errors import (
    DatabaseDamaged,
    DatabaseLocked,
    DataFolderLost,
    StartupError,
    StorageError,
)
from taskdock.store import schema
from taskdock.store.database import Store

PAGE = 4096  # bytes


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "taskdock.db"


@pytest.fixture
def code(tmp_path: Path) -> Path:
    folder = tmp_path / "code"
    (folder / "a digest").mkdir(parents=True)
    return folder


def grown(path: Path) -> Store:
    """A store with more in it than fits on a page."""
    store = Store(path)
    with store.transaction():
        store.change("CREATE TABLE wood (name TEXT)")
        store.change_many("INSERT INTO wood VALUES (?)", [("oak" * 1000,)] * 100)
    store.close(checkpoint=True)
    return store


# At a start


@pytest.mark.parametrize("content", [None, b""])
def test_no_database_is_begun_where_one_must_have_been(
    path: Path, code: Path, content: bytes | None
) -> None:
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(StartupError, match=r"it is missing or empty, and .*code of functions"):
        Store(path, code=code)

    assert (path.read_bytes() if path.exists() else None) == content
    assert list(code.iterdir())


def test_a_database_of_somebody_elses_is_not_taken_for_a_first_start(
    path: Path, code: Path
) -> None:
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE wood (name TEXT)")

    with pytest.raises(StartupError, match="code of functions"):
        Store(path, code=code)


def test_a_log_without_its_database_is_not_removed(path: Path) -> None:
    log = path.with_name("taskdock.db-wal")
    log.write_bytes(b"what was written last")

    with pytest.raises(StartupError, match=r"its log taskdock\.db-wal is not"):
        Store(path)

    assert log.read_bytes() == b"what was written last"


def test_an_empty_file_without_any_code_is_a_first_start(path: Path, tmp_path: Path) -> None:
    path.touch()

    Store(path, code=tmp_path / "none").close()

    assert path.stat().st_size


def test_of_a_damaged_database_it_is_said_how_to_go_on(path: Path) -> None:
    grown(path)
    content = bytearray(path.read_bytes())
    content[PAGE : 3 * PAGE] = b"\xff" * 2 * PAGE  # not the first page, which says what it is
    path.write_bytes(content)

    with pytest.raises(StartupError) as refused:
        Store(path).rows("SELECT * FROM sqlite_master")

    for words in (str(path), "damaged", ".recover", "keep a copy", "--data-dir"):
        assert words in str(refused.value)
    assert path.read_bytes()[PAGE:] == content[PAGE:]


# Later


def test_damage_that_is_met_later_is_told_as_what_it_is(path: Path) -> None:
    grown(path)
    content = bytearray(path.read_bytes())
    content[-60 * PAGE :] = b"\xff" * 60 * PAGE
    path.write_bytes(content)
    store = Store(path)

    with pytest.raises(DatabaseDamaged, match=r"taskdock\.db is damaged"):
        store.rows("SELECT * FROM wood")

    store.close()


def test_another_programs_lock_is_waited_for_once_and_told(path: Path) -> None:
    store = Store(path, lock_patience=0.1)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")

        with (
            pytest.raises(DatabaseLocked, match="another program holds the lock"),
            store.transaction(),
        ):
            pass

    with store.transaction():  # it goes on
        store.change("CREATE TABLE wood (name TEXT)")
    store.close()


def test_who_waits_for_another_thread_has_the_same_patience(path: Path) -> None:
    store = Store(path, lock_patience=0.1)
    inside, over = threading.Event(), threading.Event()

    def hold() -> None:
        with store.transaction():
            inside.set()
            over.wait(30)
        store.close()

    holder = threading.Thread(target=hold)
    holder.start()
    assert inside.wait(30)
    try:
        with pytest.raises(DatabaseLocked, match=r"was busy for 0\.1 s"), store.transaction():
            pass
    finally:
        over.set()
        holder.join()
        store.close()


def test_a_statement_that_is_wrong_is_no_fault_of_the_database(path: Path) -> None:
    store = Store(path)

    with pytest.raises(sqlite3.OperationalError, match="syntax error"):
        store.change("CREATE TABL wood")

    store.close()


def test_what_would_be_lost_is_refused_and_what_was_begun_is_rolled_back(path: Path) -> None:
    store = Store(path)
    store.change("CREATE TABLE wood (name TEXT)")

    def write() -> None:
        with store.transaction():
            store.change("INSERT INTO wood VALUES ('oak')")
            store.refuse(StorageError("it is gone"))

    with pytest.raises(StorageError, match="it is gone"):
        write()

    with pytest.raises(StorageError, match="it is gone"):
        store.change("INSERT INTO wood VALUES ('elm')")
    assert store.rows("SELECT * FROM wood") == []
    store.close()


@pytest.mark.parametrize("replaced", [False, True])
def test_a_database_that_is_not_there_any_more_is_noticed(path: Path, replaced: bool) -> None:
    store = Store(path)
    assert store.lost() is None

    path.rename(path.with_name("elsewhere"))
    if replaced:
        path.touch()

    assert ("replaced" if replaced else "removed") in (store.lost() or "")
    store.close()


def test_after_a_stop_all_is_in_the_one_file(path: Path) -> None:
    store = Store(path)
    with store.transaction():
        store.change("CREATE TABLE wood (name TEXT)")
        store.change("INSERT INTO wood VALUES ('oak')")

    store.close(checkpoint=True)

    log = path.with_name("taskdock.db-wal")
    assert not log.exists() or not log.stat().st_size
    with closing(sqlite3.connect(path)) as alone:
        assert alone.execute("SELECT name FROM wood").fetchall() == [("oak",)]


@pytest.mark.parametrize("replaced", [False, True])
def test_a_new_connection_makes_no_file_anew_and_takes_no_other(path: Path, replaced: bool) -> None:
    store = Store(path)
    for file in path.parent.glob("taskdock.db*"):
        file.unlink()
    if replaced:
        Store(path).close()

    with ThreadPoolExecutor(1) as another, pytest.raises(DataFolderLost):
        another.submit(store.rows, "SELECT * FROM task").result()

    assert path.exists() == replaced
    store.close()


# A database of an earlier taskdock


def _migrations() -> list[str]:
    return sorted(path.stem for path in schema.MIGRATIONS.glob("[0-9]*/[0-9]*.py"))


def test_migrations_are_numbered_without_gaps_ten_to_a_folder_named_by_its_first_number() -> None:
    numbers = [int(name[:4]) for name in _migrations()]

    assert numbers == list(range(1, len(numbers) + 1))
    for path in schema.MIGRATIONS.glob("[0-9]*/[0-9]*.py"):
        number = int(path.name[:4])
        assert int(path.parent.name) == max(number // 10 * 10, 1)


@pytest.mark.parametrize("applied", range(1, len(_migrations())))
def test_a_database_of_every_earlier_state_is_brought_to_the_newest_with_what_it_holds(
    path: Path, tmp_path: Path, applied: int
) -> None:
    name = _migrations()[applied - 1]
    with closing(SqliteDatabase(str(path))) as earlier:
        schema.runner(earlier).up(name)
        earlier.execute_sql(
            "INSERT INTO task (id, function_name, status, status_changed_timestamp,"
            " start_timestamp, priority, creation_timestamp, update_timestamp, claim)"
            " VALUES ('0123456789abcdef01234567', 'walnut-table', 'new', 0, 0, 0, 0, 0, 0)"
        )

    migrated, fresh = Store(path), Store(tmp_path / "fresh.db")

    of_schema = "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY name"
    assert migrated.rows(of_schema) == fresh.rows(of_schema)
    assert migrated.rows("SELECT function_name FROM task") == [("walnut-table",)]
    migrated.close()
    fresh.close()
