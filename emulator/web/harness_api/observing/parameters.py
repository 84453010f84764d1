"""Parameters of the query string that several endpoints have."""

from __future__ import annotations

from flask import request

from taskdock.base.errors import BadField
from taskdock.base.strict_json import Json


def parameter(name: str, kind: str, about: str, **bounds: int) -> Json:
    """The description of one. `bounds`: such as `minimum`, as JSON Schema names them."""
    schema = {"type": kind, **bounds}
    return {"name": name, "in": "query", "schema": schema, "description": about}


def whole(name: str, *, least: int, most: int) -> int | None:
    """The current request's; None: it is not given. Raises `BadField`."""
    text = request.args.get(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 20 and least <= int(text) <= most):
        raise BadField(f"{name}: '{text[:40]}' is no whole number from {least} to {most}")
    return int(text)
