"""The tables and the migrations make the same database."""

from pathlib import Path

from peewee import SqliteDatabase

from taskdock.store.database import Store
from taskdock.store.tables import TABLES


def schema(db):
    rows = db.execute_sql(
        "select sql from sqlite_master where sql is not null"
        " and tbl_name != 'schema_migration' order by name"
    )
    return [sql for (sql,) in rows]


def test_migrating_an_empty_database_gives_the_tables(tmp_path: Path):
    fresh = SqliteDatabase(":memory:")
    with fresh.bind_ctx(TABLES):
        fresh.create_tables(TABLES)
    store = Store(tmp_path / "migrated.db")

    assert schema(store.db) == schema(fresh)

    store.close()
    fresh.close()
