"""`taskdock doctor` on engines of its own: at their first start ever, and cut off from it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.engines.conftest import StartEngine
from tests.engines.test_surroundings import BROKEN, Broken
from tests.support.live import COMMAND
from tests.support.own_engine import OwnEngine

pytestmark = pytest.mark.docker

TRIED = ("container", "code", "output", "freezing", "memory peaks", "/tmp", "memory limit")


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
    for name in ("call back", *TRIED):
        assert findings[name]["status"] == "ok", findings[name]
    assert "by 172.17.0.1" in findings["call back"]["measured"]


@pytest.mark.parametrize("surrounding", BROKEN, ids=[each.row for each in BROKEN])
def test_an_engine_whose_containers_are_cut_off_is_told_with_what_mends_it(
    start_engine: StartEngine, surrounding: Broken
) -> None:
    engine = start_engine(*surrounding.options)
    surrounding.breaks(engine)

    code, findings = examine(engine, network=surrounding.network)

    assert code == 1
    assert broken(findings) == ["call back"]
    assert surrounding.reason in findings["call back"]["measured"]
    assert surrounding.remedy in "\n".join(findings["call back"]["remedies"])
    for name in TRIED:
        assert findings[name]["status"] in ("ok", "degraded"), findings[name]
