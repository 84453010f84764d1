"""Every table and index on one page.

This module has over 250 lines so that the whole schema is seen at once. Its history is in
`migrations/`; a test keeps the two equal.

No table is bound to a database here: each query is executed on the store that it is given.
"""

from __future__ import annotations

from peewee import (
    SQL,
    AutoField,
    BigIntegerField,
    BooleanField,
    CharField,
    CompositeKey,
    FloatField,
    IntegerField,
    Model,
    TextField,
)

from taskdock.store.fields import JsonField, MomentField


class Table(Model):
    class Meta:
        legacy_table_names = False


class FunctionRow(Table):
    name = CharField(max_length=64, primary_key=True)
    description = TextField(null=True)
    entry_point = TextField(null=True)
    runtime = CharField(max_length=32, null=True)
    image = TextField(null=True)
    code = CharField(max_length=64, null=True)  # digest of the zip
    time_limit = IntegerField()  # seconds
    memory_limit = IntegerField()  # MB
    environment = JsonField()
    retry_policy = JsonField()
    execution_options = JsonField()
    enabled = BooleanField()
    update_timestamp = MomentField()
    image_config = JsonField(null=True)  # what takes the place of an image's own settings
    annotations = JsonField(null=True)  # what AWS's callers want to read again
    deployers = JsonField(null=True)  # ids of the users whose work it is
    credentials_key = TextField(null=True)  # what the secret of its credentials is made with

    class Meta:
        table_name = "function"


class TaskRow(Table):
    id = CharField(max_length=24, primary_key=True)
    function_name = CharField(max_length=64)
    status = CharField(max_length=16)
    status_changed_timestamp = MomentField()
    data = JsonField(null=True)
    tags = JsonField(null=True)
    start_timestamp = MomentField()
    priority = BigIntegerField()
    created_by_application_id = CharField(max_length=24, null=True)
    created_by_user_id = CharField(max_length=24, null=True)
    creation_timestamp = MomentField()
    update_timestamp = MomentField()
    retried_by_task_id = CharField(max_length=24, null=True)
    retry_for_task_ids = JsonField(null=True)
    error = JsonField(null=True)
    claimed_by = CharField(max_length=16, null=True)  # the server that claimed it last
    claim = IntegerField(default=0)  # how often it was claimed: the fence of every ending
    event_id = CharField(max_length=24, null=True)  # the service event that it was made for
    waiting = BooleanField(null=True)  # in progress, and surely not begun
    created_by_task_id = CharField(max_length=24, null=True)  # in whose run a function made it
    direct = BooleanField(null=True)  # executed directly, while its caller waited

    class Meta:
        table_name = "task"


_NEW = SQL("\"status\" = 'new'")  # written out: bound, SQLite could not tell that an index fits
TaskRow.add_index(  # what may start next, in the queue's order
    TaskRow.index(
        TaskRow.status,
        SQL('"priority" DESC'),
        TaskRow.start_timestamp,
        TaskRow.id,
        name="task_queue",
        where=_NEW,
    )
)
TaskRow.add_index(
    TaskRow.index(TaskRow.status, TaskRow.start_timestamp, name="task_due", where=_NEW)
)
TaskRow.add_index(TaskRow.index(TaskRow.status, TaskRow.creation_timestamp, name="task_by_status"))
TaskRow.add_index(
    TaskRow.index(TaskRow.function_name, TaskRow.creation_timestamp, name="task_by_function")
)
TaskRow.add_index(
    TaskRow.index(
        TaskRow.function_name,
        TaskRow.status,
        TaskRow.creation_timestamp,
        name="task_by_function_and_status",
    )
)
TaskRow.add_index(TaskRow.index(TaskRow.start_timestamp, name="task_by_start"))
TaskRow.add_index(TaskRow.index(TaskRow.creation_timestamp, name="task_by_creation"))
TaskRow.add_index(  # nothing for the rows that no task has made
    TaskRow.index(
        TaskRow.created_by_task_id,
        name="task_by_creator",
        where=SQL('"created_by_task_id" IS NOT NULL'),
    )
)
TaskRow.add_index(
    TaskRow.index(
        TaskRow.creation_timestamp,
        TaskRow.id,
        TaskRow.status,
        TaskRow.function_name,
        name="task_direct",
        where=SQL('"direct" = 1'),
    )
)


class TagRow(Table):
    """A task's tags once more, one row each, so that a filter on a tag can use an index."""

    task_id = CharField(max_length=24)
    position = IntegerField()
    tag = TextField()

    class Meta:
        table_name = "task_tag"
        primary_key = CompositeKey("task_id", "position")


TagRow.add_index(TagRow.index(TagRow.tag, TagRow.task_id, name="task_tag_by_tag"))


