"""Where the user's folders are, also for a user who has none."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from taskdock.base.errors import StartupError
from taskdock.base.files import user_folders
from taskdock.engines.docker import locate
from taskdock.engines.standins.locks import exclusive

NOBODY = 65534
NOT_WRITABLE = "/proc/home"  # not by root either


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.fixture
def no_passwd(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(uid: int) -> Any:
        raise KeyError(uid)

    monkeypatch.setattr("pwd.getpwuid", unknown)


def test_caches_are_where_the_user_has_caches(tmp_path: Path) -> None:
    caches, home = tmp_path / "caches", tmp_path / "home"

    assert (
        user_folders.cache({"XDG_CACHE_HOME": str(caches), "HOME": str(home)})
        == caches / "taskdock"
    )
    assert user_folders.cache({"HOME": str(home)}) == home / ".cache" / "taskdock"
    relative = {"XDG_CACHE_HOME": "caches", "HOME": str(home)}
    assert user_folders.cache(relative) == home / ".cache" / "taskdock"


def test_without_a_variable_home_is_what_the_machine_says(no_passwd: None) -> None:
    assert user_folders.home({}) is None
    assert user_folders.home({"HOME": "/somewhere"}) == Path("/somewhere")


@pytest.mark.parametrize("name", ["HOME", "XDG_CACHE_HOME"])
def test_a_folder_that_cannot_be_written_has_a_private_one_in_its_place_and_a_line_says_so(
    temporary: Path, name: str
) -> None:
    told: list[str] = []

    folder = user_folders.cache({name: NOT_WRITABLE}, told.append)

    assert folder == temporary / f"taskdock-{os.getuid()}"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    (line,) = told
    assert line.startswith(NOT_WRITABLE)
    assert line.endswith(f"downloads and locks are kept in {folder}")
    assert user_folders.cache({name: NOT_WRITABLE}) == folder, "the same each time"


def test_a_user_without_a_home_is_told_so(temporary: Path, no_passwd: None) -> None:
    told: list[str] = []

    folder = user_folders.cache({}, told.append)

    assert folder.parent == temporary
    assert told[0].startswith("there is no home folder: HOME is not set")


def test_an_engine_is_looked_for_without_a_home_too(no_passwd: None) -> None:
    sockets = [one.address for one in locate.addresses({})]

    assert sockets[0] == "unix:///var/run/docker.sock"


def _link(folder: Path) -> None:
    folder.symlink_to("/")


def _open_to_all(folder: Path) -> None:
    folder.mkdir()
    folder.chmod(0o777)


def _file(folder: Path) -> None:
    folder.touch()


@pytest.mark.parametrize("trap", [_link, _open_to_all, _file])
def test_a_folder_that_somebody_else_may_have_made_is_not_used(temporary: Path, trap: Any) -> None:
    taken = temporary / f"taskdock-{os.getuid()}"
    trap(taken)

    folder = user_folders.cache({"HOME": NOT_WRITABLE})

    assert folder != taken
    assert folder.parent == temporary
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_machine_with_no_folder_to_write_to_is_named_as_such(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", NOT_WRITABLE)

    with pytest.raises(StartupError, match=r"/proc/home/.cache/taskdock cannot be written"):
        user_folders.cache({"HOME": NOT_WRITABLE})


@contextmanager
def somebody_else() -> Iterator[None]:
    """Root may do everything, so it has to be another user for this."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


def test_a_lock_that_another_user_made_can_be_held_as_well() -> None:
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        os.chmod(folder, 0o755)
        lock = Path(folder) / "lock"
        lock.touch()
        lock.chmod(0o444)
        waited: list[str] = []

        with somebody_else(), pytest.raises(PermissionError):
            lock.open("w")
        with somebody_else(), exclusive(lock, lambda: waited.append("waited")):
            lock.stat()

        assert waited == []
