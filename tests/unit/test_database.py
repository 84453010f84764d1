"""Opening a database: what cannot be opened is refused in words."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from taskdock.base.errors import StartupError
from taskdock.store import schema
from taskdock.store.database import Store


def test_a_path_that_is_too_long_is_named_as_the_reason(tmp_path: Path) -> None:
    path = tmp_path.joinpath(*["d" * 100] * 6, "taskdock.db")

    with pytest.raises(StartupError, match=r"its path is too long: choose a shorter --data-dir"):
        Store(path)


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "taskdock.db"
    path.write_text("this is no database, however long it may be" * 100)

    with pytest.raises(StartupError, match=r"taskdock.db is damaged \(file is not a database\)"):
        Store(path)


def test_a_long_path_that_sqlite_takes_is_taken(tmp_path: Path) -> None:
    base = len(str(tmp_path))
    folder = tmp_path.joinpath(*["d" * 100] * ((430 - base) // 101))

    Store(folder / "taskdock.db").close()


def test_a_migration_beside_the_folders_is_refused_and_not_passed_over(tmp_path: Path) -> None:
    folder = tmp_path / "migrations"
    shutil.copytree(schema.MIGRATIONS, folder)
    assert [each.name for each in schema.load(folder)] == sorted(
        file.stem for file in folder.rglob("*.py")
    )
    (folder / "0014_walnut.py").touch()

    with pytest.raises(StartupError, match="0014_walnut belongs into a folder"):
        schema.load(folder)
