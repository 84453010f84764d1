"""The properties with which callers make or change a function, as typed keywords.

A key that is left out changes nothing; a new function gets the default of `Function` for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TypedDict

from taskdock.base.errors import BadConfiguration
from taskdock.engines import references
from taskdock.lambdas.functions import runtimes
from taskdock.lambdas.functions.function import (
    Annotations,
    ExecutionOptions,
    Function,
    ImageConfig,
    RetryPolicy,
    check_environment,
)


class FunctionProperties(TypedDict, total=False):
    """The properties of a `Function` that its callers choose, but for its code."""

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


class FunctionCreation(FunctionChanges, total=False):
    """A function that is made. The annotations of one that is there change one by one."""

    annotations: Annotations


class AnnotationChanges(TypedDict, total=False):
    """Members of `Annotations` that a change of the function itself may set."""

    role: str
    environment: bool
    source: str | None


def annotations_after(
    before: Annotations, changes: AnnotationChanges | None, has_code: bool
) -> Annotations:
    """The annotations after a change. New code follows no folder, unless the change says so."""
    own = replace(before, source=None) if has_code else before
    return replace(own, **changes or AnnotationChanges())


def check(function: Function, *, has_zip: bool) -> None:
    """Whether a function that is made or changed is complete and consistent. `has_zip`: its code
    comes along.

    Raises `BadConfiguration` or `UnknownRuntime`.
    """
    check_environment(function.environment)
    has_code = function.code is not None or has_zip
    if function.image is not None:
        if has_code or function.runtime is not None:
            raise BadConfiguration("give either an image, or code with its runtime and entry point")
        if not function.image.strip():
            raise BadConfiguration("image is empty; give the reference of a container image")
        if references.fault(function.image):
            raise BadConfiguration(f"image: {references.refusal(function.image)}")
    elif not (has_code and function.runtime and function.entry_point):
        raise BadConfiguration("give code with its runtime and entry point, or an image")
    elif function.image_config is not None:
        raise BadConfiguration("imageConfig is for functions with an image")
    if function.runtime is not None:
        runtimes.find(function.runtime)
