"""A data folder that came from others: nothing in it is followed, nothing outside is touched."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TextIO

import pytest

from taskdock.base.errors import ForeignFile, StartupError
from taskdock.base.files import own_files, own_folder
from taskdock.base.files.data_folder import DataFolder
from taskdock.base.settings import Settings
from taskdock.engines.launcher.doors import Doors
from taskdock.lambdas.functions.code import CodeStore
from taskdock.store.database import Store
from tests.support import another_user
from tests.support.builders import DATABASE
from tests.support.foreign_folder import (
    PRECIOUS,
    TRAPS,
    Trap,
    mode,
    start,
    tree,
)
from tests.support.live import REPOSITORY
from tests.support.parts import missing


@pytest.mark.parametrize("trap", TRAPS)
@pytest.mark.parametrize("name", own_folder.FILES)
def test_what_is_no_file_of_taskdocks_is_refused_and_left_alone(
    data: Path, outside: Path, name: str, trap: Trap
) -> None:
    trap(data / name, outside)
    before = tree(data), tree(outside)

    with pytest.raises(StartupError) as refused:
        start(data)

    assert f"{data / name} {TRAPS[trap]}" in refused.value.message
    assert "choose another --data-dir" in refused.value.message
    assert (tree(data), tree(outside)) == before


@pytest.mark.parametrize("name", own_folder.FOLDERS)
def test_a_folder_that_is_a_link_is_refused_and_what_it_leads_to_is_not_emptied(
    data: Path, outside: Path, name: str
) -> None:
    (data / name).symlink_to(outside)

    with pytest.raises(StartupError, match="is a symbolic link where taskdock has a folder"):
        start(data)

    assert (outside / "precious").read_text() == PRECIOUS


def test_doors_and_code_that_became_links_are_not_emptied(data: Path, outside: Path) -> None:
    (data / "doors").symlink_to(outside)
    (data / "code").symlink_to(outside)

    with pytest.raises(ForeignFile):
        Doors(data / "doors", "x86_64").sweep()
    with pytest.raises(OSError, match="is a symbolic link"):
        Doors(data / "doors", "x86_64").file("passwd", b"")
    with pytest.raises(ForeignFile):
        CodeStore(data / "code").keep_only(set())

    assert tree(outside) == {"precious": ("-rw-r--r--", PRECIOUS.encode())}


def test_a_link_among_the_doors_is_removed_and_not_what_it_leads_to(
    data: Path, outside: Path
) -> None:
    (data / "doors").mkdir()
    (data / "doors" / "left").symlink_to(outside)

    Doors(data / "doors", "x86_64").sweep()

    assert not list((data / "doors").iterdir())
    assert (outside / "precious").exists()


@pytest.mark.parametrize("appended", ["", "-wal", "-shm", "-journal"])
def test_a_database_is_not_opened_through_a_link(data: Path, outside: Path, appended: str) -> None:
    (data / f"{DATABASE}{appended}").symlink_to(outside / "precious")

    with pytest.raises(StartupError, match="is a symbolic link"):
        Store(data / DATABASE)

    assert (outside / "precious").read_text() == PRECIOUS


# The folder itself


def test_the_default_folder_is_the_one_of_the_settings() -> None:
    assert Settings().data_dir == own_folder.DEFAULT


def test_a_default_folder_that_is_a_link_is_refused(
    tmp_path: Path, outside: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkout = tmp_path / "checkout"
    checkout.mkdir()
    (checkout / ".taskdock").symlink_to(outside)
    monkeypatch.chdir(checkout)

    with pytest.raises(StartupError, match="is a symbolic link, which a checkout may have brought"):
        start(Settings().data_dir)

    assert list(tree(outside)) == ["precious"]


def test_a_link_that_the_user_names_is_an_order(data: Path, tmp_path: Path) -> None:
    (tmp_path / "named").symlink_to(data)

    folder = DataFolder(tmp_path / "named")

    assert folder.path == data
    folder.close()


def test_a_folder_for_everybody_is_refused(data: Path) -> None:
    data.chmod(0o1777)

    with pytest.raises(StartupError, match=r"many users share.*--data-dir .*/data/taskdock"):
        start(data)

    assert (tree(data), mode(data)) == ({}, 0o1777)


@pytest.fixture
def as_root() -> None:
    if os.geteuid() != 0:
        missing("root, which can give a folder to another")


@pytest.mark.usefixtures("as_root")
@pytest.mark.parametrize("place", ["", DATABASE, "code"])
def test_what_belongs_to_another_user_is_refused(data: Path, place: str) -> None:
    DataFolder(data).close()
    (data / DATABASE).touch()
    (data / "code").mkdir()
    os.chown(data / place, another_user.ID, another_user.ID)

    if place:  # who has the folder might have it; so here it is a third
        os.chown(data, 0, 0)
    with pytest.raises(StartupError) as refused:
        start(data)

    assert f"{data / place} belongs to user {another_user.ID}, and not to root" in (
        refused.value.message
    )
    assert "sudo chown" in refused.value.message


@pytest.mark.usefixtures("as_root")
def test_who_has_called_sudo_may_have_the_folder_and_nobody_else(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.chown(data, another_user.ID, another_user.ID)

    monkeypatch.setenv("SUDO_UID", str(another_user.ID))
    DataFolder(data).close()
    monkeypatch.setenv("SUDO_UID", str(another_user.ID + 1))
    with pytest.raises(StartupError, match="belongs to"):
        DataFolder(data)


@pytest.mark.usefixtures("as_root")
@pytest.mark.parametrize("mounted", [True, False])
def test_what_is_mounted_may_belong_to_anybody_where_the_server_is_root(
    data: Path, mounted: bool
) -> None:
    """As a folder of the machine's does in a container."""
    script = (
        'mount -t tmpfs -o mode=755,uid="$1" none "$2" && mkdir "$2/in" && chown "$1" "$2/in" &&'
        ' cd "$2/in" && exec "$3" -c "$4" "$5"'
    )
    look = (
        "import sys; from pathlib import Path\n"
        "from taskdock.base.files.data_folder import DataFolder\n"
        "from taskdock.base.errors import StartupError\n"
        "try: DataFolder(Path(sys.argv[1])); print('taken')\n"
        "except StartupError as error: print(error.message)"
    )

    said = subprocess.run(
        [
            *("unshare", "--mount", "sh", "-c", script, "mounted"),
            *(str(another_user.ID), str(data), sys.executable, look),
            str(data if mounted else data / "in"),
        ],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    ).stdout

    assert ("taken" in said) is mounted
    assert ("belongs to user" in said) is not mounted


