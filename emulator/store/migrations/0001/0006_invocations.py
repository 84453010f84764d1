"""Invocations by the Lambda API, and their events. A frozen copy: never edit, add a new script."""

from peewee import BigIntegerField, CharField, IntegerField, Model, TextField


class Invocation(Model):
    id = CharField(max_length=24, primary_key=True)
    request_id = CharField(max_length=36)
    function_name = CharField(max_length=64)
    timestamp = BigIntegerField()

    class Meta:
        table_name = "invocation"


class Backlog(Model):
    invocation_id = CharField(max_length=24, primary_key=True)
    event = TextField()
    client_context = TextField(null=True)
    arn = TextField(null=True)
    attempts = IntegerField(default=0)
    due_timestamp = BigIntegerField()

    class Meta:
        table_name = "backlog"


Invocation.add_index(
    Invocation.index(Invocation.function_name, Invocation.timestamp, name="invocation_by_function")
)
Backlog.add_index(Backlog.index(Backlog.due_timestamp, name="backlog_due"))


def up(migrator, db):
    tables = [Invocation, Backlog]
    with db.bind_ctx(tables):
        db.create_tables(tables, safe=False)
