"""The command deploy: makes functions from a folder, a file or an image."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from functools import partial
from pathlib import Path

import click

from taskdock.base.errors import TaskdockError
from taskdock.base.timing.clock import SystemClock
from taskdock.client.api import Json, TaskService
from taskdock.client.console import exits, options, output
from taskdock.client.deployment import images as image_of
from taskdock.client.deployment import package_lists, task_config
from taskdock.client.deployment.allowed import allow_variables
from taskdock.client.deployment.deploy import Deployment
from taskdock.client.deployment.deploy import deploy as deploy_function
from taskdock.client.errors import ServerUnreachable, ServiceError


@click.command()
@click.argument("path", type=click.Path(path_type=Path), required=False)
@click.option("--image", help="A container image, in place of code and runtime.")
@click.option("--name", help="The function's name.")
@click.option("--runtime", help="Such as python3.12; see: taskdock runtimes")
@click.option("--entry-point", "--handler", help="Such as index.handler.")
@click.option("--time-limit", type=int, help="Seconds, 3 to 300.")
@click.option("--memory-limit", type=int, help="MB, 128 to 10240.")
@click.option("--description")
@options.environment
@click.option(
    "--yes", is_flag=True, help="Let the file take the variables of this environment that it names."
)
@click.option("--list", "listed", is_flag=True, help="Only show what goes in, and what does not.")
@options.as_json
@options.service
def deploy(
    *,
    path: Path | None,
    environment: dict[str, str],
    yes: bool,
    listed: bool,
    as_json: bool,
    service: TaskService,
    **given: str | int | None,
) -> None:
    """Create or update functions.

    PATH is a task-config.json, a folder with one, or a folder of such folders. Options win over
    what the file says. Without PATH, --image and --name describe a container image.

    A value of "environment" such as "$KEY" is that of your own variable KEY. Which ones a file
    takes is printed, and asked for; where nobody can be asked, --yes is needed.
    """
    if path is None and not (given["image"] and given["name"]):
        raise click.UsageError("give the PATH of a task-config.json, or --image and --name")
    files = [None] if path is None else task_config.find(path)
    if len(files) > 1 and given["name"]:
        raise click.UsageError(f"--name is for one function, and {path} has {len(files)}")
    if listed:
        package_lists.show(files, given, as_json=as_json)
        return
    deployed = []
    for file in files:
        try:
            deployment = _deploy_one(service, file, given, environment, yes=yes)
        except TaskdockError as error:
            if len(files) == 1 or isinstance(error, ServerUnreachable):
                raise
            output.note(f"failed   {file}: {error.message}")
            continue
        deployed.append(deployment.function)
        if not as_json:
            function = deployment.function
            output.plain(f"{deployment.action}  {function['name']}  ({output.limits(function)})")
        _warn_of_image(service, deployment.function)
    if as_json:
        output.document(deployed)
    sys.exit(exits.OK if len(deployed) == len(files) else exits.FAILED)


def _warn_of_image(service: TaskService, function: Json) -> None:
    with suppress(ServiceError):  # the caller may deploy and still not read the server's status
        warning = image_of.warning(function, image_of.settled(service, function, SystemClock()))
        if warning is not None:
            output.note(warning)


def _deploy_one(
    service: TaskService, file: Path | None, given: Json, environment: dict[str, str], *, yes: bool
) -> Deployment:
    config = task_config.read(
        file,
        given=given,
        environment=environment,
        caller_environment=os.environ,
        allow=partial(allow_variables, yes=yes),
    )
    if config.execution_credentials is not None:
        output.note(f"warning: {file}: executionCredentials are not set up by this command yet")
    body = config.to_request(file.parent if file else Path(), output.note)
    deployment = deploy_function(service, body)
    if deployment.kept:
        output.note(
            f"{config.name}: keeps the variables {', '.join(deployment.kept)}, of which nothing is"
            ' said here; to remove them: "environment": {}'
        )
    return deployment
