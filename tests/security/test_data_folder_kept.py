"""What a server keeps is its user's alone, and stays where it is: code, modes, the lock."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from taskdock.base.errors import StartupError
from taskdock.base.files import own_files
from taskdock.base.files.data_folder import DataFolder
from taskdock.lambdas.functions.code import CodeStore
from taskdock.store.database import Store
from taskdock.testing.waiting import eventually
from tests.support.builders import DATABASE, Dock, StartDock
from tests.support.foreign_folder import (
    DIGEST,
    Trap,
    emulator,
    folder,
    link,
    mode,
    pipe,
    start,
    tree,
)

# Code


def test_code_that_became_a_link_never_shows_a_folder_of_the_machine(
    start_dock: StartDock, outside: Path
) -> None:
    dock = start_dock()
    dock.deploy(lambda event, _: event)
    code = dock.emulator.settings.data_dir / "code"
    (unpacked,) = (path for path in code.iterdir() if path.is_dir())
    shutil.rmtree(unpacked)
    unpacked.symlink_to(outside)

    answer = dock.execute()

    assert answer.status_code != 200
    assert "is a symbolic link where taskdock has a folder" in answer.text
    assert not dock.engine.containers
    assert list(tree(outside)) == ["precious"]


@pytest.mark.parametrize("digest", ["../../outside", "/etc", ".", "", f"{DIGEST}/../../outside"])
def test_what_the_database_names_as_code_is_nothing_but_code(
    start_dock: StartDock, outside: Path, digest: str
) -> None:
    first = start_dock()
    first.deploy(lambda event, _: event)
    first.stop()
    with closing(sqlite3.connect(first.emulator.settings.data_dir / DATABASE)) as database:
        database.execute("UPDATE function SET code = ?", [digest])
        database.commit()

    dock = start_dock(engine=first.engine)
    answer = dock.execute()

    assert answer.status_code != 200
    assert "is no digest" in answer.text
    assert not dock.engine.containers


def test_a_size_that_is_a_link_or_no_number_is_not_read(tmp_path: Path, outside: Path) -> None:
    (outside / "precious").write_text("77")
    store = CodeStore(tmp_path / "code")
    (tmp_path / "code").mkdir()

    (tmp_path / "code" / f"{DIGEST}.size").symlink_to(outside / "precious")
    assert store.size(DIGEST) == 0
    assert store.size("../outside/precious") == 0
    (tmp_path / "code" / f"{'b' * 64}.size").write_text("many")
    assert store.size("b" * 64) == 0


# Who else may read it


@pytest.fixture
def open_handed() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.mark.usefixtures("open_handed")
def test_a_new_folder_and_all_in_it_is_the_users_alone_whatever_the_umask(tmp_path: Path) -> None:
    data = tmp_path / "new" / "data"
    server = emulator(data)
    server.start()

    found = {path.name: mode(path) for path in data.iterdir()}
    server.stop(0)

    assert mode(data) == 0o700
    assert {DATABASE, f"{DATABASE}-wal", f"{DATABASE}-shm", "lock", "id", "credentials"} <= set(
        found
    )
    assert {name: bits for name, bits in found.items() if bits & 0o077} == {}


def test_a_folder_that_others_could_read_is_put_right_and_that_is_told(
    data: Path, caplog: pytest.LogCaptureFixture
) -> None:
    Store(data / DATABASE).close()
    (data / "code").mkdir()
    for path in (data / "code", data):
        path.chmod(0o755)
    (data / DATABASE).chmod(0o644)
    caplog.set_level("INFO")

    start(data)

    assert (mode(data), mode(data / DATABASE), mode(data / "code")) == (0o700, 0o600, 0o700)
    assert f"{data / DATABASE} was open to other users (mode 0644), and is closed" in caplog.text
    assert f"{data} was open to other users (mode 0755), and is closed to them now" in caplog.text


def test_a_folder_that_is_not_for_taskdock_alone_keeps_its_mode(data: Path) -> None:
    """Such as a project's, or the home folder: others may have to get through."""
    data.chmod(0o755)
    (data / "project.toml").touch()

    folder = DataFolder(data)

    assert (mode(data), mode(data / "id"), mode(data / "lock")) == (0o755, 0o600, 0o600)
    assert "has other files than taskdock's" in folder.closed[-1]
    folder.close()


def test_files_are_written_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "kept"
    own_files.write(file, "first\n")

    def fail(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="No space"):
        own_files.write(file, "second\n")

    assert tree(tmp_path) == {"kept": ("-rw-------", b"first\n")}


# What a server that runs notices, and two that run


@pytest.mark.parametrize("trap", [link, pipe, folder])
def test_a_lock_that_was_replaced_underneath_is_noticed_and_nothing_hangs(
    dock: Dock, outside: Path, trap: Trap
) -> None:
    lock = dock.emulator.foundation.data / "lock"
    (outside / "precious").write_text(lock.read_text())  # it even says the same

    lock.unlink()
    trap(lock, outside)

    def told() -> str:
        answer = dock.call("GET", "/health", base="")
        assert answer.status_code in (200, 503), answer.text
        return "".join(one["reason"] for one in answer.json().get("troubles", ()))

    eventually(lambda: "was replaced by another while the server ran" in told())


def test_a_lock_that_was_stolen_ends_the_writing_of_the_first_and_the_second_serves(
    start_dock: StartDock,
) -> None:
    first = start_dock()
    (first.emulator.foundation.data / "lock").unlink()

    second = start_dock()
    second.deploy(lambda event, _: event)

    assert second.execute().status_code == 200
    eventually(lambda: first.call("GET", "/health", base="").status_code == 503)
    refused = first.post("/", {"functionName": "walnut-table"})
    assert (refused.status_code, "replaced by another" in refused.text) == (503, True)
    first.stop()
    assert (second.emulator.foundation.data / "credentials").exists()


def test_a_database_that_became_a_link_to_itself_moved_is_noticed(dock: Dock) -> None:
    database = dock.emulator.foundation.data / DATABASE

    moved = database.rename(database.with_name("moved"))
    database.symlink_to(moved)

    eventually(lambda: dock.call("GET", "/health", base="").status_code == 503)


def test_two_servers_do_not_have_one_folder_by_whatever_path(data: Path, tmp_path: Path) -> None:
    (tmp_path / "other-name").symlink_to(data)
    folder = DataFolder(data)

    for path in (data, tmp_path / "other-name", data / ".." / "data"):
        with pytest.raises(StartupError, match="another taskdock uses the data folder"):
            DataFolder(path)

    assert folder.fault() is None
    folder.close()
