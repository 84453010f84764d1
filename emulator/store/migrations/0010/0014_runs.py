"""The runs of functions. A frozen copy: never edit, add a new script."""

from peewee import (
    BigIntegerField,
    BooleanField,
    CharField,
    FloatField,
    IntegerField,
    Model,
    TextField,
)


class Run(Model):
    sequence = IntegerField(primary_key=True)
    id = CharField(max_length=24, unique=True)
    at = BigIntegerField()
    kind = CharField(max_length=16)
    task_id = CharField(max_length=24, null=True)
    request_id = CharField(max_length=36)
    function_name = CharField(max_length=64)
    runtime = CharField(max_length=32, null=True)
    version = TextField(null=True)
    event = TextField()
    answer = TextField(null=True)
    error = TextField(null=True)
    log = TextField()
    cold = BooleanField()
    duration = FloatField(null=True)
    memory_used = IntegerField(null=True)
    fault = TextField(null=True)
    size = IntegerField()

    class Meta:
        table_name = "run"


def up(migrator, db):
    with db.bind_ctx([Run]):
        db.create_tables([Run], safe=False)
