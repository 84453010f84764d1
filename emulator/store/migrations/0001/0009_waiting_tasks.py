"""Which tasks in progress have surely not begun. A frozen copy: never edit, add a new script."""


def up(migrator, db):
    db.execute_sql('ALTER TABLE "task" ADD COLUMN "waiting" INTEGER')
