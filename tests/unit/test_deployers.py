"""Whose work a function is, after each change of it and in a database of before."""

import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timezone
from importlib import import_module

import pytest

from taskdock.lambdas.functions.function import MOST_DEPLOYERS, Function, ImageConfig, deployers

NOON = datetime(2026, 1, 2, 12, 0, tzinfo=timezone.utc)
ADA, BEN = ("a" * 24,), ("b" * 24,)
BOTH = ADA + BEN
OAK = Function(
    name="oak",
    runtime="python3.13",
    entry_point="a.b",
    code="1",
    update_timestamp=NOON,
    deployers=ADA,
)
ELM = Function(name="elm", image="elm:1", update_timestamp=NOON, deployers=ADA)
LED = replace(OAK, environment={"NODE_OPTIONS": "--import"})


@pytest.mark.parametrize(
    ("before", "changes", "given", "by", "after"),
    [
        (OAK, {"description": "new"}, {"description"}, BEN, ADA),
        (OAK, {"enabled": False}, {"enabled"}, BEN, ADA),
        (OAK, {"memory_limit": 256}, {"memory_limit"}, BEN, BOTH),
        (OAK, {"memory_limit": 256}, {"memory_limit"}, ADA, ADA),
        (OAK, {"code": "2"}, {"code"}, BEN, BOTH),
        (OAK, {"code": "2"}, {"code", "entry_point"}, BEN, BEN),
        (OAK, {}, {"code", "entry_point"}, BEN, BEN),
        (OAK, {}, {"code"}, BEN, BOTH),
        (OAK, {}, {"entry_point", "environment"}, BEN, ADA),
        (OAK, {"code": "2"}, {"code", "entry_point"}, (), ADA),
        (LED, {"code": "2"}, {"code", "entry_point"}, BEN, BOTH),
        (LED, {"environment": {}}, {"code", "entry_point", "environment"}, BEN, BEN),
        (ELM, {"image": "elm:2"}, {"image"}, BEN, BEN),
        (OAK, {"image": "elm:2", "code": None}, {"image"}, BEN, BEN),
        (
            replace(ELM, image_config=ImageConfig(command=("sh",))),
            {"image": "elm:2"},
            {"image"},
            BEN,
            BOTH,
        ),
        (replace(OAK, deployers=()), {"memory_limit": 256}, {"memory_limit"}, BEN, ()),
        (replace(OAK, deployers=()), {}, {"code", "entry_point"}, BEN, BEN),
        (OAK, {"code": "2"}, {"code"}, BOTH, BOTH),
    ],
)
def test_whose_work_a_function_is(before, changes, given, by, after):
    assert deployers(before, replace(before, **changes), by, given=given) == after


def test_the_work_of_too_many_is_nobodys():
    many = tuple(f"{number:024}" for number in range(MOST_DEPLOYERS))
    before = replace(OAK, deployers=many)
    after = replace(before, memory_limit=256)

    assert deployers(before, after, many[:1], given={"memory_limit"}) == many
    assert deployers(before, after, BEN, given={"memory_limit"}) == ()


class Database:
    """As migrations have it."""

    def __init__(self, *emails):
        self.connection = sqlite3.connect(":memory:")
        self.execute_sql('CREATE TABLE "function" ("name" TEXT)')
        self.execute_sql('CREATE TABLE "user" ("id" TEXT, "email" TEXT)')
        for number, email in enumerate(emails):
            self.execute_sql('INSERT INTO "user" VALUES (?, ?)', (str(number), email))
        self.execute_sql("""INSERT INTO "function" VALUES ('oak'), ('elm')""")

    def close(self):
        self.connection.close()

    def execute_sql(self, sql, values=()):
        return self.connection.execute(sql, values)


OWN = ("administrator@taskdock.localhost", "functions@taskdock.localhost")


@pytest.mark.parametrize(
    ("emails", "found"),
    [(OWN, '["0"]'), ((*OWN, "ada@example.com"), None), (("ada@example.com",), None), ((), None)],
)
def test_what_is_there_already_is_the_administrators_where_there_is_nobody_else(emails, found):
    with closing(Database(*emails)) as database:
        import_module("taskdock.store.migrations.0010.0012_deployers").up(None, database)
        found_rows = database.execute_sql('SELECT "deployers", "credentials_key" FROM "function"')
        rows = found_rows.fetchall()

    assert [deployers for deployers, _ in rows] == [found, found]
    assert len({key for _, key in rows}) == 2
    assert {len(key) for _, key in rows} == {40}
