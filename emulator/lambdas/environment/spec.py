"""A function's container (image, labels) and its program (command, variables). Pure.

The variables are those of AWS's managed runtimes:
https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from taskdock.engines.engine import ContainerSpec, Mount, Program
from taskdock.lambdas.arns import REGION, log_stream
from taskdock.lambdas.functions.function import Function, ImageConfig
from taskdock.lambdas.functions.reference import LATEST

LABEL = "dev.taskdock"
RUNTIME_API, TASK_SERVICE = "r", "t"
"""Letters of the forwards that every container has."""
_FORWARDS = {9001: RUNTIME_API, 9002: TASK_SERVICE}
"""Ports of a container's loopback. The first is AWS's."""
RUNTIME_ADDRESS = "127.0.0.1:9001"
API_HOST = "http://localhost:9002"
"""The Task Service inside containers. It contains "localhost", which the service's SDK wants to see
in a host that it shall use as it is."""
_OWN = "localhost,127.0.0.1"
_LAMBDA_ENDPOINTS = ("AWS_ENDPOINT_URL_LAMBDA", "AWS_ENDPOINT_URL")
"""Variables by which a function says itself where its SDK finds Lambda."""
_LOCAL_NAMES = ("localhost", "127.0.0.1", "[::1]")

TASK_ROOT = "/var/task"
"""The folder of a function's code in its container."""
_BOOTSTRAPS = (f"{TASK_ROOT}/bootstrap", "/opt/bootstrap", "/var/runtime/bootstrap")
_PATH = "/usr/local/bin:/usr/bin/:/bin:/opt/bin"
_LIBRARIES = "/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:/var/task:/var/task/lib:/opt/lib"
_BARE = ("provided", "provided.al2")  # seen without /var/lang, and with X-Ray elsewhere
_CPU_MEMORY = 1769  # MB, with which a function has one processor


@dataclass(frozen=True, kw_only=True)
class Aws:
    """The region and credentials in a function's variables. They are made up, because there is no
    AWS here; AWS's clients refuse to start without some."""

    region: str = REGION
    access_key_id: str = "taskdock"
    secret_access_key: str = "taskdock"  # noqa: S105 - a secret of nothing
    session_token: str = "taskdock"  # noqa: S105 - empty: there is none


def cpus(function: Function) -> float:
    """The processors' time that AWS gives a function, by its memory:
    https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html"""
    return function.memory_limit / _CPU_MEMORY


def container_name(function_name: str, environment_id: str) -> str:
    """For people who look at containers."""
    return f"taskdock-{function_name}-{environment_id[:8]}"


def spec(
    *,
    name: str,
    environment_id: str,
    image: str,
    memory: int,
    code: Path | None,
    server: str,
    platform: str | None = None,
    more: tuple[Mount, ...] = (),
) -> ContainerSpec:
    """`memory`: MB. `server`: whose container it is. `more`: mounts beside the code's."""
    mounts = () if code is None else (Mount(source=code, target=TASK_ROOT),)
    return ContainerSpec(
        image=image,
        name=name,
        memory=memory,
        platform=platform,
        labels={f"{LABEL}.server": server, f"{LABEL}.environment": environment_id},
        forwards=_FORWARDS,
        mounts=(*mounts, *more),
    )


def program(
    function: Function,
    *,
    environment_id: str,
    custom_runtime: bool,
    port: int,
    credentials: Mapping[str, str],
    now: datetime,
    aws: Aws = Aws(),
) -> Program:
    """`port`: the Task Service's, outside containers. `custom_runtime`: the image has no runtime of
    its own, the code brings a bootstrap.

    `credentials`: variables for a function that brings none of them.
    """
    image_config = function.image_config or ImageConfig()
    command = image_config.command
    if command is None and function.entry_point:
        command = (function.entry_point,)
    return Program(
        candidates=_BOOTSTRAPS if custom_runtime else (),
        entrypoint=None if custom_runtime else image_config.entry_point,
        arguments=() if custom_runtime else command,
        working_directory=image_config.working_directory,
        environment={
            **_variables(function, environment_id, now),
            **_credentials(aws),
            **_places(function),
            "AWS_LAMBDA_RUNTIME_API": RUNTIME_ADDRESS,
            "NO_PROXY": _OWN,
            "no_proxy": _OWN,
            **_service_variables(function, port, credentials),
        },
    )


def _service_variables(
    function: Function, port: int, credentials: Mapping[str, str]
) -> dict[str, str]:
    """The function's own variables, and what it needs beside them to call this server.

    To the function's author this server is at localhost, which inside a container is the container.
    AWS's SDKs find its Lambda API by a variable, unless the function leads them elsewhere:
    https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html
    """
    variables = {"API_HOST": API_HOST, **function.environment}
    if variables.keys().isdisjoint(_LAMBDA_ENDPOINTS):
        variables["AWS_ENDPOINT_URL_LAMBDA"] = API_HOST
    ours = {f"http://{name}:{port}" for name in _LOCAL_NAMES}
    for name in ("API_HOST", *_LAMBDA_ENDPOINTS):
        if variables.get(name, "").rstrip("/") in ours:
            variables[name] = API_HOST
    if credentials.keys().isdisjoint(variables):
        variables.update(credentials)
    return variables


def _variables(function: Function, environment_id: str, now: datetime) -> Mapping[str, str]:
    x_ray = "169.254.79.129" if function.runtime in _BARE else "169.254.100.1"
    variables = {
        "AWS_LAMBDA_FUNCTION_NAME": function.name,
        "AWS_LAMBDA_FUNCTION_VERSION": LATEST,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory_limit),
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{function.name}",
        "AWS_LAMBDA_LOG_STREAM_NAME": log_stream(environment_id, now),
        "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
        "AWS_XRAY_DAEMON_ADDRESS": f"{x_ray}:2000",  # nobody listens; the SDKs do not mind
        "_AWS_XRAY_DAEMON_ADDRESS": x_ray,
        "_AWS_XRAY_DAEMON_PORT": "2000",
        "LAMBDA_TASK_ROOT": TASK_ROOT,
        "LAMBDA_RUNTIME_DIR": "/var/runtime",
    }
    if function.runtime is not None:
        variables["_HANDLER"] = function.entry_point or ""
        variables["TZ"] = ":UTC"
        if not function.runtime.startswith("provided"):
            variables["AWS_EXECUTION_ENV"] = f"AWS_Lambda_{function.runtime}"
    return variables


def _credentials(aws: Aws) -> Mapping[str, str]:
    variables = {
        "AWS_REGION": aws.region,
        "AWS_DEFAULT_REGION": aws.region,
        "AWS_ACCESS_KEY_ID": aws.access_key_id,
        "AWS_SECRET_ACCESS_KEY": aws.secret_access_key,
    }
    return {**variables, "AWS_SESSION_TOKEN": aws.session_token} if aws.session_token else variables


def _places(function: Function) -> Mapping[str, str]:
    """The paths of programs and libraries; an image function's image has its own."""
    if function.runtime is None:
        return {}
    bare = function.runtime in _BARE
    return {
        "LANG": "en_US.UTF-8",
        "PATH": _PATH if bare else f"/var/lang/bin:{_PATH}",
        "LD_LIBRARY_PATH": _LIBRARIES if bare else f"/var/lang/lib:{_LIBRARIES}",
    }
