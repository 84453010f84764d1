"""What callers ask of a function when they make or change one, as typed keywords. Pure.

A key that is left out changes nothing; a new function gets the default of `Function` for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypedDict

from emulator.lambdas.functions.function import (
    Annotations,
    ExecutionOptions,
    ImageConfig,
    RetryPolicy,
)


class FunctionProperties(TypedDict, total=False):
    """Those properties of `Function` that its callers choose, but for its code."""

    description: str | None
    runtime: str | None
    entry_point: str | None
    image: str | None
    image_config: ImageConfig | None
    time_limit: int  # seconds
    memory_limit: int  # MB
    environment: Mapping[str, str]
    retry_policy: RetryPolicy
    execution_options: ExecutionOptions
    enabled: bool


class FunctionChanges(FunctionProperties, total=False):
    """The properties, and the code where it is a zip."""

    zipped: bytes | None
    max_zipped: int  # bytes


class NewFunction(FunctionChanges, total=False):
    """A function that is made. The annotations of one that is there change one by one."""

    annotations: Annotations


class AnnotationChanges(TypedDict, total=False):
    """Members of `Annotations` that a change of the function itself may set."""

    role: str
    environment: bool
