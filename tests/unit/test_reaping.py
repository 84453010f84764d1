"""Which containers of a server that has ended are to be removed, and when."""

from __future__ import annotations

import pytest

from taskdock.engines.docker.reaper import due


@pytest.mark.parametrize("state", ["created", "exited", "dead", "paused", "any other"])
def test_what_cannot_end_by_itself_is_removed_at_once(state: str) -> None:
    assert due([("one", state)], 0) == ["one"]


@pytest.mark.parametrize("state", ["running", "restarting", "removing"])
def test_what_ends_by_itself_has_two_seconds_for_it(state: str) -> None:
    found = [("one", state)]

    assert due(found, 1.9) == []
    assert due(found, 2) == ["one"]
