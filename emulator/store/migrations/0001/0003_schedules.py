"""Schedules, service events and their subscribers. A frozen copy: never edit, add a new script."""

from peewee import (
    AutoField,
    BigIntegerField,
    CharField,
    CompositeKey,
    FloatField,
    IntegerField,
    Model,
    TextField,
)


class Schedule(Model):
    id = CharField(max_length=24, primary_key=True)
    function_name = CharField(max_length=64)
    interval = FloatField()
    data = TextField(null=True)
    priority = BigIntegerField(null=True)
    start_timestamp = BigIntegerField()
    next_timestamp = BigIntegerField()
    creation_timestamp = BigIntegerField()
    update_timestamp = BigIntegerField()

    class Meta:
        table_name = "schedule"


class ScheduleRun(Model):
    schedule_id = CharField(max_length=24)
    run_timestamp = BigIntegerField()

    class Meta:
        table_name = "schedule_run"
        primary_key = CompositeKey("schedule_id", "run_timestamp")


class Event(Model):
    id = CharField(max_length=24, primary_key=True)
    type = CharField(max_length=64)
    content = TextField()
    creation_timestamp = BigIntegerField()
    update_timestamp = BigIntegerField()

    class Meta:
        table_name = "event"


class Subscription(Model):
    id = CharField(max_length=24, primary_key=True)
    event_types = TextField()
    function_name = CharField(max_length=64, null=True)
    url = TextField(null=True)
    creation_timestamp = BigIntegerField()
    update_timestamp = BigIntegerField()

    class Meta:
        table_name = "subscription"


class Delivery(Model):
    id = AutoField()
    event_id = CharField(max_length=24)
    subscription_id = CharField(max_length=24)
    attempts = IntegerField()
    due_timestamp = BigIntegerField()

    class Meta:
        table_name = "delivery"


Schedule.add_index(Schedule.index(Schedule.next_timestamp, name="schedule_due"))
Event.add_index(Event.index(Event.creation_timestamp, Event.id, name="event_by_time"))
Delivery.add_index(Delivery.index(Delivery.due_timestamp, name="delivery_due"))

_TABLES = [Schedule, ScheduleRun, Event, Subscription, Delivery]


def up(migrator, db):
    db.execute_sql('ALTER TABLE "task" ADD COLUMN "event_id" VARCHAR(24)')
    with db.bind_ctx(_TABLES):
        db.create_tables(_TABLES, safe=False)
