"""Parts of endpoints' declarations that several of them share."""

from __future__ import annotations

from taskdock.base import errors
from taskdock.base.strict_json import Json

ID = "67a1f0c2d3e4f5a6b7c8d9e0"
"""An id for examples."""
BY_ID = (errors.BadId, errors.NotFound)
"""The errors of an endpoint with an id in its path."""
SINCE: Json = {
    "name": "timestamp>",
    "in": "query",
    "description": (
        "RQL in the query string: `ge(timestamp,2026-01-02T03:04:05.678Z)`, `limit(100,0)`."
        " Lines from this time on."
    ),
    "schema": {"type": "string", "format": "date-time"},
}
"""The parameter of endpoints that show log lines."""
