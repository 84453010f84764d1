"""A function with its limits and policies, as frozen values. Pure.

Ranges and defaults are the Task Service's; variable names and reserved ones are AWS Lambda's:
https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from enum import Enum
from functools import cached_property
from typing import Any

from taskdock.base.errors import BadConfiguration, BadFunctionName

TIME_LIMIT = range(3, 301)  # seconds
MEMORY_LIMIT = range(128, 10241)  # MB
DEFAULT_TIME_LIMIT = 30
DEFAULT_MEMORY_LIMIT = 128
MOST_DEPLOYERS = 16  # that one function's credentials name
MAX_ENVIRONMENT = 4096  # bytes, names and values together
LOG_FORMAT, LOG_LEVEL = "AWS_LAMBDA_LOG_FORMAT", "AWS_LAMBDA_LOG_LEVEL"
"""Variables that AWS sets beside a function's own, so they take none of its room."""
DIRECT_TIME_LIMIT = 30  # seconds, for direct execution

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_VARIABLE = re.compile(r"[a-zA-Z][a-zA-Z0-9_]+")
RESERVED = frozenset(
    {
        "_HANDLER",
        "_X_AMZN_TRACE_ID",
        "AWS_DEFAULT_REGION",
        "AWS_REGION",
        "AWS_EXECUTION_ENV",
        "AWS_LAMBDA_FUNCTION_NAME",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
        "AWS_LAMBDA_FUNCTION_VERSION",
        "AWS_LAMBDA_INITIALIZATION_TYPE",
        "AWS_LAMBDA_LOG_GROUP_NAME",
        "AWS_LAMBDA_LOG_STREAM_NAME",
        "AWS_ACCESS_KEY",
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AWS_LAMBDA_RUNTIME_API",
        "LAMBDA_TASK_ROOT",
        "LAMBDA_RUNTIME_DIR",
        "AWS_LAMBDA_MAX_CONCURRENCY",
        "AWS_LAMBDA_METADATA_API",
        "AWS_LAMBDA_METADATA_TOKEN",
    }
)


class PermissionMode(str, Enum):
    """The callers that may execute a function directly."""

    PERMISSION_REQUIRED = "permissionRequired"
    ALL_USERS = "allUsers"
    PUBLIC = "public"


@dataclass(frozen=True, kw_only=True)
class RetryPolicy:
    """Whether a failed task is tried again; an empty `errors_to_retry` means every error."""

    enabled: bool = False
    errors_to_retry: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ExecutionOptions:
    permission_mode: PermissionMode = PermissionMode.PERMISSION_REQUIRED
    default_priority: int | None = None


@dataclass(frozen=True, kw_only=True)
class ImageConfig:
    """Settings in place of the image's own; None: the image's setting stays."""

    entry_point: tuple[str, ...] | None = None
    command: tuple[str, ...] | None = None
    working_directory: str | None = None


@dataclass(frozen=True, kw_only=True)
class Annotations:
    """Properties that AWS's callers set and want to read again. Nothing here acts on
    them, but for `source`."""

    role: str | None = None  # an ARN
    environment: bool = False  # there was one, if only an empty one
    source: str | None = None  # a folder of this machine that the code follows
    tags: Mapping[str, str] = field(default_factory=dict)
    statements: tuple[Mapping[str, Any], ...] = ()  # of its policy, in the order they came


@dataclass(frozen=True, kw_only=True)
class Function:
    """A deployed function. It has either `code` with `runtime` and `entry_point`, or an `image`."""

    name: str
    description: str | None = None
    runtime: str | None = None
    entry_point: str | None = None
    code: str | None = None  # digest of its zip, which names its folder in the code store
    image: str | None = None  # reference of a container image built from a Lambda base image
    image_config: ImageConfig | None = None  # of an `image` only
    time_limit: int = DEFAULT_TIME_LIMIT  # seconds
    memory_limit: int = DEFAULT_MEMORY_LIMIT  # MB
    environment: Mapping[str, str] = field(default_factory=dict)
    retry_policy: RetryPolicy = RetryPolicy()
    execution_options: ExecutionOptions = ExecutionOptions()
    enabled: bool = True
    update_timestamp: datetime
    annotations: Annotations = Annotations()
    deployers: tuple[str, ...] = ()
    """Ids of the users who deployed the function; none where nobody knows any more."""
    credentials_key: str | None = field(default=None, repr=False)
    """The key that the secret of the function's credentials is made with; the credentials count as
    long as the key is there."""

    @cached_property
    def fingerprint(self) -> str:
        """Names everything that a running environment was made from; a change needs a new one."""
        made_from: list[Any] = [
            self.name,
            self.runtime,
            self.entry_point,
            self.code,
            self.image,
            self.image_config and asdict(self.image_config),
            self.time_limit,
            self.memory_limit,
            sorted(self.environment.items()),
            self.deployers,
        ]
        return hashlib.sha256(json.dumps(made_from).encode()).hexdigest()[:16]


def deployers(
    before: Function, after: Function, by: tuple[str, ...], *, given: Collection[str]
) -> tuple[str, ...]:
    """A function's deployers after a change `by` users who have `given` some of its properties.

    They alone, when nothing is left that was others': code or image, entry point, variables.
    Otherwise also the deployers before, whose variables may lead somebody else's code. Nobody, when
    the deployers before were unknown, or there are too many. A user who changes nothing that runs
    is not added.
    """
    if not by or (before.fingerprint == after.fingerprint and not {"code", "image"} & set(given)):
        return before.deployers
    is_new = {
        "code": "code" in given and "entry_point" in given,
        "image": "image" in given and (after.image_config is None or "image_config" in given),
        "environment": "environment" in given or not before.environment,
    }
    if is_new["image" if after.image is not None else "code"] and is_new["environment"]:
        return by
    if not before.deployers:
        return ()
    together = tuple(dict.fromkeys((*before.deployers, *by)))
    return together if len(together) <= MOST_DEPLOYERS else ()


def check_name(name: str) -> None:
    """Raises `BadFunctionName`."""
    if not _NAME.fullmatch(name):
        raise BadFunctionName(
            f"'{name[:80]}' is not a function name: use 1 to 64 letters, digits and hyphens"
            " (underscores, too, but not in a task-config.json)"
        )


def check_environment(environment: Mapping[str, str]) -> None:
    """Raises `BadConfiguration` for reserved or impossible names and for more than 4096 bytes."""
    reserved = sorted(RESERVED & environment.keys())
    if reserved:
        raise BadConfiguration(
            "these environment variables are reserved by AWS Lambda and cannot be set: "
            + ", ".join(reserved)
        )
    for name, value in environment.items():
        if not _VARIABLE.fullmatch(name):
            raise BadConfiguration(
                f"'{name}' is not an environment variable name: it begins with a letter,"
                " followed by at least one letter, digit or underscore"
            )
        if "\0" in value:
            raise BadConfiguration(f"the environment variable {name} contains a NUL character")
    size = environment_size(environment)
    if size > MAX_ENVIRONMENT:
        raise BadConfiguration(
            f"the environment variables take {size} bytes in total; {MAX_ENVIRONMENT} are allowed"
        )


def environment_size(environment: Mapping[str, str]) -> int:
    """Bytes of all names and values together, without those that AWS sets."""
    return sum(
        len(name.encode()) + len(value.encode())
        for name, value in environment.items()
        if name not in (LOG_FORMAT, LOG_LEVEL)
    )
