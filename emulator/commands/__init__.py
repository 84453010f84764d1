"""The taskdock command: the map from a command's name to its function.

Each module of this package has the commands of one subject. `taskdock COMMAND` runs `main`, which
imports only the module of that command; so a new command is a line in the map and a function in
its module. Code that commands share is in `emulator/client`. Only commands that run containers or
a server import `emulator/server`.
"""

from __future__ import annotations

import os

import click

from taskdock import __version__
from taskdock.client.console.groups import Entry, LazyGroup

COMMANDS = {
    "api-requests": Entry(
        "tasks.api_requests:api_requests", "List and show the API requests that functions have had."
    ),
    "clock": Entry("harness.clock:clock", "Show or move the time of tasks and schedules."),
    "debug": Entry("functions.debug:debug", "Debug functions in their containers, at breakpoints."),
    "demo": Entry(
        "machine.demo:demo", "Run three hello-world functions, from nothing to their results."
    ),
    "deploy": Entry("functions.deploy:deploy", "Create or update functions."),
    "dev": Entry("functions.dev:dev", "Build, deploy and switch functions on each save."),
    "doctor": Entry(
        "machine.doctor:doctor",
        "Look at this machine: what works, what does not, and what mends it.",
    ),
    "doubles": Entry(
        "harness.doubles:doubles", "Answer calls of services that are not here, and list them."
    ),
    "env": Entry(
        "server.env:env", "Print a running server's address and credentials, for the shell."
    ),
    "events": Entry("tasks.events:events", "List service events, and choose who is told of them."),
    "exec": Entry(
        "harness.exec:exec_command",
        "Run COMMAND with a server of its own, and its functions deployed.",
    ),
    "faults": Entry(
        "harness.faults:faults", "Have the next invocations of a function fail, for tests."
    ),
    "functions": Entry("functions.functions:functions", "List, show and delete functions."),
    "images": Entry("machine.images:images", "Pull or build the images of these runtimes ahead."),
    "init": Entry(
        "functions.init:init",
        "Make a FOLDER with a small function of your own, ready to be deployed.",
    ),
    "logs": Entry(
        "tasks.logs:logs", "Print the log of a task, of an API request, or of a function."
    ),
    "run": Entry("functions.run:run", "Execute a function at once and print its result."),
    "runs": Entry("harness.runs:runs", "List, show, save and replay the runs of functions."),
    "runtimes": Entry(
        "machine.images:runtimes", "List the runtimes and the state of their images."
    ),
    "schedules": Entry("tasks.schedules:schedules", "Create, list and delete schedules."),
    "serve": Entry("server.serve:serve", "Run the server until Ctrl-C, or detached."),
    "stop": Entry("server.stop:stop", "Stop a server of yours, once running tasks have finished."),
    "status": Entry(
        "server.status:status", "Show the running server: environments, queue, memory."
    ),
    "tasks": Entry("tasks.tasks:tasks", "Create, list, show and cancel tasks."),
    "version": Entry("server.status:version", "Print the version."),
}


@click.group(
    cls=LazyGroup,
    package=__name__,
    entries=COMMANDS,
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
