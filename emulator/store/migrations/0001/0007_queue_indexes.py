"""Indexes of new tasks, to find the next. A frozen copy: never edit, add a new script.

The rows that have ended, nearly all, cost nothing there, and a task's ending does not touch them.
"""

_NEW = "WHERE \"status\" = 'new'"


def up(migrator, db):
    db.execute_sql('DROP INDEX "task_queue"')
    db.execute_sql('DROP INDEX "task_due"')
    columns = '"status", "priority" DESC, "start_timestamp", "id"'
    db.execute_sql(f'CREATE INDEX "task_queue" ON "task" ({columns}) {_NEW}')
    db.execute_sql(f'CREATE INDEX "task_due" ON "task" ("status", "start_timestamp") {_NEW}')
