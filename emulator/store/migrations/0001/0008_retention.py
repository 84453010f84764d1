"""The oldest invocations are found by their time. A frozen copy: never edit, add a new script."""


def up(migrator, db):
    db.execute_sql('CREATE INDEX "invocation_by_time" ON "invocation" ("timestamp")')
