"""What the Task Service's requests and answers look like on the wire: camelCase, ISO times.

Requests are pydantic models: unknown fields are ignored, null counts as not given. Answers are
plain dictionaries; what is not set is left out.
"""

from __future__ import annotations

import re
from datetime import datetime, timezone
from typing import Annotated, Any, TypeVar, cast

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    StrictStr,
)
from pydantic import ValidationError as Invalid
from pydantic.alias_generators import to_camel

from emulator.base import strict_json
from emulator.base.errors import BadField, BodyNotJson, EmptyBody, MissingFields
from emulator.base.timing.clock import to_iso, to_milliseconds
from emulator.lambdas.functions.changes import FunctionProperties
from emulator.lambdas.functions.function import (
    MEMORY_LIMIT,
    TIME_LIMIT,
    ExecutionOptions,
    Function,
    PermissionMode,
    RetryPolicy,
)
from emulator.tasks.model import subscription
from emulator.tasks.model.task import PRIORITY
from emulator.tasks.schedules import schedule

_ISO = re.compile(r"\d{4}-\d\d-\d\d")


def _utc(moment: datetime) -> datetime:
    aware = moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)
    try:
        return to_milliseconds(aware.astimezone(timezone.utc))
    except OverflowError:
        raise ValueError("it is outside the years 1 to 9999") from None


def _is_iso(value: object) -> object:
    if not isinstance(value, str) or not _ISO.match(value):
        raise ValueError("it is not an ISO 8601 time such as 2026-01-02T03:04:05.678Z")
    return value


Moment = Annotated[datetime, BeforeValidator(_is_iso), AfterValidator(_utc)]
Whole = Annotated[int, Field(strict=True)]
Seconds = Annotated[
    float,
    Field(strict=True, ge=schedule.SHORTEST, le=schedule.LONGEST, allow_inf_nan=False),
    AfterValidator(lambda seconds: round(seconds, 3)),  # whole milliseconds
]
Priority = Annotated[int, Field(strict=True, ge=PRIORITY.start, lt=PRIORITY.stop)]


class Wire(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, extra="ignore", frozen=True)


class VariableBody(Wire):
    value: StrictStr


class RetryPolicyBody(Wire):
    enabled: StrictBool | None = None
    errors_to_retry: list[StrictStr] | None = None


class ExecutionOptionsBody(Wire):
    permission_mode: PermissionMode | None = None
    default_priority: Priority | None = None


class FunctionBody(Wire):
    """What a function may be created with or changed to. `image` is taskdock's own field."""

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
        present = {name: value for name, value in given.items() if value is not None}
        return cast("FunctionProperties", present)


class NewFunction(FunctionBody):
    name: StrictStr

    def check_complete(self) -> None:
        """Code needs to be told how to run; an image knows. Raises `MissingFields`."""
        if self.image is not None:
            return
        needed = {"code": self.code, "entryPoint": self.entry_point, "runtime": self.runtime}
        missing = [name for name, value in needed.items() if value is None]
        if missing:
            raise MissingFields(f"required and missing: {', '.join(missing)}")


class NewTask(Wire):
    function_name: Annotated[StrictStr, Field(min_length=1)]
    data: dict[str, Any] | None = None
    tags: list[StrictStr] | None = None
    start_timestamp: Moment | None = None
    priority: Priority | None = None


class NewSchedule(Wire):
    function_name: Annotated[StrictStr, Field(min_length=1)]
    interval: Seconds
    data: dict[str, Any] | None = None
    priority: Priority | None = None
    start_timestamp: Moment | None = None


class NewSubscription(Wire):
    """A function or a webhook that wants events. `functionName` and `url` are taskdock's own."""

    model_config = ConfigDict(populate_by_name=True)  # the SDK sends event_types

    event_types: Annotated[list[StrictStr], Field(min_length=1)]
    function_name: StrictStr | None = None
    url: StrictStr | None = None

    def check(self) -> None:
        """Raises `MissingFields` or `BadField`."""
        unknown = sorted(set(self.event_types) - set(subscription.TYPES))
        if unknown:
            known = ", ".join(subscription.TYPES)
            raise BadField(f"eventTypes: there is no {', '.join(unknown)[:80]}; known: {known}")
        if self.function_name is None and self.url is None:
            raise MissingFields("required and missing: functionName, or url for a webhook")
        if self.function_name is not None and self.url is not None:
            raise BadField("give functionName or url, not both")


class Execution(Wire):
    data: dict[str, Any] | None = None


Model = TypeVar("Model", bound=Wire)


def read(model: type[Model], body: bytes, *, optional: bool = False) -> Model:
    """The body as a `model`.

    Raises `EmptyBody` (unless it is `optional`), `BodyNotJson`, `MissingFields` or `BadField`.
    """
    if not body.strip():
        if not optional:
            raise EmptyBody
        body = b"{}"
    try:
        value = strict_json.loads(body)
    except ValueError as error:
        raise BodyNotJson(f"the body is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise BodyNotJson("the body has to be a JSON object")
    try:
        return model.model_validate(value)
    except Invalid as invalid:
        raise _problem(invalid) from None


def _problem(invalid: Invalid) -> MissingFields | BadField:
    found = invalid.errors(include_url=False)
    missing = [
        _path(error["loc"])
        for error in found
        if error["type"] == "missing" or error.get("input", ...) is None
    ]
    if missing:
        return MissingFields(f"required and missing: {', '.join(missing)}")
    said = "; ".join(f"{_path(error['loc'])}: {error['msg']}" for error in found[:5])
    return BadField(said)


def _path(location: tuple[int | str, ...]) -> str:
    return ".".join(str(part) for part in location)


def function_summary(function: Function) -> dict[str, Any]:
    return _without_none(
        {
            "name": function.name,
            "description": function.description,
            "updateTimestamp": to_iso(function.update_timestamp),
        }
    )


def function_details(function: Function) -> dict[str, Any]:
    variables = function.environment.items()
    return _without_none(
        {
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
            "executionOptions": _without_none(
                {
                    "permissionMode": function.execution_options.permission_mode.value,
                    "defaultPriority": function.execution_options.default_priority,
                }
            ),
            "enabled": function.enabled,
            "updateTimestamp": to_iso(function.update_timestamp),
        }
    )


def _without_none(value: dict[str, Any]) -> dict[str, Any]:
    return {key: item for key, item in value.items() if item is not None}
