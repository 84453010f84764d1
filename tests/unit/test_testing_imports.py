"""The package of the harness imports nothing until a name is asked for."""

from __future__ import annotations

import json
import pkgutil
import subprocess
import sys

import pytest

from taskdock import testing

HEAVY = ("click", "docker", "flask", "peewee", "pydantic", "requests", "taskdock.server")


def imported_by(code: str) -> set[str]:
    """The names of all modules that a new Python has imported after this code."""
    script = f"{code}\nimport json, sys\nprint(json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True
    )
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_the_package_alone_imports_nothing_heavy() -> None:
    modules = imported_by("import taskdock.testing")

    assert modules & set(HEAVY) == set()


@pytest.mark.parametrize("name", ["matching", "eventually", "NotSupported", "zip_of"])
def test_a_plain_name_imports_nothing_heavy(name: str) -> None:
    modules = imported_by(f"from taskdock.testing import {name}")

    assert modules & set(HEAVY) == set()


@pytest.mark.parametrize("name", ["Taskdock", "Fault"])
def test_a_client_does_not_import_the_server(name: str) -> None:
    modules = imported_by(f"from taskdock.testing import {name}")

    assert modules & {"docker", "flask", "peewee", "taskdock.server"} == set()


def test_the_names_are_listed_and_each_is_there() -> None:
    assert dir(testing) == sorted(testing.__all__)
    for name in testing.__all__:
        assert getattr(testing, name) is not None


def test_another_name_is_no_attribute() -> None:
    with pytest.raises(AttributeError, match="no attribute 'walnut'"):
        testing.walnut  # noqa: B018


def test_no_module_of_the_package_has_a_public_name() -> None:
    """An import of it would put the module into the package in the name's place."""
    modules = {module.name for module in pkgutil.iter_modules(testing.__path__)}

    assert modules & set(testing.__all__) == set()
