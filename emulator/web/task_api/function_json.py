"""Functions as requests have them and as answers show them: camelCase, ISO times."""

from __future__ import annotations

from typing import Annotated, Any, TypedDict, cast

from pydantic import Field, StrictBool, StrictStr

from taskdock.base.strict_json import IsoTime, Json, one_of, present
from taskdock.base.timing.clock import to_iso
from taskdock.lambdas.functions.changes import FunctionProperties
from taskdock.lambdas.functions.function import (
    MEMORY_LIMIT,
    TIME_LIMIT,
    ExecutionOptions,
    Function,
    PermissionMode,
    RetryPolicy,
)
from taskdock.lambdas.log_line import LogLine
from taskdock.web.common.requests import Priority, Whole, Wire


class VariableBody(Wire):
    value: StrictStr


class RetryPolicyBody(Wire):
    enabled: StrictBool | None = None
    errors_to_retry: list[StrictStr] | None = None


class ExecutionOptionsBody(Wire):
    permission_mode: PermissionMode | None = None
    default_priority: Priority | None = None


class FunctionBody(Wire):
    """The fields of a function that is created or changed. `image` is taskdock's own field."""

    description: StrictStr | None = None
    code: StrictStr | None = None
    entry_point: Annotated[StrictStr, Field(min_length=1, max_length=128)] | None = None
    runtime: StrictStr | None = None
    image: StrictStr | None = None
    time_limit: Annotated[Whole, Field(ge=TIME_LIMIT.start, lt=TIME_LIMIT.stop)] | None = None
    memory_limit: Annotated[Whole, Field(ge=MEMORY_LIMIT.start, lt=MEMORY_LIMIT.stop)] | None = None
    environment_variables: dict[StrictStr, VariableBody] | None = None
    retry_policy: RetryPolicyBody | None = None
    execution_options: ExecutionOptionsBody | None = None

    def properties(self) -> FunctionProperties:
        """The properties that are given; not `code`."""
        given: dict[str, Any] = {
            name: getattr(self, name)
            for name in (
                "description",
                "entry_point",
                "runtime",
                "image",
                "time_limit",
                "memory_limit",
            )
        }
        if self.environment_variables is not None:
            variables = self.environment_variables.items()
            given["environment"] = {name: variable.value for name, variable in variables}
        if self.retry_policy is not None:
            given["retry_policy"] = RetryPolicy(
                enabled=bool(self.retry_policy.enabled),
                errors_to_retry=tuple(self.retry_policy.errors_to_retry or ()),
            )
        if self.execution_options is not None:
            options = self.execution_options
            given["execution_options"] = ExecutionOptions(
                permission_mode=options.permission_mode or PermissionMode.PERMISSION_REQUIRED,
                default_priority=options.default_priority,
            )
        return cast("FunctionProperties", present(given))


class NewFunction(FunctionBody):
    name: StrictStr

    @classmethod
    def also_missing(cls, given: Json) -> list[str]:
        """Code needs an entry point and a runtime, an image neither."""
        if given.get("image") is not None:
            return []
        return [name for name in ("code", "entryPoint", "runtime") if given.get(name) is None]


class VariableJson(TypedDict):
    value: str


class RetryPolicyJson(TypedDict):
    enabled: bool
    errorsToRetry: list[str]


class ExecutionOptionsJson(TypedDict):
    permissionMode: Annotated[str, one_of(*PermissionMode)]
    defaultPriority: int | None


class FunctionJson(TypedDict):
    """A function in lists."""

    name: str
    updateTimestamp: IsoTime
    description: str | None


class FunctionDetailsJson(TypedDict):
    name: str
    timeLimit: int
    memoryLimit: int
    environmentVariables: dict[str, VariableJson]
    retryPolicy: RetryPolicyJson
    executionOptions: ExecutionOptionsJson
    enabled: bool
    updateTimestamp: IsoTime
    description: str | None
    entryPoint: str | None
    runtime: str | None
    image: str | None


class FunctionLogLineJson(TypedDict):
    eventTimestamp: IsoTime
    message: str


def summary(function: Function) -> FunctionJson:
    shown: FunctionJson = {
        "name": function.name,
        "description": function.description,
        "updateTimestamp": to_iso(function.update_timestamp),
    }
    return present(shown)


def details(function: Function) -> FunctionDetailsJson:
    variables = function.environment.items()
    options: ExecutionOptionsJson = {
        "permissionMode": function.execution_options.permission_mode.value,
        "defaultPriority": function.execution_options.default_priority,
    }
    shown: FunctionDetailsJson = {
        "name": function.name,
        "description": function.description,
        "entryPoint": function.entry_point,
        "runtime": function.runtime,
        "image": function.image,
        "timeLimit": function.time_limit,
        "memoryLimit": function.memory_limit,
        "environmentVariables": {name: {"value": value} for name, value in variables},
        "retryPolicy": {
            "enabled": function.retry_policy.enabled,
            "errorsToRetry": list(function.retry_policy.errors_to_retry),
        },
        "executionOptions": present(options),
        "enabled": function.enabled,
        "updateTimestamp": to_iso(function.update_timestamp),
    }
    return present(shown)


def line_json(line: LogLine) -> FunctionLogLineJson:
    return {"eventTimestamp": to_iso(line.timestamp), "message": line.message}
