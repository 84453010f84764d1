"""Annotations of GitHub Actions."""

from __future__ import annotations

from pathlib import Path

import pytest

from taskdock.testing.plugin.github import annotation, is_on
from taskdock.testing.plugin.source_paths import SourcePlace

ROOT = Path("/home/ada/shop")


def test_they_are_written_in_github_actions_alone() -> None:
    assert is_on({"GITHUB_ACTIONS": "true"})
    assert not is_on({"GITHUB_ACTIONS": "false"})
    assert not is_on({})


@pytest.mark.parametrize(
    ("checkout", "file"),
    [("/home/ada", "shop/tasks/a.py"), (None, "tasks/a.py"), ("/other", "tasks/a.py")],
)
def test_the_file_is_named_from_the_checkout_where_that_has_it(
    checkout: str | None, file: str
) -> None:
    environment = {} if checkout is None else {"GITHUB_WORKSPACE": checkout}

    line = annotation(SourcePlace(ROOT / "tasks" / "a.py", 7), "no", environment, ROOT)

    assert line == f"::error file={file},line=7::no"


def test_letters_that_mean_something_to_github_are_escaped() -> None:
    line = annotation(SourcePlace(ROOT / "a,b:c%.py", 1), "100%\r\nlost: a,b", {}, ROOT)

    assert line == "::error file=a%2Cb%3Ac%25.py,line=1::100%25%0D%0Alost: a,b"
