"""Fixtures of the service tests that the made-up requests need; and ids for these tests."""

from __future__ import annotations

import pytest


def pytest_itemcollected(item: pytest.Item) -> None:
    """Schemathesis puts the endpoint into a test's name, but since pytest 9.2 not into its id.

    Tests of one id are one test to those who hand them out to several workers.
    """
    assert item.parent is not None
    named = f"{item.parent.nodeid}::{item.name}"
    if item.nodeid != named:
        item._id = type(item._id).parse(named)  # type: ignore[attr-defined]


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    ids = [item.nodeid for item in items]
    assert len(ids) == len(set(ids)), "two tests have the same id, and one would not be run"
