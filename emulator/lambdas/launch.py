"""What a function's container is started with: image, command, variables, labels. Pure.

The variables are those of AWS's managed runtimes:
https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from emulator.engines.engine import ContainerSpec
from emulator.functions.function import Function

REGION = "us-east-1"
ACCOUNT = "000000000000"
LABEL = "dev.taskdock"
API_HOST_NAME = "localhost.taskdock"
"""The name of this machine inside containers.

It contains "localhost", which the service's SDK wants to see in a host that it shall use as it is.
It does not end in it: curl and others never look up *.localhost but take it for the container.
"""
_LOCAL_NAMES = ("localhost", "127.0.0.1", "[::1]")

NO_BOOTSTRAP = 142
"""Exit code of a custom runtime that is not there; AWS's own entry point uses it for no handler."""

_BOOTSTRAP = f"""for b in /var/task/bootstrap /opt/bootstrap /var/runtime/bootstrap; do
  [ -x "$b" ] && exec "$b"
done
exit {NO_BOOTSTRAP}"""


@dataclass(frozen=True, kw_only=True)
class Addresses:
    """Ports of this server's two listeners, as containers reach them through the gateway."""

    runtime_api: int
    task_service: int


def log_stream(environment_id: str, time: datetime) -> str:
    return f"{time:%Y/%m/%d}/[$LATEST]{environment_id}"


def function_arn(name: str) -> str:
    return f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}"


def spec(
    function: Function,
    *,
    environment_id: str,
    image: str,
    code: Path | None,
    custom_runtime: bool,
    addresses: Addresses,
    credentials: Mapping[str, str],
    server: str,
    now: datetime,
) -> ContainerSpec:
    """`custom_runtime`: the image has no runtime of its own, the code brings a bootstrap.

    `credentials`: variables for a function that brings none of them.
    """
    runtime_api = f"{environment_id}.lambda"
    handler = (function.entry_point,) if function.entry_point else None
    return ContainerSpec(
        image=image,
        name=f"taskdock-{function.name}-{environment_id[:8]}",
        memory=function.memory_limit,
        entrypoint=("/bin/sh", "-c", _BOOTSTRAP) if custom_runtime else None,
        arguments=() if custom_runtime else handler,
        environment={
            **_variables(function, environment_id, now),
            "AWS_LAMBDA_RUNTIME_API": f"{runtime_api}:{addresses.runtime_api}",
            "NO_PROXY": f"{runtime_api},{API_HOST_NAME}",
            "no_proxy": f"{runtime_api},{API_HOST_NAME}",
            **_service_variables(function, addresses.task_service, credentials),
        },
        labels={
            f"{LABEL}.server": server,
            f"{LABEL}.environment": environment_id,
            f"{LABEL}.function": function.name,
        },
        hosts=(runtime_api, API_HOST_NAME, "taskdock.localhost"),
        code=code,
    )


def _service_variables(
    function: Function, port: int, credentials: Mapping[str, str]
) -> dict[str, str]:
    """The function's own variables, and what it needs beside them to call the Task Service.

    To the function's author this server is at localhost, which inside a container is the container.
    """
    api_host = f"http://{API_HOST_NAME}:{port}"
    variables = {"API_HOST": api_host, **function.environment}
    if variables["API_HOST"].rstrip("/") in {f"http://{name}:{port}" for name in _LOCAL_NAMES}:
        variables["API_HOST"] = api_host
    if credentials.keys().isdisjoint(variables):
        variables.update(credentials)
    return variables


def _variables(function: Function, environment_id: str, now: datetime) -> Mapping[str, str]:
    variables = {
        "AWS_LAMBDA_FUNCTION_NAME": function.name,
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory_limit),
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{function.name}",
        "AWS_LAMBDA_LOG_STREAM_NAME": log_stream(environment_id, now),
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "taskdock",  # there is no AWS here; clients want to see some
        "AWS_SECRET_ACCESS_KEY": "taskdock",
        "AWS_SESSION_TOKEN": "taskdock",
        "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
        "AWS_XRAY_DAEMON_ADDRESS": "169.254.100.1:2000",  # nobody listens; the SDKs do not mind
        "_AWS_XRAY_DAEMON_ADDRESS": "169.254.100.1",
        "_AWS_XRAY_DAEMON_PORT": "2000",
        "LAMBDA_TASK_ROOT": "/var/task",
        "LAMBDA_RUNTIME_DIR": "/var/runtime",
    }
    if function.entry_point:
        variables["_HANDLER"] = function.entry_point
    if function.runtime is not None:
        variables["TZ"] = ":UTC"
        if not function.runtime.startswith("provided"):
            variables["AWS_EXECUTION_ENV"] = f"AWS_Lambda_{function.runtime}"
    return variables
