"""The two column types of our own: moments in milliseconds, and JSON kept as text."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from peewee import BigIntegerField, TextField

from taskdock.base.timing.clock import from_epoch, to_epoch


class MomentField(BigIntegerField):
    """A UTC datetime, stored as milliseconds since 1970 so that it sorts as a number."""

    def db_value(self, value: Any) -> int | None:
        return to_epoch(value) if isinstance(value, datetime) else value

    def python_value(self, value: Any) -> datetime | None:
        return None if value is None else from_epoch(value)


class JsonField(TextField):
    """Any JSON value. None is SQL's NULL: use it for "not given"."""

    def db_value(self, value: Any) -> str | None:
        return None if value is None else json.dumps(value, ensure_ascii=False)

    def python_value(self, value: Any) -> Any:
        return None if value is None else json.loads(value)
