"""`taskdock doctor` on engines of its own: at their first start ever, and cut off from networks."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.engines.conftest import StartEngine
from tests.engines.test_surroundings import SURROUNDINGS, Surrounding
from tests.support.live import COMMAND
from tests.support.own_engine import OwnEngine

pytestmark = pytest.mark.docker

TRIED = ("container", "door", "code", "freezing", "memory peaks", "/tmp", "memory limit")
CUT_OFF = [each for each in SURROUNDINGS if each.row in ("firewall drops", "another network")]


def examine(engine: OwnEngine, *, network: bool = True) -> tuple[int, dict[str, Any]]:
    """The exit code, and what it found by name."""
    words = ("doctor", "--json", "--port", "0", "--data-dir", str(engine.folder / "data-of-ours"))
    done = engine.run(*COMMAND, *words, network=network)
    return done.returncode, {each.pop("name"): each for each in json.loads(done.stdout)}


def broken(findings: dict[str, Any]) -> list[str]:
    return [name for name, found in findings.items() if found["status"] == "broken"]


def test_at_an_engines_first_start_all_works(start_engine: StartEngine) -> None:
    code, findings = examine(start_engine())

    assert code == 0
    assert broken(findings) == []
    for name in TRIED:
        assert findings[name]["status"] == "ok", findings[name]


@pytest.mark.parametrize("surrounding", CUT_OFF, ids=[each.row for each in CUT_OFF])
def test_an_engine_whose_network_is_cut_off_lacks_nothing(
    start_engine: StartEngine, surrounding: Surrounding
) -> None:
    engine = start_engine(*surrounding.options)
    surrounding.breaks(engine)

    code, findings = examine(engine, network=surrounding.network)

    assert (code, broken(findings)) == (0, [])
    for name in TRIED:
        assert findings[name]["status"] == "ok", findings[name]
