"""Brings a database to the newest schema, by the migrations in `migrations/`.

Migrations are numbered without gaps. Each folder of them is named by its first number and takes ten
at most, so that no folder grows for ever.
"""

from __future__ import annotations

from pathlib import Path

from peewee import Database
from playhouse.migrations import Migration, Runner

from taskdock.base.errors import StartupError

MIGRATIONS = Path(__file__).parent / "migrations"


class MigrationRunner(Runner):  # type: ignore[misc]
    def migrations(self) -> list[Migration]:
        return load(MIGRATIONS)


def load(folder: Path) -> list[Migration]:
    """The migrations in the folders of `folder`, in the order of their numbers.

    Raises `StartupError` for a migration beside these folders, which nothing would apply.
    """
    folders = [each for each in folder.iterdir() if each.is_dir()]
    found = sorted(each for folder in folders for each in Migration.load_directory(folder))
    if loose := {file.stem for file in folder.glob("*.py")} - {each.name for each in found}:
        raise StartupError(f"the migration {min(loose)} belongs into a folder of {folder}")
    return found


def runner(database: Database) -> MigrationRunner:
    """The library's runner of these migrations."""
    return MigrationRunner(database)


def refuse_newer(database: Database, path: Path) -> None:
    """Raises `StartupError` for a database that a newer taskdock has written to.

    `path` is the database's file, for the message.
    """
    runs = runner(database)
    known = {migration.name for migration in runs.migrations()}
    newer = sorted(set(runs.applied()) - known)
    if newer:
        raise StartupError(
            f"{path} was written by a newer taskdock (migration {newer[-1]});"
            " use that version, or another --data-dir"
        )


def is_new(database: Database) -> bool:
    """Whether no migration has been applied."""
    return not runner(database).applied()


def migrate(database: Database) -> None:
    """Applies each migration that has not been applied, in the order of their numbers."""
    runner(database).up()
