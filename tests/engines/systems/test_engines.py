"""Other engines than this machine's: those of other Debians, on this machine's kernel."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.engines.conftest import StartEngine
from tests.engines.demo import assert_went_well, shown
from tests.engines.rows import record
from tests.support.machine import system
from tests.support.own_engine import OwnEngine

pytestmark = [pytest.mark.docker, pytest.mark.timeout(1200)]

_PASSED = re.compile(r"(\d+) passed")
_SECONDS_FOR_CONTRACT = 800  # on a slow machine with others beside it

_DOCKER = "docker.io,iptables,ca-certificates,procps"
_ROOTLESS_DOCKER = f"{_DOCKER},iproute2,rootlesskit,uidmap,slirp4netns,fuse-overlayfs"
PODMAN = (
    "podman,crun,netavark,aardvark-dns,uidmap,slirp4netns,fuse-overlayfs,iptables,nftables,"
    "ca-certificates,procps"
)


@dataclass(frozen=True)
class Case:
    row: str
    name: str
    """The system's."""
    suite: str
    packages: str
    options: tuple[str, ...] = ()
    how: Mapping[str, Any] = field(default_factory=dict)
    seen: str = "works, the engine's contract too"
    """In the words of the document, with what is degraded."""
    passes_over: tuple[str, ...] = ()
    """Of the contract: what is not promised there, in pytest's words."""


_ROOTLESS = "works, but nothing limits memory, processes or CPU; the contract too, but for limits"
_NO_DISK = "works, the engine's contract too; /tmp has no limit"

# What the contract has that is not promised there.
_TCP = "by_network"  # for engines of other kernels; in name spaces there is no such network
_DISKS = "full_tmp or cannot_mount"  # only root has disks, and Podman makes no volumes of them
_FOLDERS = "code_is_missing"  # Podman makes a folder that is missing
_LIMITS = "out_of_memory or limit_of_the_cpu or flush_is_answered or cannot_swap"
_CPU = "limit_of_the_cpu"  # Podman 4.3 knows no update of a container
_AS_PODMAN = {"program": "podman"}

CASES = [
    Case("Docker of trixie", "trixie", "trixie", _DOCKER),
    Case("Docker of forky", "forky", "forky", _DOCKER),
    Case("user namespaces", "trixie", "trixie", _DOCKER, options=("--userns-remap=own",)),
    Case(
        "Podman of bookworm",
        "podman-bookworm",
        "bookworm",
        PODMAN,
        how=_AS_PODMAN,
        seen=f"{_NO_DISK}, nor has the CPU",
        passes_over=(_TCP, _DISKS, _FOLDERS, _CPU),
    ),
    Case(
        "Podman of trixie",
        "podman-trixie",
        "trixie",
        f"{PODMAN},passt",
        how=_AS_PODMAN,
        seen=_NO_DISK,
        passes_over=(_TCP, _DISKS, _FOLDERS),
    ),
    Case(
        "rootless Docker",
        "docker-rootless",
        "trixie",
        _ROOTLESS_DOCKER,
        how={"rootless": True},
        seen=_ROOTLESS,
        passes_over=(_TCP, _DISKS, _LIMITS),
    ),
    Case(
        "rootless Podman",
        "podman-trixie",
        "trixie",
        f"{PODMAN},passt",
        how={**_AS_PODMAN, "rootless": True},
        seen=_ROOTLESS,
        passes_over=(_TCP, _DISKS, _FOLDERS, _LIMITS),
    ),
    Case(
        "rootless Podman of bookworm",
        "podman-bookworm",
        "bookworm",
        PODMAN,
        how={**_AS_PODMAN, "rootless": True},
        seen=_ROOTLESS,
        passes_over=(_TCP, _DISKS, _FOLDERS, _LIMITS),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=[case.row for case in CASES])
def test_another_engine_keeps_the_contract_and_runs_the_demo(
    start_engine: StartEngine, python_image: Any, node_image: Any, case: Case
) -> None:
    root = system(case.name, case.suite, case.packages)
    engine = start_engine(*case.options, root=root, limit=1190, **case.how)
    engine.load(python_image, node_image)

    assert_went_well(engine.demo())
    keep_contract(engine, case.passes_over)

    record(case.row, engine.name, case.seen)


def keep_contract(engine: OwnEngine, passes_over: tuple[str, ...]) -> None:
    suite = engine.project / "tests" / "contract" / "test_engine_contract.py"
    chosen = ("-k", f"not ({' or '.join(passes_over)})") if passes_over else ()
    contract = engine.run(
        *engine.python("-m", "pytest", "-p", "no:cacheprovider", "-q", "-m", "docker"),
        *(f"--basetemp={engine.folder}/pytest", str(suite), *chosen),
        within=_SECONDS_FOR_CONTRACT,
        environment={"CI": "true"},
    )

    assert contract.returncode == 0, shown(contract.stdout)
    assert _PASSED.search(contract.stdout), shown(contract.stdout)
