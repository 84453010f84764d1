"""The lists and logs of users who may see a part of them alone."""

from __future__ import annotations

from click.testing import CliRunner, Result

from taskdock.commands import main
from tests.support import people
from tests.support.builders import Dock, StartDock
from tests.support.people import Person

NAME = "walnut-table"


def used(start_dock: StartDock) -> Dock:
    """A server on which a function has run; users who sign have their own permissions alone."""
    dock = start_dock(harness="off")
    dock.deploy(lambda event, runtime: runtime.print("at work"), NAME)
    dock.finish(dock.create_task(NAME))
    return dock


def call(person: Person, *words: str) -> Result:
    client = person.auth.client  # type: ignore[union-attr]
    variables = {
        "API_HOST": person.url,
        "API_OAUTH_CONSUMER_KEY": client.client_key,
        "API_OAUTH_CONSUMER_SECRET": client.client_secret,
        "API_OAUTH_TOKEN": client.resource_owner_key,
        "API_OAUTH_TOKEN_SECRET": client.resource_owner_secret,
    }
    return CliRunner().invoke(main, [*words, "--url", person.url], env=variables)


def test_who_may_see_tasks_alone_has_their_list_and_their_logs(start_dock: StartDock) -> None:
    person = people.person(used(start_dock), "VIEW_TASKS", "VIEW_TASK_LOGS")

    listed = call(person, "tasks", "list")
    log = call(person, "logs", NAME)

    assert listed.exit_code == 0, listed.output
    assert f"{NAME}  complete  0 " in listed.stdout
    assert log.exit_code == 0, log.output
    assert "  at work\n" in log.stdout


def test_who_may_not_see_all_of_a_function_has_its_name(start_dock: StartDock) -> None:
    person = people.person(used(start_dock), "VIEW_TASK_FUNCTIONS")

    listed = call(person, "functions", "list")

    assert listed.exit_code == 0, listed.output
    assert listed.stdout.splitlines()[1].split()[:5] == [NAME, *"----"]


def test_who_may_see_nothing_is_told_so(start_dock: StartDock) -> None:
    person = people.person(used(start_dock))

    for words in (("tasks", "list"), ("tasks", "list", "--watch"), ("logs", "-f", NAME)):
        refused = call(person, *words)

        assert refused.exit_code == 2
        assert "(10 NO_PERMISSION_EXCEPTION)" in refused.stderr
