"""Requests of AWS's Lambda API in the catalog's terms, and the checks that only AWS makes.

A request has been checked against its description before (`model.request`). Settings that taskdock
does not have (layers, VPCs, ...) are accepted where they are harmless, and not kept.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import cast

from taskdock.base.strict_json import Json, present
from taskdock.lambdas.functions import runtimes
from taskdock.lambdas.functions.changes import (
    AnnotationChanges,
    FunctionChanges,
    FunctionCreation,
    FunctionProperties,
)
from taskdock.lambdas.functions.code import MAX_ZIPPED_BY_AWS, decode
from taskdock.lambdas.functions.function import (
    LOG_FORMAT,
    LOG_LEVEL,
    MAX_ENVIRONMENT,
    RESERVED,
    Annotations,
    Function,
    ImageConfig,
)
from taskdock.lambdas.functions.zips.hot_folders import BUCKET, HotFolders
from taskdock.lambdas.functions.zips.zip_limits import MAX_UNZIPPED
from taskdock.web.lambda_api.function_names import parse
from taskdock.web.lambda_api.model.validation import problem, refusal
from taskdock.web.lambda_api.problems import Refusal, zip_too_large

DEFAULT_TIME_LIMIT = 3  # seconds
DEFAULT_MEMORY_LIMIT = 128  # MB
_MAX_NAME = 64  # characters; the description of the API counts those of an ARN
_MAX_TAGS = 50
_LOGGING = (LOG_FORMAT, LOG_LEVEL)
_ENVIRONMENT = (
    "Lambda was unable to configure your environment variables because the environment variables"
    " you have provided "
)
_INVALID = "InvalidParameterValueException"


def invalid(message: str) -> Refusal:
    return Refusal(_INVALID, message)


def new_name(text: str) -> str:
    """The name of a function that is to be made. Raises `Refusal`."""
    reference = parse(text)
    if len(reference.name) > _MAX_NAME:
        long = f"Member must have length less than or equal to {_MAX_NAME}"
        raise refusal([problem(text, "functionName", long)], _INVALID)
    if reference.qualifier is not None or "." in reference.name:
        raise invalid(f"Unsupported function name: {text}")
    return reference.name


def new_function(asked: Json, hot: HotFolders) -> FunctionCreation:
    """The function that is asked for, but for its name. Raises `BadFunctionCode` or `Refusal`."""
    image = asked.get("PackageType") == "Image"
    given = code(asked["Code"], image=image, doing="creating a function", hot=hot)
    if image and (asked.get("Runtime") or asked.get("Handler")):
        raise invalid(
            "Please don't provide Handler or Runtime or Layer when the intent is to create"
            " function from an image."
        )
    if not image and not (asked.get("Runtime") and asked.get("Handler")):
        raise invalid(
            "Runtime and Handler are mandatory parameters for functions created with"
            " deployment packages."
        )
    return {
        "time_limit": DEFAULT_TIME_LIMIT,
        "memory_limit": DEFAULT_MEMORY_LIMIT,
        **properties(asked, {}),
        **given,
        "annotations": Annotations(
            **annotated(asked, source(asked["Code"], hot)),
            tags=checked_tags(asked.get("Tags") or {}),
        ),
    }


def checked_tags(tags: dict[str, str]) -> dict[str, str]:
    """Raises `Refusal` for more of them than one function can have."""
    if len(tags) > _MAX_TAGS:
        raise invalid("Number of tags exceeds resource tag limit.")
    return tags


def code(asked: Json, *, image: bool, doing: str, hot: HotFolders) -> FunctionChanges:
    """The code in the catalog's terms: a zip, or an image.

    Raises `BadFunctionCode` or `Refusal`.
    """
    kind = "Image" if image else "Zip"
    zipped, uri = asked.get("ZipFile"), asked.get("ImageUri")
    folder = source(asked, hot)
    if folder is not None and image:
        raise invalid(f"Please don't provide S3Bucket when {doing} with packageType {kind}.")
    if folder is not None:
        return {"zipped": hot.read(Path(folder)), "max_zipped": MAX_UNZIPPED}
    if asked.get("S3Bucket") is not None:
        raise invalid(
            "taskdock has no S3: give the code as ZipFile or ImageUri, or a folder of this machine"
            f" as S3Key with the S3Bucket {BUCKET}."
        )
    if zipped is not None and image:
        raise invalid(f"Please don't provide ZipFile when {doing} with packageType {kind}.")
    if uri is not None and not image:
        raise invalid(f"Please don't provide ImageUri when {doing} with packageType {kind}.")
    if not (uri if image else zipped):
        needed = "ImageUri" if image else "ZipFile"
        raise invalid(f"Please provide {needed} when {doing} with packageType {kind}.")
    if image:
        return {"zipped": None, "image": uri}
    return {"zipped": _bytes(zipped or ""), "max_zipped": MAX_ZIPPED_BY_AWS}


def source(asked: Json, hot: HotFolders) -> str | None:
    """The folder of this machine that the code is to follow. None: the code comes in another way.

    Raises `BadConfiguration`.
    """
    if asked.get("S3Bucket") != BUCKET:
        return None
    return str(hot.find(asked.get("S3Key") or ""))


def _bytes(text: str) -> bytes:
    """The bytes of a zip in base64. Raises `BadFunctionCode` or `Refusal`."""
    zipped = decode(text, 2 * MAX_ZIPPED_BY_AWS)  # the request itself is smaller
    if len(zipped) > MAX_ZIPPED_BY_AWS:
        raise zip_too_large()
    return zipped


def properties(asked: Json, before: Mapping[str, str]) -> FunctionProperties:
    """The properties that are given. `before`: its environment until now.

    Raises `Refusal`.
    """
    runtime = asked.get("Runtime")
    if runtime is not None and runtime not in runtimes.known():
        known = ", ".join(runtimes.known())
        raise invalid(
            f"Value {runtime} at 'runtime' failed to satisfy constraint: Member must"
            f" satisfy enum value set: [{known}] or be a valid ARN"
        )
    given: Json = {
        "runtime": runtime,
        "entry_point": asked.get("Handler"),
        "description": asked.get("Description"),
        "time_limit": asked.get("Timeout"),
        "memory_limit": asked.get("MemorySize"),
        "environment": _environment(asked, before),
    }
    if "ImageConfig" in asked:
        given["image_config"] = _image_config(asked["ImageConfig"])
    return cast("FunctionProperties", present(given))


def annotated(asked: Json, folder: str | None = None) -> AnnotationChanges:
    """The given settings that are kept and shown only, as members of `Annotations`. `folder`: one
    that the code is to follow."""
    given: AnnotationChanges = {"environment": True} if "Environment" in asked else {}
    if asked.get("Role"):
        given["role"] = asked["Role"]
    if folder is not None:
        given["source"] = folder
    return given


def _environment(asked: Json, before: Mapping[str, str]) -> dict[str, str] | None:
    if "Environment" not in asked and "LoggingConfig" not in asked:
        return None
    own = own_variables(before)
    if "Environment" in asked:
        own = _variables(asked["Environment"].get("Variables") or {})
    logging = {name: before[name] for name in _LOGGING if name in before}
    if "LoggingConfig" in asked:
        logging = _logging(asked["LoggingConfig"], before)
    return {**own, **logging}


def _variables(variables: dict[str, str]) -> dict[str, str]:
    """Raises `Refusal`."""
    reserved = sorted(RESERVED & variables.keys())
    if reserved:
        raise invalid(
            f"{_ENVIRONMENT}contains reserved keys that are currently not supported for"
            f" modification. Reserved keys used in this request: {', '.join(reserved)}"
        )
    measured = json.dumps(variables, separators=(",", ":"), ensure_ascii=False)
    if len(measured.encode()) > MAX_ENVIRONMENT:
        raise invalid(f"{_ENVIRONMENT}exceeded the 4KB limit. String measured: {measured}")
    return variables


def _logging(asked: Json, before: Mapping[str, str]) -> dict[str, str]:
    """The variables by which a runtime learns of it. Raises `Refusal`."""
    log_format = asked.get("LogFormat") or before.get(LOG_FORMAT, "Text")
    level = asked.get("ApplicationLogLevel")
    if log_format != "JSON":
        if level is not None:
            raise invalid(
                'Log level is not supported when log format is set to "Text". Remove log level'
                ' from your request or change the log format to "JSON" and try again.'
            )
        return {}
    return {LOG_FORMAT: log_format, LOG_LEVEL: level or before.get(LOG_LEVEL, "INFO")}


def _image_config(asked: Json) -> ImageConfig:
    entry_point, command = asked.get("EntryPoint"), asked.get("Command")
    return ImageConfig(
        entry_point=tuple(entry_point) if entry_point else None,
        command=tuple(command) if command else None,
        working_directory=asked.get("WorkingDirectory") or None,
    )


def own_variables(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables but for those that `LoggingConfig` shows."""
    return {name: value for name, value in environment.items() if name not in _LOGGING}


def has_environment(function: Function) -> bool:
    """True when AWS would show an environment, if only an empty one."""
    return function.annotations.environment or bool(own_variables(function.environment))
