"""The taskdock command: its words and exit codes; what they stand for is in emulator.client.

Exit codes: 0 done; 1 the function, task, deployment or server failed; 2 the call was wrong and
nothing was done; 124 the function ran into its time limit; 137 it ran out of memory. Of `serve`:
0 it stopped in order; 1 it could not start or go on; 128 and a signal's number: it was ended by a
second signal, or before it had started.
"""

from __future__ import annotations

import dataclasses
import os
import signal
import sys
from collections.abc import Mapping
from contextlib import closing, suppress
from functools import partial
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import IO, Any

import click

from emulator import __version__
from emulator.base import terminal
from emulator.base.errors import StartupError, TaskdockError
from emulator.base.files import places
from emulator.base.settings import ImageChoice, Settings
from emulator.base.timing.clock import SystemClock
from emulator.client import credentials, exits, follow, options, output, progress, task_config
from emulator.client import demo as demonstration
from emulator.client import images as image_of
from emulator.client.api import FAILING, FUNCTION_FAILED, Json, TaskService, equals
from emulator.client.deploy import Deployment
from emulator.client.deploy import deploy as deploy_function
from emulator.client.errors import NotAllowed, ServerUnreachable, ServiceError, WrongCall

STATUSES = ["new", "inProgress", "complete", "failed", "retried", "canceled"]


class Failed(click.ClickException):
    """What was asked for could not be done, and why: a service or a file may have worded that."""

    def format_message(self) -> str:
        return terminal.shown(super().format_message(), sys.stderr)


class Refused(Failed):
    """The call was wrong; unlike a usage error it needs no reminder of the command's options."""

    exit_code = exits.WRONG_CALL


class Commands(click.Group):
    """A group whose commands may fail with our errors: a message, an exit code, no traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except WrongCall as error:
            raise Refused(error.message) from error
        except TaskdockError as error:
            raise Failed(error.message) from error


def late(module: str) -> ModuleType:
    """A module of the server's side, which only the commands that run containers wait for."""
    return import_module(f"emulator.{module}")


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog='Completion for bash: eval "$(_TASKDOCK_COMPLETE=bash_source taskdock)"; '
    "for zsh and fish: zsh_source, fish_source.",
)
@click.version_option(__version__, prog_name="taskdock")
@click.pass_context
def main(ctx: click.Context) -> None:
    """Run AWS Lambda functions behind the Extra Horizon Task Service API, on your own machine.

    Start with "taskdock demo", or with "taskdock serve" in one terminal and "taskdock deploy" in
    another.
    """
    if os.environ.get("NO_COLOR"):
        ctx.color = False


@main.command()
@options.settings
def serve(**given: str | None) -> None:
    """Run the server until Ctrl-C.

    A second Ctrl-C ends it within two seconds. Exit code: 0 when it has stopped in order, 1 when it
    could not start or go on, 128 and the signal's number when a second signal has ended it, or one
    before it had started.
    """
    try:
        settings = Settings.load(given)
    except StartupError as error:
        raise click.UsageError(error.message) from None
    late("server.serve").serve(settings)


@main.command()
@click.option(
    "--data-dir",
    type=click.Path(file_okay=False, path_type=Path),
    envvar="TASKDOCK_DATA_DIR",
    default=Path(".taskdock"),
    show_default=True,
    help="The data folder of the server.",
)
@click.option("--exh", is_flag=True, help="Write ~/.exh/credentials, which the exh command reads.")
@click.option("--yes", is_flag=True, help="With --exh: replace a file that is there.")
def env(*, data_dir: Path, exh: bool, yes: bool) -> None:
    """Print a running server's address and credentials, for the shell.

    eval "$(taskdock env)" sets API_HOST and the four API_OAUTH_ variables, by which functions, the
    SDK, the exh command and this command sign their requests.
    """
    variables = credentials.read(data_dir)
    with closing(TaskService(variables["API_HOST"])) as service:
        service.health()
    if not exh:
        output.plain(credentials.as_exports(variables))
        return
    home = places.home(os.environ)
    if home is None:
        raise WrongCall("there is no home folder for .exh/credentials: set HOME")
    file = credentials.exh_file(home)
    differs = credentials.has_another(file, variables)
    if differs and not yes and not output.agreed(f"{file} is there already; replace it?"):
        raise click.Abort
    credentials.write_exh(file, variables)
    output.plain(f"wrote  {file}")