def test_an_owner_says_nothing_where_the_file_system_gives_its_own(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As FAT, a share or Docker Desktop's does: what we make there is another's, too."""
    monkeypatch.setattr(own_files, "owners", lambda: frozenset({another_user.ID}))

    assert own_folder.check(data) == data  # where this process makes files of the folder's owner


@pytest.mark.usefixtures("as_root")
def test_a_user_is_not_served_from_a_folder_of_roots(tmp_path_factory: object) -> None:
    look = (
        "import sys; from pathlib import Path; from taskdock.base.files import own_folder\n"
        "from taskdock.base.errors import ForeignFile\n"
        "try: own_folder.check(Path(sys.argv[1]))\n"
        "except ForeignFile as error: print(error.message)"
    )
    with tempfile.TemporaryDirectory(dir="/var/tmp") as open_to_all:
        os.chmod(open_to_all, 0o755)
        data, bound = Path(open_to_all, "data"), Path(open_to_all, "bound")
        data.mkdir()
        bound.mkdir()

        said = subprocess.run(
            another_user.python(bound, "-c", look, str(data)),
            env={"PATH": os.environ["PATH"], "HOME": open_to_all, "SUDO_UID": "0"},
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        ).stdout

    assert f"belongs to root, and not to user {another_user.ID}" in said
    assert f"sudo chown -R {another_user.ID} {data}" in said


def test_a_command_that_looks_whether_a_server_runs_keeps_none_from_starting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The look is a shared lock, held for a moment."""
    looks: list[TextIO] = []

    def look_away(_: float) -> None:
        while looks:
            looks.pop().close()

    DataFolder(tmp_path / "data").close()
    looks.append((tmp_path / "data" / "lock").open())
    fcntl.flock(looks[0], fcntl.LOCK_SH)
    monkeypatch.setattr(time, "sleep", look_away)

    DataFolder(tmp_path / "data").close()
