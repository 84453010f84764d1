"""Claims on events, deliveries and schedules, and the servers that hold them. A frozen copy: never
edit, add a new script.
"""

from peewee import BigIntegerField, CharField, IntegerField, Model


class Server(Model):
    id = CharField(max_length=16, primary_key=True)
    started_timestamp = BigIntegerField()
    seen_timestamp = BigIntegerField()
    beats = IntegerField(default=0)

    class Meta:
        table_name = "server"


def up(migrator, db):
    for table in ("backlog", "delivery", "schedule"):
        db.execute_sql(f'ALTER TABLE "{table}" ADD COLUMN "claimed_by" VARCHAR(16)')
        db.execute_sql(f'ALTER TABLE "{table}" ADD COLUMN "claim" INTEGER NOT NULL DEFAULT 0')
    with db.bind_ctx([Server]):
        db.create_tables([Server], safe=False)