@main.command()
@options.as_json
@options.service
def status(as_json: bool, service: TaskService) -> None:
    """Show the running server: what does not work, its environments, its queue, its memory."""
    found = service.status()
    if as_json:
        output.document(found)
        return
    for trouble in found.get("troubles", ()):  # there are older servers
        _show_trouble(trouble)
    # What is in the database is left out while that cannot be read.
    queued, kept, memory = found.get("tasks"), found.get("stored"), found["memory"]
    prepared = [
        f"{one['count']} of {one['wanted']} {one['runtime']}, {one['memory']} MB"
        for one in found["prepared"]
    ]
    output.fields(
        {
            "taskdock": found["version"],
            "address": found["url"],
            "since": f"{output.moment(found['startTimestamp'])} UTC",
            "tasks": queued and f"{queued['new']} new, {queued['inProgress']} in progress",
            "memory": f"{memory['held']} of {memory['budget']} MB",
            "database": kept and output.stored(kept),
            "prepared": "; ".join(prepared) or "none",
        }
    )
    rows = [
        [one["functionName"], one["state"], one["memory"], output.moment(one.get("idleSince"))]
        for one in found["environments"]
    ]
    columns = ("Function", "State", "MB", "Idle since (UTC)")
    output.plain()
    output.table(columns, rows, empty="no environments: none has been needed lately")


def _show_trouble(trouble: Json) -> None:
    failing = trouble["severity"] == FAILING
    what = click.style(
        "does not work" if failing else "degraded", fg="red" if failing else "yellow"
    )
    since = output.moment(trouble["sinceTimestamp"])
    output.say(f"{what}: {trouble['name']}, since {since} UTC: {trouble['reason']}")


@main.command()
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
@options.as_json
@options.service
def deploy(
    *,
    path: Path | None,
    environment: dict[str, str],
    yes: bool,
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
    with suppress(ServiceError):  # it is deployed, whoever may look at the server
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
        allow=partial(_allow_variables, yes=yes),
    )
    if config.execution_credentials is not None:
        output.note(f"warning: {file}: executionCredentials are not set up by this command yet")
    return deploy_function(service, config.to_request(file.parent if file else Path()))


def _allow_variables(source: str, taken: Mapping[str, str], *, yes: bool) -> None:
    """Raises `NotAllowed` unless whoever deploys lets the file have these of their variables."""
    named = ", ".join(f"{variable} (as {name})" for name, variable in taken.items())
    output.note(f"{source} takes of your environment: {named}")
    if yes:
        return
    asked = sys.stdin.isatty() and sys.stderr.isatty()
    if not asked or not output.agreed("Give the function their values?"):
        raise NotAllowed(source, list(taken.values()), asked=asked)


@main.group(cls=Commands)
def functions() -> None:
    """List, show and delete functions."""


@functions.command("list")
@options.as_json
@options.service
def list_functions(as_json: bool, service: TaskService) -> None:
    """List the deployed functions."""
    found = service.functions()
    if as_json:
        output.document(found)
        return
    rows = [
        [one["name"], output.moment(one.get("updateTimestamp")), one.get("description")]
        for one in found
    ]
    columns = ("Name", "Updated (UTC)", "Description")
    output.table(columns, rows, empty="no functions; deploy one with: taskdock deploy PATH")


@functions.command("show")
@click.argument("name")
@options.as_json
@options.service
def show_function(name: str, as_json: bool, service: TaskService) -> None:
    """Show one function in full."""
    found = service.function(name)
    if as_json:
        output.document(found)
        return
    image = image_of.of(service, found)
    output.fields(found if image is None else {**found, "runs in": image_of.described(image)})


@functions.command("delete")
@click.argument("name")
@options.as_json
@options.service
def delete_function(name: str, as_json: bool, service: TaskService) -> None:
    """Delete a function; its tasks and logs stay."""
    answer = service.delete_function(name)
    if as_json:
        output.document(answer)
    else:
        output.plain(f"deleted  {name}")


@main.command()
@click.argument("name")
@options.event_data
@options.service
def run(*, name: str, text: str | None, file: IO[bytes] | None, service: TaskService) -> None:
    """Execute a function at once and print its result.

    The result alone, as JSON, goes to stdout and the function's log to stderr. Exit code: 0 for a
    result, 1 for a function error, 124 for the time limit, 137 for the memory limit, 2 when the
    call was wrong.
    """
    data = options.parse_data(text, file)
    try:
        task = service.execute(name, data)
    except ServiceError as error:
        if error.code != FUNCTION_FAILED:
            raise
        _show_log(service, error.answer["taskId"])
        failure = error.answer["runtimeError"]
        output.note(f"{failure['name']}: {failure['message']}")
        sys.exit(exits.of_error(failure["name"]))
    _show_log(service, task["id"])
    output.document(task.get("result"))


