"""Properties that AWS's callers want to read again. A frozen copy: never edit, add a new script."""


def up(migrator, db):
    db.execute_sql('ALTER TABLE "function" ADD COLUMN "annotations" TEXT')
