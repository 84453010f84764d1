"""A data folder that a repository tracks is not used, and no program of the repository's is run."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from taskdock.base.errors import StartupError
from taskdock.base.files.data_folder import DataFolder
from tests.support.foreign_folder import (
    refusal,
    start,
)
from tests.support.parts import missing

PRECIOUS = "the developer's own\n"
DIGEST = "a" * 64


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir(mode=0o700)
    return folder


def git(folder: Path, *words: str) -> None:
    identity = ("-c", "user.name=a", "-c", "user.email=a@example.com")
    allowed = ("-c", "protocol.file.allow=always")
    subprocess.run(
        ["git", *identity, *allowed, *words], cwd=folder, check=True, capture_output=True
    )


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Where `app/.taskdock` is not yet tracked, among many files that are."""
    if shutil.which("git") is None:
        missing("git")
    folder = tmp_path / "checkout"
    (folder / "app" / ".taskdock").mkdir(parents=True)
    for number in range(100):
        (folder / f"file-{number}").touch()
    (folder / "app" / ".taskdock-notes").touch()
    return folder


@pytest.mark.parametrize("kind", ["sha1", "sha256"])
@pytest.mark.parametrize("version", [2, 3, 4])
def test_a_folder_that_git_tracks_is_refused(checkout: Path, kind: str, version: int) -> None:
    data = checkout / "app" / ".taskdock"
    git(checkout, "init", f"--object-format={kind}")
    git(checkout, "add", "-A")
    before = refusal(data)

    (data / "credentials").write_text("x;touch PWNED;y=1\n")
    git(checkout, "add", "-A")
    if version == 3:  # what takes it
        (checkout / "later").touch()
        git(checkout, "add", "--intent-to-add", "later")
    git(checkout, "update-index", "--index-version", str(version))
    index = (checkout / ".git" / "index").read_bytes()

    assert (before, index[7]) == ("", version)
    assert f"{data} is tracked by the repository {checkout}" in refusal(data)
    assert "git rm -r --cached" in refusal(data)
    with pytest.raises(StartupError, match="is tracked by the repository"):
        start(data)
    git(checkout, "update-index", "--split-index")
    assert "is tracked" in refusal(data)


def test_a_link_that_git_tracks_is_refused_whatever_it_is_named_by(
    checkout: Path, data: Path
) -> None:
    git(checkout, "init")
    (checkout / "elsewhere").symlink_to(data)
    git(checkout, "add", "-A")

    assert "is tracked" in refusal(checkout / "elsewhere")
    assert refusal(data) == ""


def test_a_worktree_and_a_submodule_are_repositories_too(checkout: Path, tmp_path: Path) -> None:
    git(checkout, "init")
    (checkout / "app" / ".taskdock" / "lock").touch()
    git(checkout, "add", "-A")
    git(checkout, "commit", "-m", "all")
    git(checkout, "worktree", "add", str(tmp_path / "tree"))
    outer = tmp_path / "outer"
    outer.mkdir()
    git(outer, "init")
    git(outer, "submodule", "add", str(checkout), ".taskdock")

    assert f"repository {tmp_path / 'tree'}" in refusal(tmp_path / "tree" / "app" / ".taskdock")
    assert f"repository {outer}" in refusal(outer / ".taskdock")


def test_a_foreign_checkouts_settings_run_nothing(checkout: Path) -> None:
    git(checkout, "init")
    git(checkout, "add", "-A")
    witness = checkout / "PWNED"
    program = checkout / "program"
    program.write_text(f"#!/bin/sh\ntouch {witness}\n")
    program.chmod(0o755)
    for name in ("core.fsmonitor", "core.sshCommand", "core.pager", "core.editor"):
        git(checkout, "config", name, str(program))
    witness.unlink(missing_ok=True)  # git itself has run it just now

    assert refusal(checkout / "app" / ".taskdock") == ""
    assert not witness.exists()


@pytest.mark.parametrize(
    "index",
    [b"", b"DIRC", b"DIRC\0\0\0\4\xff\xff\xff\xff" + b"\xff" * 500, b"DIRC\0\0\0\2\0\0\0\1"],
)
def test_an_index_that_is_none_keeps_nobody_from_starting(data: Path, index: bytes) -> None:
    repository = data.parent / ".git"
    repository.mkdir()
    (repository / "index").write_bytes(index)

    assert refusal(data) == ""


def test_an_index_that_is_a_pipe_is_not_waited_for(data: Path) -> None:
    (data.parent / ".git").mkdir()
    os.mkfifo(data.parent / ".git" / "index")
    (data.parent / ".hg").mkdir()
    os.mkfifo(data.parent / ".hg" / "dirstate")

    assert refusal(data) == ""


def hg_version_1(hg: Path, path: bytes) -> None:
    entry = b"n" + (0o100644).to_bytes(4, "big") + bytes(8) + len(path).to_bytes(4, "big")
    (hg / "dirstate").write_bytes(bytes(40) + entry + path)


def hg_version_2(hg: Path, path: bytes) -> None:
    (hg / "dirstate").write_bytes(b"dirstate-v2\n" + bytes(100))
    (hg / "dirstate.3c943622").write_bytes(b"\0" * 44 + path + b"\0" * 44)


@pytest.mark.parametrize("write", [hg_version_1, hg_version_2])
def test_a_folder_that_mercurial_tracks_is_refused(
    data: Path, write: Callable[[Path, bytes], None]
) -> None:
    hg = data.parent / ".hg"
    hg.mkdir()

    write(hg, b"other/file")
    assert refusal(data) == ""
    write(hg, b"data/lock")
    assert f"is tracked by the repository {data.parent}" in refusal(data)


def test_git_leaves_a_new_data_folder_out_of_what_is_committed(checkout: Path) -> None:
    data = checkout / ".taskdock"
    DataFolder(data).close()
    git(checkout, "init")

    git(checkout, "add", "-A")

    assert refusal(data) == ""
    assert "!" not in (data / ".gitignore").read_text()