def _show_log(service: TaskService, task_id: str) -> None:
    for line in service.logs(task_id):
        output.note(output.message(line["message"], terminal=sys.stderr.isatty()))


@main.group(cls=Commands)
def tasks() -> None:
    """Create, list, show and cancel tasks."""


@tasks.command("create")
@click.argument("name")
@options.event_data
@options.start_time
@click.option("--priority", type=int, help="Higher goes first.")
@click.option("--tag", "tags", multiple=True, help="A tag of the task; repeat for more.")
@click.option("--wait", is_flag=True, help="Wait until it has ended, retries included.")
@click.option("--timeout", type=float, metavar="SECONDS", help="Wait no longer than this.")
@options.as_json
@options.service
def create_task(
    *,
    name: str,
    text: str | None,
    file: IO[bytes] | None,
    start_at: str | None,
    priority: int | None,
    tags: tuple[str, ...],
    wait: bool,
    timeout: float | None,
    as_json: bool,
    service: TaskService,
) -> None:
    """Queue a task for a function and print its id.

    With --wait the exit code tells how it ended, as for "taskdock run"; the changes of its status
    go to stderr.
    """
    wanted = {
        "functionName": name,
        "data": options.parse_data(text, file),
        "startTimestamp": start_at,
        "priority": priority,
        "tags": list(tags) or None,
    }
    service.function(name)  # the service itself finds out only when the task runs
    task = service.create_task({key: value for key, value in wanted.items() if value is not None})
    if not as_json:
        output.plain(task["id"])
    if wait:
        task = follow.until_final(
            service, task["id"], clock=SystemClock(), timeout=timeout, on_change=_note_status
        )
    if as_json:
        output.document(task)
    if wait:
        sys.exit(_exit_code(task, timeout))


def _note_status(task: Json) -> None:
    detail = f" as {task['retriedByTaskId']}" if task["status"] == "retried" else ""
    output.note(f"{task['statusChangedTimestamp']}  {task['status']}{detail}")


def _exit_code(task: Json, timeout: float | None) -> int:
    if task["status"] == "complete":
        return exits.OK
    if task["status"] not in follow.FINAL:
        output.note(f"still {task['status']} after {timeout:g} s")
        return exits.FAILED
    error = task.get("error")
    if not error:
        return exits.FAILED
    output.note(f"{error['name']}: {error['message']}")
    output.note(f"its log: taskdock logs {task['id']}")
    return exits.of_error(error["name"])


@tasks.command("list")
@click.option("--status", type=click.Choice(STATUSES))
@click.option("--function", "function_name", metavar="NAME")
@click.option("--limit", type=click.IntRange(1, 50), default=20, show_default=True)
@options.as_json
@options.service
def list_tasks(
    status: str | None, function_name: str | None, limit: int, as_json: bool, service: TaskService
) -> None:
    """List tasks, the newest first."""
    wanted = {"status": status, "functionName": function_name}
    conditions = [equals(field, value) for field, value in wanted.items() if value is not None]
    found = service.tasks("&".join([*conditions, "sort(-creationTimestamp)", f"limit({limit})"]))
    if as_json:
        output.document(found)
        return
    rows = [
        [
            task["id"],
            task["functionName"],
            task["status"],
            output.moment(task.get("creationTimestamp")),
            (task.get("error") or {}).get("name"),
        ]
        for task in found
    ]
    columns = ("Id", "Function", "Status", "Created (UTC)", "Error")
    output.table(columns, rows, empty="no such tasks; create one with: taskdock tasks create NAME")


@tasks.command("show")
@click.argument("task_id")
@options.as_json
@options.service
def show_task(task_id: str, as_json: bool, service: TaskService) -> None:
    """Show one task in full."""
    found = service.task(task_id)
    (output.document if as_json else output.fields)(found)


@tasks.command("cancel")
@click.argument("task_id")
@options.as_json
@options.service
def cancel_task(task_id: str, as_json: bool, service: TaskService) -> None:
    """Cancel a task that has not begun."""
    answer = service.cancel_task(task_id)
    if as_json:
        output.document(answer)
    else:
        output.plain(f"canceled  {task_id}")


