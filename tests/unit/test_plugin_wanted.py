"""What a test wants, by its markers and the settings; and each mistake has its sentence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from taskdock.testing.plugin.wanted import Kind, Wanted, WrongTestSetting, wanted


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("a", "b"):
        function = tmp_path / "tasks" / name
        function.mkdir(parents=True)
        (function / "task-config.json").write_text("{}")
    (tmp_path / "tasks" / "notes").mkdir()
    (tmp_path / "doubles").mkdir()
    return tmp_path


def wanted_by(root: Path, *markers: dict[str, Any], **settings: Any) -> Wanted:
    """`markers`: the nearest first."""
    return wanted(root, settings, [((), marker) for marker in markers])


def test_without_markers_and_settings_a_test_gets_an_open_server_with_the_clock_auto(
    root: Path,
) -> None:
    assert wanted_by(root) == Wanted(Kind("open", None), "auto")


def test_of_settings_and_markers_the_nearest_counts(root: Path) -> None:
    found = wanted_by(root, {"clock": "manual"}, {"clock": "real", "auth": "strict"}, clock="auto")

    assert (found.kind.auth, found.clock) == ("strict", "manual")
    assert found.asked == {"auth", "clock"}


def test_the_functions_of_all_are_there_and_those_of_the_nearest_last(root: Path) -> None:
    a, b = root / "tasks" / "a", root / "tasks" / "b"

    assert wanted_by(root, {"functions": ["tasks/b"]}, functions=["tasks/a"]).functions == (a, b)
    assert wanted_by(root, {"functions": [a]}, functions=["tasks/a", "tasks/b"]).functions == (b, a)


def test_a_pattern_stands_for_the_functions_that_match_it(root: Path) -> None:
    found = wanted_by(root, functions=["tasks/*"]).functions

    assert found == (root / "tasks" / "a", root / "tasks" / "b")


def test_a_server_with_other_doubles_is_another_one(root: Path) -> None:
    assert wanted_by(root, doubles="doubles").kind != wanted_by(root, doubles="").kind


@pytest.mark.parametrize(
    ("marker", "said"),
    [
        ({"function": ["tasks/a"]}, "did you mean functions?"),
        ({"speed": 1}, "it has functions, auth, clock, doubles"),
        ({"auth": "lax"}, "the marker's auth is 'lax'; it can be open or strict"),
        ({"clock": None}, "the marker's clock is None; it can be auto or manual or real"),
        ({"functions": "tasks/a"}, "it has to be a list of folders"),
        ({"functions": 5}, "it has to be a list of folders"),
        ({"functions": [5]}, "it has to be a list of folders"),
        ({"functions": ["task/a"]}, "has 'task/a', but there is no folder "),
        ({"functions": ["tasks/x*"]}, "matches that and has a task-config.json"),
        ({"doubles": "double"}, "doubles is 'double', but there is no folder "),
    ],
)
def test_a_mistake_is_told_in_one_sentence(root: Path, marker: dict[str, Any], said: str) -> None:
    with pytest.raises(WrongTestSetting) as error:
        wanted_by(root, marker)

    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_an_argument_without_a_name_is_told_how_to_be_written(root: Path) -> None:
    with pytest.raises(WrongTestSetting, match=r"named arguments, not 'tasks/a'") as error:
        wanted(root, {}, [(("tasks/a",), {})])

    assert "@pytest.mark.taskdock(functions=[...]" in str(error.value)


def test_a_wrong_setting_is_told_by_its_name(root: Path) -> None:
    with pytest.raises(WrongTestSetting, match="the setting taskdock_auth is 'lax'"):
        wanted_by(root, auth="lax")
