"""API requests, and log lines found by time. A frozen copy: never edit, add a new script."""

from peewee import BigIntegerField, CharField, FloatField, IntegerField, Model, TextField


class ApiRequest(Model):
    id = CharField(max_length=24, primary_key=True)
    function_name = CharField(max_length=64)
    method = CharField(max_length=16)
    path = TextField()
    user_id = CharField(max_length=24, null=True)
    application_id = CharField(max_length=24, null=True)
    timestamp = BigIntegerField()
    status_code = IntegerField()
    duration = FloatField()
    error = TextField(null=True)

    class Meta:
        table_name = "api_request"


class Log(Model):
    timestamp = BigIntegerField()

    class Meta:
        table_name = "task_log"


ApiRequest.add_index(ApiRequest.index(ApiRequest.timestamp, name="api_request_by_time"))
ApiRequest.add_index(
    ApiRequest.index(ApiRequest.function_name, ApiRequest.timestamp, name="api_request_by_function")
)


def up(migrator, db):
    with db.bind_ctx([ApiRequest, Log]):
        db.create_tables([ApiRequest], safe=False)
        db.execute(Log.index(Log.timestamp, Log.id, name="task_log_by_time"))
