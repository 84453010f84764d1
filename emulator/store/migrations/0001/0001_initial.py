"""Functions, tasks with their tags, and task logs. A frozen copy: never edit, add a new script."""

from peewee import (
    SQL,
    AutoField,
    BigIntegerField,
    BooleanField,
    CharField,
    CompositeKey,
    IntegerField,
    Model,
    TextField,
)


class Function(Model):
    name = CharField(max_length=64, primary_key=True)
    description = TextField(null=True)
    entry_point = TextField(null=True)
    runtime = CharField(max_length=32, null=True)
    image = TextField(null=True)
    code = CharField(max_length=64, null=True)
    time_limit = IntegerField()
    memory_limit = IntegerField()
    environment = TextField()
    retry_policy = TextField()
    execution_options = TextField()
    enabled = BooleanField()
    update_timestamp = BigIntegerField()

    class Meta:
        table_name = "function"


class Task(Model):
    id = CharField(max_length=24, primary_key=True)
    function_name = CharField(max_length=64)
    status = CharField(max_length=16)
    status_changed_timestamp = BigIntegerField()
    data = TextField(null=True)
    tags = TextField(null=True)
    start_timestamp = BigIntegerField()
    priority = BigIntegerField()
    created_by_application_id = CharField(max_length=24, null=True)
    created_by_user_id = CharField(max_length=24, null=True)
    creation_timestamp = BigIntegerField()
    update_timestamp = BigIntegerField()
    retried_by_task_id = CharField(max_length=24, null=True)
    retry_for_task_ids = TextField(null=True)
    error = TextField(null=True)
    claimed_by = CharField(max_length=16, null=True)
    claim = IntegerField()

    class Meta:
        table_name = "task"


class Tag(Model):
    task_id = CharField(max_length=24)
    position = IntegerField()
    tag = TextField()

    class Meta:
        table_name = "task_tag"
        primary_key = CompositeKey("task_id", "position")


class Log(Model):
    id = AutoField()
    task_id = CharField(max_length=24)
    timestamp = BigIntegerField()
    message = TextField()

    class Meta:
        table_name = "task_log"


Task.add_index(
    Task.index(
        Task.status, SQL('"priority" DESC'), Task.start_timestamp, Task.id, name="task_queue"
    )
)
Task.add_index(Task.index(Task.status, Task.start_timestamp, name="task_due"))
Task.add_index(Task.index(Task.status, Task.creation_timestamp, name="task_by_status"))
Task.add_index(Task.index(Task.function_name, Task.creation_timestamp, name="task_by_function"))
Task.add_index(Task.index(Task.start_timestamp, name="task_by_start"))
Task.add_index(Task.index(Task.creation_timestamp, name="task_by_creation"))
Tag.add_index(Tag.index(Tag.tag, Tag.task_id, name="task_tag_by_tag"))
Log.add_index(Log.index(Log.task_id, Log.id, name="task_log_by_task"))


def up(migrator, db):
    with db.bind_ctx([Function, Task, Tag, Log]):
        db.create_tables([Function, Task, Tag, Log], safe=False)
