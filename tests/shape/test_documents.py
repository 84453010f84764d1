"""Documents that can drift are checked against what they speak of."""

import re
from pathlib import Path

import pytest

import cli
from docs import charts
from emulator import errors
from emulator.settings import Settings
from emulator.web import problems

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


def all_errors(kind=errors.TaskdockError):
    return [kind, *(deeper for below in kind.__subclasses__() for deeper in all_errors(below))]


def test_the_state_charts_are_the_tables():
    text = charts.DOCUMENT.read_text()

    assert charts.drawn(text) == text, "run: make docs"


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_is_in_the_readme_with_its_variable_and_default(name):
    default = Settings.model_fields[name].default
    shown = f"{default:g}" if isinstance(default, float) else str(default)

    row = f"| `{name}` | `TASKDOCK_{name.upper()}` | `{shown}` |"

    assert row in README


@pytest.mark.parametrize("name", sorted(cli.main.commands))
def test_every_command_is_in_the_readme(name):
    assert re.search(rf"`taskdock {name}\b", README)


@pytest.mark.parametrize("kind", all_errors())
def test_every_error_is_drawn_in_the_tree_explained_and_answered(kind):
    if kind.__module__ != errors.__name__:
        return  # the client's own: it answers no request

    assert re.search(rf"[ ─]?{kind.__name__}\b", errors.__doc__)
    assert kind.__doc__
    assert problems.problem_of(kind)


@pytest.mark.parametrize("path", re.findall(r"\]\(([^)#]+)\)", README))
def test_what_the_readme_links_to_is_there(path):
    if not path.startswith("http"):
        assert (ROOT / path).exists()
