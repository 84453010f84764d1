"""What AWS's Lambda API is asked of functions, and AWS's words for what is wrong with it.

What taskdock does not have (roles, layers, VPCs, ...) is accepted where it is harmless, and not
kept.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictStr
from pydantic import ValidationError as Invalid
from pydantic.alias_generators import to_pascal

from emulator import strict_json
from emulator.errors import BodyNotJson
from emulator.functions import runtimes
from emulator.functions.function import (
    MAX_ENVIRONMENT,
    MEMORY_LIMIT,
    RESERVED,
    ImageConfig,
    environment_size,
)
from emulator.web.lambda_problems import Refusal

Json = dict[str, Any]

DEFAULT_TIME_LIMIT = 3  # seconds
DEFAULT_MEMORY_LIMIT = 128  # MB
_TIME_LIMIT = range(1, 901)  # seconds
LOG_FORMAT, LOG_LEVEL = "AWS_LAMBDA_LOG_FORMAT", "AWS_LAMBDA_LOG_LEVEL"
_LOGGING = (LOG_FORMAT, LOG_LEVEL)
_VARIABLE = re.compile("[a-zA-Z]([a-zA-Z0-9_])+")
_ENVIRONMENT = (
    "Lambda was unable to configure your environment variables because the environment variables"
    " you have provided "
)
_CONSTRAINTS = {
    "missing": "Member must not be null",
    "greater_than_equal": "Member must have value greater than or equal to {ge}",
    "less_than_equal": "Member must have value less than or equal to {le}",
    "string_too_long": "Member must have length less than or equal to {max_length}",
    "string_pattern_mismatch": "Member must satisfy regular expression pattern: {pattern}",
}


def invalid(message: str) -> Refusal:
    return Refusal("InvalidParameterValueException", message)


class Wire(BaseModel):
    model_config = ConfigDict(alias_generator=to_pascal, extra="ignore", frozen=True)


class EnvironmentBody(Wire):
    variables: dict[StrictStr, StrictStr] = {}

    def checked(self) -> dict[str, str]:
        """Raises `Refusal`."""
        reserved = sorted(RESERVED & self.variables.keys())
        if reserved:
            raise invalid(
                f"{_ENVIRONMENT}contains reserved keys that are currently not supported for"
                f" modification. Reserved keys used in this request: {', '.join(reserved)}"
            )
        odd = [name for name in self.variables if not _VARIABLE.fullmatch(name)]
        if odd:
            raise Refusal(
                "ValidationException",
                f"1 validation error detected: Value '{{{', '.join(odd)[:200]}}}' at"
                " 'environment.variables' failed to satisfy constraint: Map keys must satisfy"
                " constraint: [Member must satisfy regular expression pattern:"
                f" {_VARIABLE.pattern}]",
            )
        if environment_size(self.variables) > MAX_ENVIRONMENT:
            measured = json.dumps(self.variables, separators=(",", ":"))
            raise invalid(f"{_ENVIRONMENT}exceeded the 4KB limit. String measured: {measured}")
        return dict(self.variables)


class LoggingConfigBody(Wire):
    log_format: Annotated[StrictStr, Field(pattern="^(JSON|Text)$")] | None = None
    application_log_level: (
        Annotated[StrictStr, Field(pattern="^(TRACE|DEBUG|INFO|WARN|ERROR|FATAL)$")] | None
    ) = None

    def variables(self, before: Mapping[str, str]) -> dict[str, str]:
        """The variables that say the same to a runtime. Raises `Refusal`."""
        log_format = self.log_format or before.get(LOG_FORMAT, "Text")
        if log_format != "JSON":
            if self.application_log_level is not None:
                raise invalid(
                    'Log level is not supported when log format is set to "Text". Remove log level'
                    ' from your request or change the log format to "JSON" and try again.'
                )
            return {}
        level = self.application_log_level or before.get(LOG_LEVEL, "INFO")
        return {LOG_FORMAT: log_format, LOG_LEVEL: level}


class ImageConfigBody(Wire):
    entry_point: list[StrictStr] | None = None
    command: list[StrictStr] | None = None
    working_directory: StrictStr | None = None

    def value(self) -> ImageConfig:
        return ImageConfig(
            entry_point=tuple(self.entry_point) if self.entry_point else None,
            command=tuple(self.command) if self.command else None,
            working_directory=self.working_directory or None,
        )


class ConfigurationBody(Wire):
    """What a function may be created with or changed to, but for its code."""

    runtime: StrictStr | None = None
    handler: Annotated[StrictStr, Field(max_length=128)] | None = None
    description: Annotated[StrictStr, Field(max_length=256)] | None = None
    timeout: (
        Annotated[int, Field(strict=True, ge=_TIME_LIMIT.start, le=_TIME_LIMIT.stop - 1)] | None
    ) = None
    memory_size: (
        Annotated[int, Field(strict=True, ge=MEMORY_LIMIT.start, le=MEMORY_LIMIT.stop - 1)] | None
    ) = None
    environment: EnvironmentBody | None = None
    logging_config: LoggingConfigBody | None = None
    image_config: ImageConfigBody | None = None
    revision_id: StrictStr | None = None

    def properties(self, before: Mapping[str, str]) -> Json:
        """What is given, as properties of `Function`. `before`: its environment until now."""
        if self.runtime is not None and self.runtime not in runtimes.catalog():
            known = ", ".join(runtimes.catalog())
            raise invalid(
                f"Value {self.runtime} at 'runtime' failed to satisfy constraint: Member must"
                f" satisfy enum value set: [{known}] or be a valid ARN"
            )
        given: Json = {
            "runtime": self.runtime,
            "entry_point": self.handler or None,
            "description": self.description,
            "time_limit": self.timeout,
            "memory_limit": self.memory_size,
            "environment": self._environment(before),
        }
        if self.image_config is not None:
            given["image_config"] = self.image_config.value()
        return {name: value for name, value in given.items() if value is not None}

    def _environment(self, before: Mapping[str, str]) -> dict[str, str] | None:
        if self.environment is None and self.logging_config is None:
            return None
        own = own_variables(before) if self.environment is None else self.environment.checked()
        logging = {name: before[name] for name in _LOGGING if name in before}
        if self.logging_config is not None:
            logging = self.logging_config.variables(before)
        return {**own, **logging}


class CodeBody(Wire):
    """`zip_file` is base64."""

    zip_file: StrictStr | None = None
    image_uri: StrictStr | None = None
    s3_bucket: StrictStr | None = None

    def check(self, *, image: bool, doing: str) -> None:
        """That there is code of the one kind, and none of the other. Raises `Refusal`."""
        kind = "Image" if image else "Zip"
        if self.s3_bucket is not None:
            raise invalid("taskdock has no S3: give the code as ZipFile or ImageUri.")
        if self.zip_file is not None and image:
            raise invalid(f"Please don't provide ZipFile when {doing} with packageType {kind}.")
        if self.image_uri is not None and not image:
            raise invalid(f"Please don't provide ImageUri when {doing} with packageType {kind}.")
        if not (self.image_uri if image else self.zip_file):
            needed = "ImageUri" if image else "ZipFile"
            raise invalid(f"Please provide {needed} when {doing} with packageType {kind}.")


class NewFunction(ConfigurationBody):
    function_name: StrictStr
    code: CodeBody
    package_type: Annotated[StrictStr, Field(pattern="^(Zip|Image)$")] = "Zip"

    def check(self) -> None:
        """Raises `Refusal`."""
        image = self.package_type == "Image"
        self.code.check(image=image, doing="creating a function")
        if image and (self.runtime or self.handler):
            raise invalid(
                "Please don't provide Handler or Runtime or Layer when the intent is to create"
                " function from an image."
            )
        if not image and not (self.runtime and self.handler):
            raise invalid(
                "Runtime and Handler are mandatory parameters for functions created with"
                " deployment packages."
            )


class NewCode(CodeBody):
    dry_run: StrictBool | None = None
    revision_id: StrictStr | None = None


Model = TypeVar("Model", bound=Wire)


def read(model: type[Model], body: bytes) -> Model:
    """Raises `BodyNotJson` or `Refusal`."""
    try:
        value = strict_json.loads(body or b"{}")
    except ValueError as error:
        raise BodyNotJson(f"Could not parse request body into json: {error}") from None
    if not isinstance(value, dict):
        raise BodyNotJson("Could not parse request body into json: it is not an object")
    try:
        return model.model_validate(value)
    except Invalid as found:
        raise Refusal("ValidationException", _words(found)) from None


def _words(found: Invalid) -> str:
    problems = [
        f"Value {_shown(each)} at '{_path(each['loc'])}' failed to satisfy constraint: "
        f"{_constraint(each)}"
        for each in found.errors(include_url=False)
    ]
    noun = "error" if len(problems) == 1 else "errors"
    return f"{len(problems)} validation {noun} detected: {'; '.join(problems)}"


def _constraint(problem: Mapping[str, Any]) -> str:
    known = _CONSTRAINTS.get(problem["type"])
    return problem["msg"] if known is None else known.format(**problem.get("ctx", {}))


def _shown(problem: Mapping[str, Any]) -> str:
    return "null" if problem["type"] == "missing" else f"'{str(problem['input'])[:200]}'"


def _path(location: tuple[int | str, ...]) -> str:
    parts = (str(part) for part in location)
    return ".".join(part[:1].lower() + part[1:] for part in parts)


def own_variables(environment: Mapping[str, str]) -> dict[str, str]:
    """Without what `LoggingConfig` shows."""
    return {name: value for name, value in environment.items() if name not in _LOGGING}