@main.group(cls=Commands)
def schedules() -> None:
    """Create, list and delete schedules, which queue a task again and again."""


@schedules.command("create")
@click.argument("name")
@click.option("--every", "interval", type=float, required=True, metavar="SECONDS")
@options.event_data
@options.start_time
@click.option("--priority", type=int, help="Higher goes first.")
@options.as_json
@options.service
def create_schedule(
    *,
    name: str,
    interval: float,
    text: str | None,
    file: IO[bytes] | None,
    start_at: str | None,
    priority: int | None,
    as_json: bool,
    service: TaskService,
) -> None:
    """Queue a task for a function every so many seconds; print the schedule's id."""
    wanted = {
        "functionName": name,
        "interval": interval,
        "data": options.parse_data(text, file),
        "startTimestamp": start_at,
        "priority": priority,
    }
    service.function(name)  # the service itself finds out only when a task runs
    made = service.create_schedule({key: val for key, val in wanted.items() if val is not None})
    if as_json:
        output.document(made)
    else:
        output.plain(made["id"])


@schedules.command("list")
@click.option("--limit", type=click.IntRange(1, 50), default=20, show_default=True)
@options.as_json
@options.service
def list_schedules(limit: int, as_json: bool, service: TaskService) -> None:
    """List schedules, those that are due first at the top."""
    found = service.schedules(f"sort(nextTimestamp)&limit({limit})")
    if as_json:
        output.document(found)
        return
    rows = [
        [one["id"], one["functionName"], one["interval"], output.moment(one["nextTimestamp"])]
        for one in found
    ]
    columns = ("Id", "Function", "Every (s)", "Next (UTC)")
    empty = "no schedules; create one with: taskdock schedules create NAME --every SECONDS"
    output.table(columns, rows, empty=empty)


@schedules.command("delete")
@click.argument("schedule_id")
@options.as_json
@options.service
def delete_schedule(schedule_id: str, as_json: bool, service: TaskService) -> None:
    """Delete a schedule; tasks that it has queued stay."""
    answer = service.delete_schedule(schedule_id)
    if as_json:
        output.document(answer)
    else:
        output.plain(f"deleted  {schedule_id}")


@main.group(cls=Commands)
def events() -> None:
    """List service events such as task_failed, and choose who is told of them."""


@events.command("list")
@click.option("--limit", type=click.IntRange(1, 50), default=20, show_default=True)
@options.as_json
@options.service
def list_events(limit: int, as_json: bool, service: TaskService) -> None:
    """List service events, the newest first."""
    found = service.events(f"sort(-creationTimestamp)&limit({limit})")
    if as_json:
        output.document(found)
        return
    rows = [
        [
            one["type"],
            output.moment(one["creationTimestamp"]),
            one["content"]["functionName"],
            one["content"]["id"],
            one["content"]["error"]["name"],
        ]
        for one in found
    ]
    columns = ("Type", "Time (UTC)", "Function", "Task", "Error")
    output.table(columns, rows, empty="no events yet: no task has failed")


@events.command("subscriptions")
@options.as_json
@options.service
def list_subscriptions(as_json: bool, service: TaskService) -> None:
    """List who is told of which events."""
    found = service.subscriptions("limit(50)")
    if as_json:
        output.document(found)
        return
    rows = [
        [one["id"], ", ".join(one["eventTypes"]), one.get("functionName") or one.get("url")]
        for one in found
    ]
    empty = "no subscriptions; add one with: taskdock events subscribe task_failed FUNCTION"
    output.table(("Id", "Types", "Subscriber"), rows, empty=empty)


@events.command("subscribe")
@click.argument("event_type")
@click.argument("subscriber")
@options.as_json
@options.service
def subscribe(event_type: str, subscriber: str, as_json: bool, service: TaskService) -> None:
    """Tell a function, or a webhook such as http://localhost:3000/failed, of each such event."""
    wanted = _subscriber(subscriber)
    if "functionName" in wanted:
        service.function(subscriber)
    made = service.subscribe(event_type, wanted)
    if as_json:
        output.document(made)
    else:
        output.plain(f"subscribed  {subscriber}  to {event_type}")


@events.command("unsubscribe")
@click.argument("event_type")
@click.argument("subscriber")
@options.as_json
@options.service
def unsubscribe(event_type: str, subscriber: str, as_json: bool, service: TaskService) -> None:
    """Tell a function or a webhook no more."""
    answer = service.unsubscribe(event_type, _subscriber(subscriber))
    if as_json:
        output.document(answer)
    else:
        output.plain(f"unsubscribed  {subscriber}  from {event_type}")


