"""The invariants of connections in the docstring of `taskdock.web.http` have their tests."""

import re

import pytest

from taskdock.web import http
from tests.support.live import REPOSITORY

TESTS = REPOSITORY / "tests"
NAMED = re.findall(r"\btest_\w+", http.__doc__ or "")


@pytest.fixture(scope="module")
def names():
    sources = [path.read_text() for path in TESTS.rglob("test_*.py")]
    return {name for source in sources for name in re.findall(r"def (test_\w+)", source)}


@pytest.mark.parametrize("name", NAMED)
def test_a_test_that_is_named_for_an_invariant_exists(name, names):
    assert name in names


def test_every_invariant_names_a_test():
    invariants = re.split(r"^- ", http.__doc__, flags=re.MULTILINE)[1:]

    assert [text for text in invariants if "test_" not in text] == []
    assert len(invariants) > 10
