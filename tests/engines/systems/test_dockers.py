"""Other Docker Engines than this machine's: those of other Debians, on this machine's kernel."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from tests.engines.conftest import StartEngine
from tests.engines.demo import assert_went_well, shown
from tests.engines.rows import record
from tests.support.live import REPOSITORY
from tests.support.machine import system

pytestmark = [pytest.mark.docker, pytest.mark.timeout(600)]

_PASSED = re.compile(r"(\d+) passed")
_SECONDS_FOR_CONTRACT = 400


@pytest.mark.parametrize("suite", ["trixie", "forky"])
def test_the_engine_of_another_debian_keeps_the_contract_and_runs_the_demo(
    start_engine: StartEngine, python_image: Path, node_image: Path, suite: str
) -> None:
    root = system(suite, suite, "docker.io,iptables,ca-certificates,procps")
    engine = start_engine(root=root, limit=590)
    engine.load(python_image, node_image)

    assert_went_well(engine.demo())
    contract = engine.run(
        *("env", "-C", str(REPOSITORY), "CI=true", sys.executable, "-m", "pytest"),
        *("-p", "no:cacheprovider", "-q", f"--basetemp={engine.folder}/pytest"),
        *("tests/contract/test_engine_contract.py", "-m", "docker", "-k", "not without_pipes"),
        within=_SECONDS_FOR_CONTRACT,
    )

    assert contract.returncode == 0, shown(contract.stdout)
    passed = _PASSED.search(contract.stdout)
    assert passed
    record(f"Docker of {suite}", f"Docker {engine.version}", "works, the engine's contract too")
