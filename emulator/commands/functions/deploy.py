"""The command deploy: makes functions from a folder, a file or an image."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import click

from taskdock.base.errors import TaskdockError
from taskdock.base.timing.clock import SystemClock
from taskdock.client.api import Json, TaskService
from taskdock.client.console import exits, options, output
from taskdock.client.deployment import images as image_of
from taskdock.client.deployment import package_lists, preparing
from taskdock.client.deployment.config import function_names, task_config
from taskdock.client.deployment.deploy import Deployment
from taskdock.client.deployment.deploy import deploy as deploy_function
from taskdock.client.deployment.inspection import PackageFinding, report
from taskdock.client.deployment.preparing import PreparedFunction
from taskdock.client.errors import ServerUnreachable, ServiceError
from taskdock.client.servers.credentials import is_here

_IMAGE_REMEDY = "every runtime and whether its image can be had: taskdock runtimes"


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
    "--yes",
    is_flag=True,
    help="Let the file take the variables of this environment, and run the build, that it names.",
)
@click.option("--strict", is_flag=True, help="Deploy nothing where anything is warned of.")
@click.option("--check", is_flag=True, help="Only say what would be warned of; needs no server.")
@click.option("--list", "listed", is_flag=True, help="Only show what goes in, and what does not.")
@options.as_json
@options.service
def deploy(
    *,
    path: Path | None,
    environment: dict[str, str],
    yes: bool,
    strict: bool,
    check: bool,
    listed: bool,
    as_json: bool,
    service: TaskService,
    **given: str | int | None,
) -> None:
    """Create or update functions.

    PATH is a task-config.json, a folder with one, or a folder of such folders. Options win over
    what the file says. Without PATH, --image and --name describe a container image.

    A value of "environment" such as "$KEY" is that of your own variable KEY. Which ones a file
    takes is printed, and asked for; where nobody can be asked, --yes is needed. The same goes for
    the command "build" of the file, which is run in the file's folder before anything is packed.

    The code is read, and not run, for what surely cannot work; each such thing is a warning.
    """
    if path is None and not (given["image"] and given["name"]):
        raise click.UsageError("give the PATH of a task-config.json, or --image and --name")
    files = [None] if path is None else task_config.find(path)
    if len(files) > 1 and given["name"]:
        raise click.UsageError(f"--name is for one function, and {path} has {len(files)}")
    if listed and (check or strict):
        raise click.UsageError("--list shows what goes in, and --check and --strict what is wrong")
    if listed:
        package_lists.show(files, given, as_json=as_json)
        return
    function_names.refuse_namesakes([file for file in files if file is not None])
    prepare = partial(
        preparing.prepare, given=given, environment=environment, yes=yes, remark=output.note
    )
    if check:
        sys.exit(_check(files, prepare, service, as_json=as_json))
    # A strict deployment prepares all before anything is sent, and any mistake ends it there.
    ready = {file: prepare(file) for file in files} if strict else {}
    if _warn_of_all(ready.values(), service):
        raise TaskdockError("nothing was deployed, because of --strict and what is said above")
    deployed: list[Json] = []
    warned: set[str] = set()
    for file in files:
        try:
            chosen = ready[file] if strict else prepare(file)
            if not strict:
                chosen.warn(chosen.findings)
            deployment = _send(service, chosen)
        except TaskdockError as error:
            if len(files) == 1 or isinstance(error, ServerUnreachable):
                raise
            output.note(f"failed   {file}: {error.message}")
            continue
        deployed.append(deployment.function)
        if not as_json:
            function = deployment.function
            output.plain(f"{deployment.action}  {function['name']}  ({output.limits(function)})")
        _warn_of_image(service, deployment.function, warned)
    if as_json:
        output.document(deployed)
    sys.exit(exits.OK if len(deployed) == len(files) else exits.FAILED)


def _send(service: TaskService, chosen: PreparedFunction) -> Deployment:
    deployment = deploy_function(service, chosen.config.to_request(chosen.folder, output.note))
    if deployment.kept:
        output.note(
            f"{chosen.config.name}: keeps the variables {', '.join(deployment.kept)}, of which"
            ' nothing is said here; to remove them: "environment": {}'
        )
    return deployment


def _check(
    files: Sequence[Path | None],
    prepare: Callable[[Path | None], PreparedFunction],
    service: TaskService,
    *,
    as_json: bool,
) -> int:
    """Says what a deployment would warn of, and sends nothing. Returns the exit code."""
    found, failed = [], False
    for file in files:
        try:
            chosen = prepare(file)
            chosen.config.to_request(chosen.folder, output.note)  # what packing would refuse
        except TaskdockError as error:
            if len(files) == 1:
                raise
            output.note(f"failed   {file}: {error.message}")
            failed = True
            continue
        findings = [*chosen.findings, *_of_image(chosen, service)]
        name = chosen.config.name
        found += [report.document(one, name, chosen.code) for one in findings]
        if not as_json:
            chosen.warn(findings)
            output.plain(f"checked  {name}  ({_count(findings)})")
    if as_json:
        output.document(found)
    return exits.FAILED if found or failed else exits.OK


def _count(findings: Sequence[PackageFinding]) -> str:
    return {0: "nothing found", 1: "1 warning"}.get(len(findings), f"{len(findings)} warnings")


def _warn_of_all(ready: Iterable[PreparedFunction], service: TaskService) -> bool:
    """Prints all warnings of functions that are not sent yet. Returns whether there are any."""
    any_found = False
    for chosen in ready:
        findings = [*chosen.findings, *_of_image(chosen, service)]
        chosen.warn(findings)
        any_found = any_found or bool(findings)
    return any_found


def _of_image(chosen: PreparedFunction, service: TaskService) -> list[PackageFinding]:
    """The finding for a function whose image cannot be had, before the server is asked for it."""
    config = chosen.config
    if any(one.kind == "runtime" for one in chosen.findings):
        return []
    here = urlsplit(service.url).hostname or ""
    if not is_here(here):
        output.note(f"not checked: the image of {config.name}, because {here} is another machine")
        return []
    # Late: the packages of the engine's client take a moment, and only these two checks use them.
    from taskdock.server import provision  # noqa: PLC0415

    try:
        gone = provision.why_no_image(config.runtime, config.image)
    except TaskdockError as error:
        output.note(f"not checked: the image of {config.name}, because {error.message}")
        return []
    return (
        [] if gone is None else [PackageFinding(kind="image", message=gone, remedy=_IMAGE_REMEDY)]
    )


def _warn_of_image(service: TaskService, function: Json, warned: set[str]) -> None:
    """Warns of a stand-in once for all functions that run in it; `warned` has those warned of."""
    with suppress(ServiceError):  # the caller may deploy and still not read the server's status
        image = image_of.settled(service, function, SystemClock())
        warning = image_of.warning(function, image)
        stand_in = image["wanted"] if image is not None and "standInFor" in image else None
        if warning is not None and stand_in not in warned:
            output.note(warning)
            warned.update([stand_in] if stand_in else [])
