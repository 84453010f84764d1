"""Functions as AWS's Lambda API shows them, with its defaults for what taskdock does not have.

https://docs.aws.amazon.com/lambda/latest/api/API_FunctionConfiguration.html
"""

from __future__ import annotations

import base64
import hashlib
import json
import uuid

from taskdock.base.strict_json import Json, present
from taskdock.lambdas.arns import ACCOUNT
from taskdock.lambdas.functions import runtimes
from taskdock.lambdas.functions.function import LOG_FORMAT, LOG_LEVEL, Function
from taskdock.lambdas.functions.reference import LATEST
from taskdock.web.lambda_api.changes import has_environment, own_variables


def configuration(function: Function, arn: str, architecture: str, code_size: int) -> Json:
    """AWS's FunctionConfiguration."""
    image = function.image is not None
    shown: Json = {
        "FunctionName": function.name,
        "FunctionArn": arn,
        "Runtime": function.runtime,
        "Role": function.annotations.role or f"arn:aws:iam::{ACCOUNT}:role/taskdock",
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
        "RuntimeVersionConfig": _runtime_version(function, arn),
        "LoggingConfig": _logging_config(function),
    }
    return present(shown)


def listed(shown: Json) -> Json:
    """A list has less of each: https://docs.aws.amazon.com/lambda/latest/api/API_ListFunctions.html"""
    left_out = ("State", "LastUp", "RuntimeVersion")
    return {key: value for key, value in shown.items() if not key.startswith(left_out)}


def code(function: Function, location: str) -> Json:
    """AWS's FunctionCodeLocation. `location`: where the code can be fetched as a zip."""
    if function.image is not None:
        uri = function.image
        return {"RepositoryType": "ECR", "ImageUri": uri, "ResolvedImageUri": uri}
    return {"RepositoryType": "S3", "Location": location}


def revision(function: Function) -> str:
    """A UUID that each change makes another one, those of its policy too."""
    state = f"{function.name} {function.fingerprint} {function.update_timestamp.isoformat()}"
    if function.annotations.statements:
        state += json.dumps(function.annotations.statements)
    return str(uuid.uuid5(uuid.NAMESPACE_URL, state))


def _sha256(function: Function) -> str:
    """Of a zip in base64. Of an image AWS shows its digest in hex: here that of a reference that
    has one, else its reference's own, since the image may not even be here yet."""
    if function.code is not None:
        return base64.b64encode(bytes.fromhex(function.code)).decode()
    reference = function.image or ""
    _, pinned, digest = reference.partition("@sha256:")
    return digest if pinned else hashlib.sha256(reference.encode()).hexdigest()


def _runtime_version(function: Function, arn: str) -> Json | None:
    """Of managed runtimes. AWS has a number for each build of one; here its image stands for it."""
    known = runtimes.known().get(function.runtime or "")
    if known is None:
        return None
    build = hashlib.sha256((known.image or known.id).encode()).hexdigest()
    region = arn.split(":")[3]
    return {"RuntimeVersionArn": f"arn:aws:lambda:{region}::runtime:{build}"}


def _environment(function: Function) -> Json | None:
    if not has_environment(function):
        return None
    return {"Variables": own_variables(function.environment)}


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
    return {"ImageConfig": present(shown)} if any(shown.values()) else None
