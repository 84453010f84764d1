"""The parts of `taskdock dev` that decide: quiet, a build's own files, kinds of file systems."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from taskdock.client.deployment.build import Build
from taskdock.client.deployment.package import selected
from taskdock.client.development.quiet import LONGEST, QUIET, Quiet
from taskdock.client.development.updating.build_writes import BuildWrites
from taskdock.client.development.updating.contents import PackedContents
from taskdock.client.development.updating.grants import Grants
from taskdock.client.development.watching.file_systems import changes_elsewhere, kind_by
from taskdock.client.development.watching.projects import to_watch
from taskdock.client.development.watching.watcher import Watched, events_come
from taskdock.client.errors import NotYetAllowed

MOUNTS = [
    "22 1 254:0 / / rw,relatime - ext4 /dev/vda rw",
    "30 22 0:30 / /mnt/c rw,noatime - 9p C:\\134 rw,aname=drvfs",
    r"31 22 0:31 / /home/my\040code rw - virtiofs code rw",
]


def test_changes_have_settled_after_a_while_without_one() -> None:
    quiet = Quiet(waited=0.0)
    quiet.changed(10.0)
    quiet.changed(10.1)

    assert quiet.pause(10.1) == pytest.approx(QUIET)
    assert quiet.pause(10.1 + QUIET) == 0
    quiet.settled()
    assert quiet.pause(11.0) is None


def test_changes_that_do_not_end_are_not_waited_for_without_end() -> None:
    quiet = Quiet(waited=0.0)
    for step in range(100):
        quiet.changed(10.0 + step / 20)

    assert quiet.pause(10.0 + LONGEST) == 0


def test_the_folder_that_a_build_fills_is_its_own() -> None:
    saved = BuildWrites().saved_meanwhile({"/f/out/a.js", "/f/src/a.ts"}, {"/f/src/b.ts"}, "/f/out")

    assert saved == {"/f/src/a.ts"}


def test_a_file_that_changes_in_the_build_it_caused_is_the_builds_own() -> None:
    writes = BuildWrites()

    assert writes.saved_meanwhile({"/f/info"}, {"/f/a.ts"}, None) == {"/f/info"}
    assert writes.saved_meanwhile({"/f/info"}, {"/f/info"}, None) == set()
    assert writes.saved_meanwhile({"/f/info"}, {"/f/a.ts"}, None) == set()


@pytest.mark.parametrize(
    ("folder", "kind"),
    [
        ("/home/me", "ext4"),
        ("/mnt/c/code", "9p"),
        ("/mnt/cc", "ext4"),
        ("/home/my code", "virtiofs"),
    ],
)
def test_the_file_system_of_a_folder_is_that_of_the_nearest_mount(folder: str, kind: str) -> None:
    assert kind_by(MOUNTS, folder) == kind


@pytest.mark.parametrize("kind", ["9p", "virtiofs", "nfs4", "cifs", "fuse.sshfs", "vboxsf"])
def test_a_file_system_of_another_machine_changes_unseen(kind: str) -> None:
    assert changes_elsewhere(kind)


@pytest.mark.parametrize("kind", ["ext4", "xfs", "btrfs", "overlay", "tmpfs", "zfs", ""])
def test_a_file_system_of_this_machine_tells_of_its_changes(kind: str) -> None:
    assert not changes_elsewhere(kind)


def test_the_probe_leaves_nothing(tmp_path: Path) -> None:
    assert events_come(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_folders_of_functions_are_watched_whole_and_those_above_for_new_ones(
    tmp_path: Path,
) -> None:
    file = tmp_path / "tasks" / "hello" / "task-config.json"
    file.parent.mkdir(parents=True)
    (tmp_path / "tasks" / "empty").mkdir()
    (tmp_path / "tasks" / ".git").mkdir()

    assert to_watch([tmp_path / "tasks"], [file]) == [
        Watched(file.parent),
        Watched(tmp_path, recursive=False),
        Watched(tmp_path / "tasks", recursive=False),
        Watched(tmp_path / "tasks" / "empty", recursive=False),
    ]


def test_a_file_that_was_saved_is_read_whatever_its_stamp_says(tmp_path: Path) -> None:
    file, contents = tmp_path / "index.py", PackedContents()
    file.write_text("1")
    before = contents.look(tmp_path, lambda: selected(tmp_path))
    status = file.stat()
    file.write_text("2")
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))

    assert contents.look(tmp_path, lambda: selected(tmp_path), {str(file)}) != before


def test_a_folder_of_which_nothing_is_left_is_removed_as_one(tmp_path: Path) -> None:
    contents = PackedContents()
    for path in ("a.py", "lib/b.py", "lib/deep/c.py", "lib/deep/d.py"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(path)
    before = contents.look(tmp_path, lambda: selected(tmp_path))
    for path in ("lib/deep/c.py", "lib/deep/d.py"):
        (tmp_path / path).unlink()

    contents.look(tmp_path, lambda: selected(tmp_path))
    found = contents.zipped(before)

    assert (found.removed, found.count) == (["lib/deep"], 2)


def test_what_is_asked_for_after_the_start_is_refused_with_the_remedy(tmp_path: Path) -> None:
    grants = Grants(yes=False, is_asking=False)

    with pytest.raises(NotYetAllowed) as refused:
        grants.allow_build(Build("make", tmp_path, tmp_path / "task-config.json"))

    assert refused.value.message == (
        f"{tmp_path}/task-config.json: it would now run the command make, which was not asked for"
        " at the start; to be asked, start taskdock dev again"
    )
