"""A test is skipped in one place only, and nowhere in CI: a skip could hide a gap from it."""

from __future__ import annotations

import re

import pytest

from tests.support.live import REPOSITORY
from tests.support.parts import missing

SKIP = re.compile(r"pytest\.(skip|importorskip|xfail)\(|mark\.(skip|skipif|xfail)\b")
PLACES = {"tests/support/parts.py", "tests/shape/test_skips.py"}


def test_a_missing_part_fails_in_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")

    with pytest.raises(pytest.fail.Exception, match="CI needs a saw"):
        missing("a saw")


def test_a_missing_part_skips_at_home_and_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)

    with pytest.raises(pytest.skip.Exception, match="a saw"):
        missing("a saw")


def test_nothing_else_skips_a_test() -> None:
    skips = {
        str(path.relative_to(REPOSITORY))
        for path in (REPOSITORY / "tests").rglob("*.py")
        if SKIP.search(path.read_text())
    }

    assert skips - PLACES == set(), "say what is missing with tests.support.parts.missing"
