"""A whole machine unlike this one: Debian 13, systemd, control groups of version 2, Python 3.13."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.engines.demo import shown
from tests.engines.rows import record
from tests.support import machine

pytestmark = [pytest.mark.docker, pytest.mark.timeout(1500)]

HERE = Path(__file__).parent
SECONDS_TO_RUN = 1200


@pytest.mark.usefixtures("own_engines")
def test_the_demo_the_memory_limit_and_freezing_work_on_a_machine_with_systemd(
    python_image: Path, node_image: Path, busybox: Path
) -> None:
    machine.install_emulator()
    root = machine.system("machine", "trixie", machine.PACKAGES)
    machine.install(root)
    machine.keep_images(root, python_image, node_image)

    facts = machine.run(
        root,
        HERE / "machine.sh",
        {"busybox": busybox, "functions/machine": HERE / "machine"},
        SECONDS_TO_RUN,
    )

    told = facts.pop("console")
    assert "end" in facts, f"it did not come to its end\n{shown(told)}"
    assert (facts["cgroup"], facts["process1"]) == ("cgroup2fs", "systemd")
    assert facts["images"] == "2", shown(told)
    assert facts["demo"] == "0", shown(told)
    assert facts["run"] == facts["again"] == "0", shown(told)
    assert set(facts["frozen"]) == {"T"}, shown(told)
    assert facts["memory"] == "137", shown(told)
    assert facts["disk"] == "512", shown(told)
    assert (facts["stopped"], facts["left"]) == ("0", "0"), shown(told)
    assert "Exception ignored" not in told, shown(told)
    what = "works: the demo, the memory limit, freezing, the size of /tmp"
    record("systemd", f"Docker {facts['docker']}, {facts['python']}", what)
