"""Functions as rows of the database, and back."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from taskdock.lambdas.functions.function import (
    Annotations,
    ExecutionOptions,
    Function,
    ImageConfig,
    PermissionMode,
    RetryPolicy,
)
from taskdock.store.tables import FunctionRow


def to_row(function: Function) -> dict[str, Any]:
    """Column → value."""
    row = asdict(function)
    row["retry_policy"] = {
        "enabled": function.retry_policy.enabled,
        "errors_to_retry": list(function.retry_policy.errors_to_retry),
    }
    row["execution_options"] = {
        "permission_mode": function.execution_options.permission_mode.value,
        "default_priority": function.execution_options.default_priority,
    }
    return row


def from_row(row: FunctionRow) -> Function:
    values = dict(row.__data__)
    retry, options = values.pop("retry_policy"), values.pop("execution_options")
    image_config = values.pop("image_config")
    annotations = values.pop("annotations") or {}
    values["deployers"] = tuple(values["deployers"] or ())
    return Function(
        **values,
        image_config=None if image_config is None else _image_config(**image_config),
        retry_policy=RetryPolicy(
            enabled=retry["enabled"], errors_to_retry=tuple(retry["errors_to_retry"])
        ),
        execution_options=ExecutionOptions(
            permission_mode=PermissionMode(options["permission_mode"]),
            default_priority=options["default_priority"],
        ),
        annotations=Annotations(
            **{**annotations, "statements": tuple(annotations.get("statements", ()))}
        ),
    )


def _image_config(
    entry_point: list[str] | None, command: list[str] | None, working_directory: str | None
) -> ImageConfig:
    return ImageConfig(
        entry_point=None if entry_point is None else tuple(entry_point),
        command=None if command is None else tuple(command),
        working_directory=working_directory,
    )