class LogRow(Table):
    """One log line; the id keeps the order of lines with the same millisecond."""

    id = AutoField()
    owner_id = CharField(
        max_length=24, column_name="task_id"
    )  # or an API request, or an invocation
    timestamp = MomentField()
    message = TextField()

    class Meta:
        table_name = "task_log"


LogRow.add_index(LogRow.index(LogRow.owner_id, LogRow.id, name="task_log_by_task"))
LogRow.add_index(LogRow.index(LogRow.timestamp, LogRow.id, name="task_log_by_time"))


class ApiRequestRow(Table):
    id = CharField(max_length=24, primary_key=True)
    function_name = CharField(max_length=64)
    method = CharField(max_length=16)
    path = TextField()  # with the query, without a leading slash
    user_id = CharField(max_length=24, null=True)
    application_id = CharField(max_length=24, null=True)
    timestamp = MomentField()
    status_code = IntegerField()
    duration = FloatField()  # seconds
    error = JsonField(null=True)

    class Meta:
        table_name = "api_request"


ApiRequestRow.add_index(ApiRequestRow.index(ApiRequestRow.timestamp, name="api_request_by_time"))
ApiRequestRow.add_index(
    ApiRequestRow.index(
        ApiRequestRow.function_name, ApiRequestRow.timestamp, name="api_request_by_function"
    )
)
ApiRequestRow.add_index(
    ApiRequestRow.index(
        ApiRequestRow.timestamp, name="api_request_failed", where=SQL('"error" IS NOT NULL')
    )
)


class InvocationRow(Table):
    """An invocation by the Lambda API: whose log lines these are."""

    id = CharField(max_length=24, primary_key=True)
    request_id = CharField(max_length=36)
    function_name = CharField(max_length=64)
    timestamp = MomentField()

    class Meta:
        table_name = "invocation"


InvocationRow.add_index(
    InvocationRow.index(
        InvocationRow.function_name, InvocationRow.timestamp, name="invocation_by_function"
    )
)
InvocationRow.add_index(InvocationRow.index(InvocationRow.timestamp, name="invocation_by_time"))


class BacklogRow(Table):
    """The event of an invocation that was accepted and has still to end."""

    invocation_id = CharField(max_length=24, primary_key=True)
    event = TextField()  # JSON, as it was sent
    client_context = TextField(null=True)
    arn = TextField(null=True)
    attempts = IntegerField(default=0)
    due_timestamp = MomentField()
    claimed_by = CharField(max_length=16, null=True)  # the server that holds it
    claim = IntegerField(default=0, constraints=[SQL("DEFAULT 0")])  # how often it was claimed

    class Meta:
        table_name = "backlog"


BacklogRow.add_index(BacklogRow.index(BacklogRow.due_timestamp, name="backlog_due"))


class ScheduleRow(Table):
    id = CharField(max_length=24, primary_key=True)
    function_name = CharField(max_length=64)
    interval = FloatField()  # seconds, in whole milliseconds
    data = JsonField(null=True)
    priority = BigIntegerField(null=True)
    start_timestamp = MomentField()
    next_timestamp = MomentField()
    creation_timestamp = MomentField()
    update_timestamp = MomentField()
    claimed_by = CharField(max_length=16, null=True)  # the server that holds it
    claim = IntegerField(default=0, constraints=[SQL("DEFAULT 0")])  # how often it was claimed

    class Meta:
        table_name = "schedule"


ScheduleRow.add_index(ScheduleRow.index(ScheduleRow.next_timestamp, name="schedule_due"))


class ScheduleRunRow(Table):
    """The latest run of each schedule: that there is only one of a time, whoever makes it."""

    schedule_id = CharField(max_length=24)
    run_timestamp = MomentField()

    class Meta:
        table_name = "schedule_run"
        primary_key = CompositeKey("schedule_id", "run_timestamp")


class EventRow(Table):
    """A service event: what happened, for whoever asks or is subscribed."""

    id = CharField(max_length=24, primary_key=True)
    type = CharField(max_length=64)
    content = JsonField()
    creation_timestamp = MomentField()
    update_timestamp = MomentField()

    class Meta:
        table_name = "event"


EventRow.add_index(EventRow.index(EventRow.creation_timestamp, EventRow.id, name="event_by_time"))


class SubscriptionRow(Table):
    id = CharField(max_length=24, primary_key=True)
    event_types = JsonField()
    function_name = CharField(max_length=64, null=True)
    url = TextField(null=True)  # of a webhook
    creation_timestamp = MomentField()
    update_timestamp = MomentField()
    from_loopback = BooleanField(constraints=[SQL("DEFAULT 1")])  # where it was made

    class Meta:
        table_name = "subscription"


