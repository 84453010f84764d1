"""Functions as AWS's Lambda API shows them, with its defaults for what taskdock does not have.

https://docs.aws.amazon.com/lambda/latest/api/API_FunctionConfiguration.html
"""

from __future__ import annotations

import base64
import uuid
from typing import Any

from emulator.functions.function import Function
from emulator.lambdas.launch import ACCOUNT
from emulator.web.lambda_names import LATEST
from emulator.web.lambda_wire import LOG_FORMAT, LOG_LEVEL, own_variables

Json = dict[str, Any]


def configuration(function: Function, arn: str, architecture: str, code_size: int) -> Json:
    """AWS's FunctionConfiguration."""
    image = function.image is not None
    shown: Json = {
        "FunctionName": function.name,
        "FunctionArn": arn,
        "Runtime": function.runtime,
        "Role": f"arn:aws:iam::{ACCOUNT}:role/taskdock",
        "Handler": None if image else function.entry_point,
        "CodeSize": code_size,
        "Description": function.description or "",
        "Timeout": function.time_limit,
        "MemorySize": function.memory_limit,
        "LastModified": f"{function.update_timestamp:%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "+0000",
        "CodeSha256": _sha256(function),
        "Version": LATEST,
        "Environment": _environment(function),
        "TracingConfig": {"Mode": "PassThrough"},
        "RevisionId": revision(function),
        "State": "Active" if function.enabled else "Inactive",
        "StateReason": None if function.enabled else "The function is disabled.",
        "LastUpdateStatus": "Successful",
        "PackageType": "Image" if image else "Zip",
        "ImageConfigResponse": _image_config(function),
        "Architectures": [architecture],
        "EphemeralStorage": {"Size": 512},
        "SnapStart": {"ApplyOn": "None", "OptimizationStatus": "Off"},
        "LoggingConfig": _logging_config(function),
    }
    return _without_none(shown)


def listed(shown: Json) -> Json:
    """A list has less of each: https://docs.aws.amazon.com/lambda/latest/api/API_ListFunctions.html"""
    return {key: value for key, value in shown.items() if not key.startswith(("State", "LastUp"))}


def code(function: Function) -> Json:
    """AWS's FunctionCodeLocation; there is no place from which a zip could be fetched."""
    if function.image is not None:
        uri = function.image
        return {"RepositoryType": "ECR", "ImageUri": uri, "ResolvedImageUri": uri}
    return {"RepositoryType": "S3"}


def revision(function: Function) -> str:
    """A UUID that each change makes another one."""
    said = f"{function.name} {function.version} {function.update_timestamp.isoformat()}"
    return str(uuid.uuid5(uuid.NAMESPACE_URL, said))


def _sha256(function: Function) -> str | None:
    return function.code and base64.b64encode(bytes.fromhex(function.code)).decode()


def _environment(function: Function) -> Json | None:
    variables = own_variables(function.environment)
    return {"Variables": variables} if variables else None


def _logging_config(function: Function) -> Json:
    log_format = "JSON" if function.environment.get(LOG_FORMAT, "").upper() == "JSON" else "Text"
    shown = {"LogFormat": log_format, "LogGroup": f"/aws/lambda/{function.name}"}
    if log_format == "JSON":
        shown["ApplicationLogLevel"] = function.environment.get(LOG_LEVEL, "INFO")
        shown["SystemLogLevel"] = "INFO"
    return shown


def _image_config(function: Function) -> Json | None:
    kept = function.image_config
    if kept is None:
        return None
    shown: Json = {
        "EntryPoint": kept.entry_point and list(kept.entry_point),
        "Command": kept.command and list(kept.command),
        "WorkingDirectory": kept.working_directory,
    }
    return {"ImageConfig": _without_none(shown)} if any(shown.values()) else None


def _without_none(value: Json) -> Json:
    return {key: item for key, item in value.items() if item is not None}
