"""Where there are no scratch disks, and why; the disks themselves are in the engine contract."""

import errno
import os
import sys
from pathlib import Path

import pytest

from taskdock.base.errors import StartFailed
from taskdock.engines.linux import scratch_disk
from taskdock.engines.linux.scratch_disk import LoopScratch, open_scratch


def test_a_user_without_privileges_has_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)

    assert open_scratch(tmp_path) == "limiting /tmp takes root on Linux"


def test_another_system_than_linux_has_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sys, "platform", "darwin")

    assert open_scratch(tmp_path) == "limiting /tmp takes root on Linux"


def test_a_machine_without_the_tools_says_which(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(scratch_disk, "_tool", lambda name: None)

    assert open_scratch(tmp_path) == "mkfs.ext4 and debugfs is not installed"


def test_a_machine_without_loop_devices_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(scratch_disk, "_tool", lambda name: "true")
    control = tmp_path / "no-loop-control"

    assert "no-loop-control" in open_scratch(tmp_path / "data", control)


def test_a_disk_that_cannot_be_made_is_a_start_that_failed(tmp_path: Path):
    def full(size: int) -> list[scratch_disk.Piece]:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    disks = LoopScratch(tmp_path)
    disks._template = full  # type: ignore[method-assign]

    with pytest.raises(StartFailed, match="No space left on device"), disks.disk(512):
        pass
    assert list(tmp_path.iterdir()) == []