class DeliveryRow(Table):
    """An event that a webhook has still to be told."""

    id = AutoField()
    event_id = CharField(max_length=24)
    subscription_id = CharField(max_length=24)
    attempts = IntegerField(default=0)
    due_timestamp = MomentField()
    claimed_by = CharField(max_length=16, null=True)  # the server that holds it
    claim = IntegerField(default=0, constraints=[SQL("DEFAULT 0")])  # how often it was claimed

    class Meta:
        table_name = "delivery"


DeliveryRow.add_index(DeliveryRow.index(DeliveryRow.due_timestamp, name="delivery_due"))


class RunRow(Table):
    """A run of a function that has ended, to be looked at and replayed."""

    sequence = IntegerField(primary_key=True)  # grows with each run
    id = CharField(max_length=24, unique=True)
    at = MomentField()
    kind = CharField(max_length=16)
    task_id = CharField(max_length=24, null=True)
    request_id = CharField(max_length=36)
    function_name = CharField(max_length=64)
    runtime = CharField(max_length=32, null=True)
    version = TextField(null=True)  # digest of the zip, or the image
    event = TextField()  # JSON, as the function got it
    answer = TextField(null=True)  # JSON nearly always
    error = JsonField(null=True)
    log = JsonField()
    cold = BooleanField()
    duration = FloatField(null=True)  # milliseconds
    memory_used = IntegerField(null=True)  # MB
    fault = JsonField(null=True)
    size = IntegerField()  # bytes, about
    api_request_id = CharField(max_length=24, null=True)
    environment_id = TextField(null=True)
    waited = FloatField(null=True)  # milliseconds for an environment, with its init
    init = FloatField(null=True)  # milliseconds
    settled = FloatField(null=True)  # milliseconds from the answer to the end of the log
    time_limit = IntegerField(null=True)  # seconds, then
    memory_limit = IntegerField(null=True)  # MB, then

    class Meta:
        table_name = "run"


class ServerRow(Table):
    """A server that works on this database, and how often it has said that it is alive."""

    id = CharField(max_length=16, primary_key=True)
    started_timestamp = MomentField()
    seen_timestamp = MomentField()
    beats = IntegerField(default=0)

    class Meta:
        table_name = "server"


class UserRow(Table):
    id = CharField(max_length=24, primary_key=True)
    email = CharField(max_length=256, unique=True)  # in lower case
    first_name = TextField()
    last_name = TextField()
    phone_number = TextField()
    language = CharField(max_length=16)
    time_zone = TextField()
    password = TextField(null=True)  # its hash; null: cannot sign in with one
    creation_timestamp = MomentField()
    update_timestamp = MomentField()

    class Meta:
        table_name = "user"


class RoleRow(Table):
    id = CharField(max_length=24, primary_key=True)
    name = CharField(max_length=256, unique=True)
    description = TextField()
    permissions = JsonField()
    creation_timestamp = MomentField()
    update_timestamp = MomentField()

    class Meta:
        table_name = "role"


class UserRoleRow(Table):
    user_id = CharField(max_length=24)
    role_id = CharField(max_length=24)

    class Meta:
        table_name = "user_role"
        primary_key = CompositeKey("user_id", "role_id")


UserRoleRow.add_index(UserRoleRow.index(UserRoleRow.role_id, name="user_role_by_role"))


class ApplicationRow(Table):
    id = CharField(max_length=24, primary_key=True)
    name = TextField()
    description = TextField()
    consumer_key = CharField(max_length=64, unique=True)
    consumer_secret = CharField(max_length=64)
    client_id = CharField(max_length=64, unique=True)
    client_secret = CharField(max_length=64)
    creation_timestamp = MomentField()
    update_timestamp = MomentField()

    class Meta:
        table_name = "application"


class TokenRow(Table):
    """OAuth1 tokens, and OAuth2 access and refresh tokens."""

    id = CharField(max_length=24, primary_key=True)
    kind = CharField(max_length=16)
    application_id = CharField(max_length=24)
    user_id = CharField(max_length=24)
    token = CharField(max_length=64, unique=True)
    secret = CharField(max_length=64, null=True)
    refresh_token_id = CharField(max_length=24, null=True)
    expiry_timestamp = MomentField(null=True)
    creation_timestamp = MomentField()
    update_timestamp = MomentField()
    last_used_timestamp = MomentField()

    class Meta:
        table_name = "token"


TokenRow.add_index(TokenRow.index(TokenRow.user_id, TokenRow.kind, name="token_by_user"))

IDENTITY: tuple[type[Table], ...] = (UserRow, RoleRow, UserRoleRow, ApplicationRow, TokenRow)
TABLES: tuple[type[Table], ...] = (
    FunctionRow,
    TaskRow,
    TagRow,
    LogRow,
    ScheduleRow,
    ScheduleRunRow,
    EventRow,
    SubscriptionRow,
    DeliveryRow,
    ApiRequestRow,
    InvocationRow,
    BacklogRow,
    RunRow,
    ServerRow,
    *IDENTITY,
)
