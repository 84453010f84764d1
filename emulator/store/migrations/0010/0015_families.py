"""The creator of a task, direct executions, and where the time of a run went. A frozen copy: never
edit, add a new script.
"""

_TASK = ('"created_by_task_id" VARCHAR(24)', '"direct" INTEGER')
_RUN = (
    '"api_request_id" VARCHAR(24)',
    '"environment_id" TEXT',
    '"waited" REAL',
    '"init" REAL',
    '"settled" REAL',
    '"time_limit" INTEGER',
    '"memory_limit" INTEGER',
)


def up(migrator, db):
    for table, columns in (("task", _TASK), ("run", _RUN)):
        for column in columns:
            db.execute_sql(f'ALTER TABLE "{table}" ADD COLUMN {column}')
    db.execute_sql(
        """UPDATE "task" SET "direct" = 1
        WHERE "id" IN (SELECT "task_id" FROM "run" WHERE "kind" = 'execution')"""
    )
    db.execute_sql(
        'CREATE INDEX "task_by_creator" ON "task" ("created_by_task_id")'
        ' WHERE "created_by_task_id" IS NOT NULL'
    )
    db.execute_sql(
        """CREATE INDEX "task_direct" ON "task" ("creation_timestamp") WHERE "direct" = 1"""
    )
    db.execute_sql(
        'CREATE INDEX "api_request_failed" ON "api_request" ("timestamp") WHERE "error" IS NOT NULL'
    )
