"""Indexes of the filters of what has run: a function's tasks of one status, and the few direct
executions with all that they are filtered by. A frozen copy: never edit, add a new script.
"""


def up(migrator, db):
    columns = '"function_name", "status", "creation_timestamp"'
    db.execute_sql(f'CREATE INDEX "task_by_function_and_status" ON "task" ({columns})')
    db.execute_sql('DROP INDEX "task_direct"')
    columns = '"creation_timestamp", "id", "status", "function_name"'
    db.execute_sql(f'CREATE INDEX "task_direct" ON "task" ({columns}) WHERE "direct" = 1')
