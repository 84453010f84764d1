"""Debuggers in containers, and the line that installs what one needs."""

from __future__ import annotations

from pathlib import Path

import pytest

from taskdock.base.errors import TaskdockError
from taskdock.client.api import ILLEGAL_STATE, Json, TaskService
from taskdock.client.development.debugging.session_keeper import SessionKeeper
from taskdock.client.errors import ServiceError
from taskdock.lambdas.environment.provision.debugger import installing


@pytest.mark.parametrize(
    ("prefix", "python", "line"),
    [
        ("/srv/.venv", "/srv/.venv/bin/python", "/srv/.venv/bin/python -m pip install"),
        ("/my venv", "/my venv/bin/python", "'/my venv/bin/python' -m pip install"),
        ("/home/me/.local/share/pipx/venvs/taskdock", "python", "pipx inject --force taskdock"),
        ("/home/me/pipx", "/home/me/pipx/bin/python", "/home/me/pipx/bin/python -m pip install"),
    ],
)
def test_what_installs_debugpy_reaches_this_very_installation(
    prefix: str, python: str, line: str
) -> None:
    assert installing(Path(prefix), python) == f"{line} 'debugpy<1.8.22'"


class Refusing(TaskService):
    def call(self, *_: object, **__: object) -> Json:
        name = "ILLEGAL_STATE_EXCEPTION"
        raise ServiceError({"code": ILLEGAL_STATE, "name": name, "message": "type: this"})


def test_a_line_to_type_is_the_end_of_a_refusal() -> None:
    with pytest.raises(TaskdockError) as refused:
        SessionKeeper(Refusing(), print).begin({"functionName": "fn"})

    assert refused.value.message == "type: this"