def _subscriber(text: str) -> Json:
    """Function names have no colon."""
    return {"url" if "://" in text else "functionName": text}


@main.command()
@click.argument("task_id")
@click.option("-f", "--follow", "following", is_flag=True, help="Go on until the task has ended.")
@options.as_json
@options.service
def logs(task_id: str, following: bool, as_json: bool, service: TaskService) -> None:
    """Print the log of a task. With -f and --json: a JSON object a line, as they come."""
    lines = follow.log_lines(service, task_id) if following else service.logs(task_id)
    if as_json and not following:
        output.document(list(lines))
        return
    for line in lines:
        if as_json:
            output.line(line)
        else:
            said = output.message(line["message"], terminal=sys.stdout.isatty())
            output.plain(f"{line['timestamp']}  {said}")


@main.command()
@options.images
@options.as_json
def runtimes(as_json: bool, choice: ImageChoice) -> None:
    """List the runtimes and the state of their images; needs no server."""
    with progress.shown() as show:
        found = late("server.provision").survey_runtimes(choice, show)
    if as_json:
        output.document([dataclasses.asdict(one) for one in found])
        return
    rows = [[one.id, one.status.value, output.megabytes(one.size), one.image] for one in found]
    output.table(("Runtime", "Status", "Size", "Image"), rows, empty="no runtimes")


@main.command()
@options.images
@click.argument("runtime", nargs=-1)
def images(runtime: tuple[str, ...], choice: ImageChoice) -> None:
    """Pull or build the images of these runtimes ahead; of the samples' when none is named."""
    wanted = runtime or demonstration.sample_runtimes()
    with progress.shown() as show:
        found = late("server.provision").ensure_images(wanted, choice, show)
    for id, image in found.items():
        output.plain(f"{id}  {image.reference}")


@main.command()
@click.option("--data-dir", metavar="FOLDER", help="The data folder of the server.")
@click.option("--host", metavar="TEXT", help="Its address.")
@click.option("--port", metavar="NUMBER", help="Its port.")
@options.as_json
def doctor(*, as_json: bool, **given: str | None) -> None:
    """Look at this machine: what works, what does not, and what mends it; needs no server.

    It tries in containers of its own what functions need, and leaves nothing behind. Exit code: 1
    when something is broken, 0 otherwise.
    """
    try:
        settings = Settings.load(given)
    except StartupError as error:
        raise click.UsageError(error.message) from None
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _: sys.exit(128 + number))  # so that all is tidied
    report, examination = late("server.doctor.judges.report"), late("server.doctor.examination")
    signs = report.signs(sys.stdout.encoding or "", os.environ)
    found = {}
    with examination.Examination(
        settings,
        environment=os.environ,
        clock=SystemClock(),
        runtime_ids=demonstration.sample_runtimes(),
    ) as examining:
        for name, finding in examining.findings():
            found[name] = finding
            if not as_json:
                colour = report.COLOURS.get(finding.status)
                for line in report.lines(name, finding, signs):
                    output.say(click.style(line[0], fg=colour, bold=True) + line[1:])
    if as_json:
        output.document([report.document(*one) for one in found.items()])
    else:
        output.say(f"\n{report.summary(found)}")
    sys.exit(exits.OK if report.is_well(found) else exits.FAILED)


@main.command()
def version() -> None:
    """Print the version."""
    output.plain(f"taskdock {__version__}")


@main.command()
@click.option("--url", help="Use the server at this URL instead of starting one.")
@click.option(
    "--data-dir",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where the demo's own server keeps its files.  [~/.cache/taskdock/demo]",
)
@options.images
def demo(*, url: str | None, data_dir: Path | None, choice: ImageChoice) -> None:
    """Run three hello-world functions, from nothing to their results."""
    complete = demonstration.run(
        url=url,
        server_command=[
            *("env", f"TASKDOCK_IMAGES={choice.value}"),
            *(sys.executable, str(Path(__file__).resolve())),
        ],
        data_dir=data_dir or places.cache(os.environ) / "demo",  # the server tells where else
        build_image=partial(late("server.provision").build_sample_image, choice=choice),
        clock=SystemClock(),
    )
    sys.exit(exits.OK if complete else exits.FAILED)


if __name__ == "__main__":
    main(prog_name="taskdock")
