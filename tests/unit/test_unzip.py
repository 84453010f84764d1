"""What comes out of a zip: its files, their modes and its links, and nothing outside its folder."""

from __future__ import annotations

import errno
import os
import shutil
import stat
import subprocess
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from taskdock.base.errors import BadFunctionCode
from taskdock.lambdas.functions import tree
from taskdock.lambdas.functions.zips import layout
from taskdock.lambdas.functions.zips.unpacking import unpack
from tests.support import another_user, parts
from tests.support.zips import zipped

FILE, FOLDER, LINK = stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK
WINDOWS, UNIX, MACOS = 0, 3, 19
NTFS, VFAT = 11, 14


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the zip goes; there is something beside it that a link could lead to."""
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "precious").write_text("as it was")
    return tmp_path / "code"


def modes_in(folder: Path) -> dict[str, int]:
    return {
        path.relative_to(folder).as_posix(): stat.S_IMODE(path.lstat().st_mode)
        for path in tree.paths(folder)
        if not path.is_symlink()
    }


# Modes


@pytest.mark.parametrize("umask", [0, 0o077])
def test_files_and_folders_have_the_modes_of_the_zip(folder: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        unpack(
            zipped(
                ("app.py", "pass", FILE | 0o600),
                ("tool", "#!/bin/sh", FILE | 0o755),
                ("key", "", FILE | 0o400),
                ("closed/", "", FOLDER | 0o700),
                ("closed/in.py", "", FILE | 0o644),
                ("open/deep/in.py", "", FILE | 0o644),
            ),
            folder,
        )
    finally:
        os.umask(before)

    assert stat.S_IMODE(folder.stat().st_mode) == 0o755
    assert modes_in(folder) == {
        "app.py": 0o600,
        "tool": 0o755,
        "key": 0o400,
        "closed": 0o700,
        "closed/in.py": 0o644,
        "open": 0o755,
        "open/deep": 0o755,
        "open/deep/in.py": 0o644,
    }


@pytest.mark.parametrize(
    ("system", "attributes", "file", "in_folder"),
    [
        pytest.param(UNIX, (FILE | 0o644) << 16, 0o644, 0o644, id="Unix"),
        pytest.param(MACOS, (FILE | 0o600) << 16, 0o600, 0o600, id="macOS"),
        pytest.param(UNIX, 0o755 << 16, 0o755, 0o755, id="Unix, without a kind of file"),
        pytest.param(UNIX, 0, 0, 0, id="Unix, without a mode"),
        pytest.param(UNIX, (FILE | 0o7777) << 16, 0o755, 0o755, id="Unix, with set-user-ID"),
        pytest.param(UNIX, (FILE | 0o666) << 16, 0o644, 0o644, id="Unix, for everyone to write"),
        pytest.param(UNIX, (FILE | 0o644) << 16 | 1, 0o644, 0o644, id="Unix, DOS's bits as well"),
        pytest.param(WINDOWS, 0, 0o644, 0o755, id="Windows"),
        pytest.param(WINDOWS, 0x20, 0o644, 0o755, id="Windows, to be archived"),
        pytest.param(WINDOWS, 0x21, 0o444, 0o555, id="Windows, only to be read"),
        pytest.param(WINDOWS, (FILE | 0o755) << 16, 0o644, 0o755, id="Windows, with a Unix mode"),
        pytest.param(WINDOWS, (LINK | 0o777) << 16, 0o644, 0o755, id="Windows, with a link's mode"),
        pytest.param(NTFS, 0, 0o644, 0o755, id="NTFS"),
        pytest.param(VFAT, 0, 0o644, 0o755, id="VFAT"),
    ],
)
def test_the_mode_depends_on_where_the_zip_was_made(
    folder: Path, system: int, attributes: int, file: int, in_folder: int
) -> None:
    entries = [zipfile.ZipInfo("bootstrap"), zipfile.ZipInfo("lib/")]
    for entry in entries:
        entry.create_system, entry.external_attr = system, attributes

    kinds = [layout.kind_of(entry) for entry in entries]

    assert kinds == [layout.EntryKind.FILE, layout.EntryKind.FOLDER]
    assert [layout.mode_of(*each) for each in zip(entries, kinds, strict=True)] == [file, in_folder]


@pytest.mark.parametrize(
    ("system", "attributes"), [(UNIX, (FOLDER | 0o755) << 16), (WINDOWS, 0x10), (VFAT, 0x30)]
)
def test_a_folder_need_not_have_a_slash(folder: Path, system: int, attributes: int) -> None:
    archive = zipped(("lib", "", attributes >> 16), ("lib/a", "", FILE | 0o644), system=system)
    entry = zipfile.ZipInfo("lib")
    entry.create_system, entry.external_attr = system, attributes

    assert layout.kind_of(entry) is layout.EntryKind.FOLDER
    if system == UNIX:
        unpack(archive, folder)
        assert (folder / "lib" / "a").is_file()


def test_the_name_of_the_packed_folder_itself_changes_nothing(folder: Path) -> None:
    unpack(zipped(("./", "", FOLDER | 0o700), ("./a//b", "in", FILE | 0o644)), folder)

    assert stat.S_IMODE(folder.stat().st_mode) == 0o755
    assert (folder / "a" / "b").read_text() == "in"


# Names


def test_a_backslash_is_a_letter_of_a_name(folder: Path) -> None:
    unpack(zipped(("..\\lib\\x.py", "", FILE | 0o644)), folder)

    assert os.listdir(folder) == ["..\\lib\\x.py"]


@pytest.mark.parametrize(
    ("flags", "raw", "name"),
    [
        pytest.param(0x800, "tür.py".encode(), "tür.py", id="said to be UTF-8"),
        pytest.param(0, "tür.py".encode(), "tür.py", id="UTF-8 that does not say so"),
        pytest.param(0, "tür.py".encode("cp437"), "tür.py", id="DOS"),
    ],
)
def test_a_name_is_read_as_it_was_written(folder: Path, flags: int, raw: bytes, name: str) -> None:
    placeholder = "x" * len(raw)
    archive = zipped((placeholder, "in", FILE | 0o644)).replace(placeholder.encode(), raw)
    for signature, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        start = archive.index(signature) + at
        archive = archive[:start] + flags.to_bytes(2, "little") + archive[start + 2 :]

    unpack(archive, folder)

    assert {path.name: path.read_text() for path in folder.iterdir()} == {name: "in"}


def test_of_two_entries_with_one_name_the_later_one_counts(folder: Path) -> None:
    unpack(
        zipped(
            ("a", "old", FILE | 0o755),
            ("a", "new", FILE | 0o644),
            ("b", "../outside/precious", LINK | 0o777),
            ("b", "a file", FILE | 0o644),
            ("c", "a file", FILE | 0o644),
            ("./c", "a", LINK | 0o777),
            ("lib/", "", FOLDER | 0o755),
            ("lib/", "", FOLDER | 0o700),
        ),
        folder,
    )

    assert (folder / "a").read_text() == "new"
    assert modes_in(folder) == {"a": 0o644, "b": 0o644, "lib": 0o700}
    assert os.readlink(folder / "c") == "a"
    assert (folder.parent / "outside" / "precious").read_text() == "as it was"


def test_a_servers_data_folder_is_not_unpacked(folder: Path) -> None:
    """exh packs the folder of the code whole, and a server may have been started in there."""
    data = ("lock", "taskdock.db", "credentials", "code/abc/main.py", "code/abc/.taskdock/lock")
    unpack(
        zipped(
            *(
                (f"{path}/{name}", "", FILE | 0o600)
                for path in (".taskdock", "a/b")
                for name in data
            ),
            ("a/b/link", "lock", LINK | 0o777),
            ("main.py", "", FILE | 0o644),
            ("a/lock", "", FILE | 0o644),
            ("other/taskdock.db", "", FILE | 0o644),
            (".taskdock2/lock", "", FILE | 0o644),
        ),
        folder,
    )

    found = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    assert found == [".taskdock2/lock", "a/lock", "main.py", "other/taskdock.db"]
    assert not (folder / ".taskdock").exists()


def test_two_names_that_are_one_to_the_file_system_are_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As macOS's may: one for which `Evil` and `evil` are the same is made of one that differs."""
    real = os.symlink
    monkeypatch.setattr(os, "symlink", lambda target, link: real(target, link.lower()))
    archive = zipped(("EVIL", "../outside", LINK | 0o777), ("evil/precious", "x", FILE | 0o644))

    with pytest.raises(BadFunctionCode, match=r"'EVIL', and something else.* rename one of them"):
        unpack(archive, folder)

    assert (folder.parent / "outside" / "precious").read_text() == "as it was"


@pytest.mark.parametrize("fault", [errno.EILSEQ, errno.EINVAL, errno.ENAMETOOLONG])
def test_a_name_that_the_file_system_does_not_take_is_told(
    folder: Path, monkeypatch: pytest.MonkeyPatch, fault: int
) -> None:
    mkdir = os.mkdir

    def refuse(path: bytes, *rest: int) -> None:
        if b"li:b" in path:
            raise OSError(fault, os.strerror(fault))
        mkdir(path, *rest)

    monkeypatch.setattr(os, "mkdir", refuse)

    with pytest.raises(BadFunctionCode, match=r"cannot have a file of the name 'li:b'"):
        unpack(zipped(("li:b/a", "", FILE | 0o644)), folder)


# Links


LINKS = {
    "file": "lib/real.py",
    "folder": "lib",
    "lib/up": "../app.py",
    "nowhere": "not/here",
    "layer": "/opt/nodejs/node_modules",
    "far": "/../../" + "x" * 4000,
    "outside": "../outside",
    "machine": "/etc",
    "self": "self",
    "ping": "pong",
    "pong": "ping",
    "node_modules/.bin/tool": "../tool/cli.js",
    "libz.so": "libz.so.1",
    "libz.so.1": "libz.so.1.2.11",
    "tür": "lib/tür",
}
WITH_LINKS = zipped(
    *((name, target, LINK | 0o777) for name, target in LINKS.items()),
    ("app.py", "pass", FILE | 0o644),
    ("lib/real.py", "real", FILE | 0o644),
    ("libz.so.1.2.11", "so", FILE | 0o755),
    ("node_modules/tool/cli.js", "", FILE | 0o755),
)


def links_in(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): os.readlink(path)
        for path in tree.paths(folder)
        if path.is_symlink()
    }


def test_links_stay_links_wherever_they_lead(folder: Path) -> None:
    unpack(WITH_LINKS, folder)

    assert links_in(folder) == LINKS
    assert (folder / "file").read_text() == "real"


@pytest.mark.parametrize(
    ("entries", "complaint"),
    [
        ([("x", "/etc", LINK), ("x/y/z", "", FILE)], "'x' both as a link and as a folder"),
        ([("x", "", FILE), ("x/y", "", FILE)], "'x' both as a file and as a folder"),
        ([("x", "a" * 4096, LINK)], "a link whose target cannot be one: 'x'; it must be 1 to 4095"),
        ([("x", "", LINK)], "a link whose target cannot be one: 'x'; it must be 1 to 4095 bytes"),
        ([("x", "", stat.S_IFIFO)], "no file, folder or link: 'x'; put the file itself"),
        ([("x/../y", "", FILE)], "a bad path, which leads out of the code's folder: 'x/../y'"),
        ([("/x", "", FILE)], "a bad path, which leads out of the code's folder: '/x'"),
        ([("", "", FILE)], "an entry with a bad path, which names nothing: ''"),
        ([("ü" * 128, "", FILE)], "a bad path, with a name of more than 255 bytes: 'ü"),
        ([("ü/" * 342, "", FOLDER)], "a bad path, of more than 1024 bytes: 'ü/"),
        ([("d/" * 300 + "x", "", FILE)], "a bad path, of more than 300 folders in each other: 'd/"),
    ],
)
def test_a_refusal_names_the_entry(
    folder: Path, entries: list[tuple[str, str, int]], complaint: str
) -> None:
    with pytest.raises(BadFunctionCode) as refusal:
        unpack(zipped(*entries), folder)

    assert complaint in refusal.value.message


def test_an_encrypted_entry_is_named_as_such(folder: Path) -> None:
    archive = bytearray(zipped(("code.py", "x", FILE)))
    for header, flags in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        archive[archive.index(header) + flags] |= 1

    with pytest.raises(BadFunctionCode, match=r"an entry that is encrypted: 'code\.py'$"):
        unpack(bytes(archive), folder)

    assert not folder.exists()


def test_where_there_can_be_no_links_the_answer_says_so(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "symlink", refuse)

    with pytest.raises(BadFunctionCode, match=r"cannot hold links .*choose another --data-dir"):
        unpack(WITH_LINKS, folder)


def test_the_links_of_the_zip_command_are_taken(folder: Path, tmp_path: Path) -> None:
    if shutil.which("zip") is None:
        parts.missing("zip")
    made = tmp_path / "made"
    made.mkdir()
    (made / "lib.py").write_text("real")
    (made / "lib.py").chmod(0o640)
    (made / "tür.py").symlink_to("lib.py")
    command = ["zip", "--quiet", "--symlinks", "--recurse-paths", "../made.zip", "."]
    subprocess.run(command, cwd=made, check=True)

    unpack((tmp_path / "made.zip").read_bytes(), folder)

    assert links_in(folder) == {"tür.py": "lib.py"}
    assert modes_in(folder) == {"lib.py": 0o640}


# What is done with it later


def test_second_names_are_given_to_files_and_the_rest_is_made_anew(folder: Path) -> None:
    unpack(WITH_LINKS, folder)
    (folder / "lib").chmod(0o500)
    copy = folder.parent / "copy"
    copy.mkdir()

    tree.fill(copy, folder)

    assert links_in(copy) == LINKS
    assert modes_in(copy) == modes_in(folder)
    assert (copy / "app.py").samefile(folder / "app.py")
    assert not (copy / "lib").samefile(folder / "lib")


def test_where_files_can_have_one_name_only_they_are_copied(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EMLINK, "Too many links")

    monkeypatch.setattr(os, "link", refuse)
    unpack(WITH_LINKS, folder)
    copy = folder.parent / "copy"
    copy.mkdir()

    tree.fill(copy, folder)

    assert links_in(copy) == LINKS
    assert modes_in(copy) == modes_in(folder)
    assert not (copy / "app.py").samefile(folder / "app.py")


def test_removing_follows_no_link(folder: Path) -> None:
    unpack(WITH_LINKS, folder)
    (folder.parent / "link").symlink_to("outside")
    before = stat.S_IMODE((folder.parent / "outside").stat().st_mode)

    tree.remove(folder)
    tree.remove(folder.parent / "link")
    tree.remove(folder.parent / "nothing")

    assert [path.name for path in folder.parent.iterdir()] == ["outside"]
    assert stat.S_IMODE((folder.parent / "outside").stat().st_mode) == before
    assert (folder.parent / "outside" / "precious").read_text() == "as it was"


def test_folders_may_be_three_hundred_deep(folder: Path) -> None:
    deep = "d/" * 299 + "x"
    unpack(zipped((deep, "deep", FILE | 0o644)), folder)
    copy = folder.parent / "copy"
    copy.mkdir()

    tree.fill(copy, folder)

    assert (copy / deep).read_text() == "deep"
    tree.remove(folder)
    tree.remove(copy)
    assert [path.name for path in folder.parent.iterdir()] == ["outside"]


def open_folders() -> set[str]:
    """The descriptors of folders. Other threads of this process may open sockets and files."""
    found = set()
    for number in os.listdir("/proc/self/fd"):
        with suppress(OSError):  # of this very list
            if stat.S_ISDIR(os.fstat(int(number)).st_mode):
                found.add(number)
    return found


def test_a_tree_of_any_depth_is_removed_in_steps(folder: Path) -> None:
    """Deeper than a path can be long, than a program may call itself, than it may open folders."""
    parent, name = os.open(folder.parent, os.O_RDONLY), "code"
    for _ in range(3000):
        os.mkdir(name, 0o700, dir_fd=parent)
        inner = os.open(name, os.O_RDONLY, dir_fd=parent)
        os.close(parent)
        parent, name = inner, "d" * 9
        os.close(os.open("file", os.O_CREAT | os.O_WRONLY, dir_fd=parent))
    os.close(parent)
    open_before = open_folders()

    steps = opened = 0
    for _ in tree.removing(folder):
        steps += 1
        opened = max(opened, len(open_folders() - open_before))

    assert not folder.exists()
    assert steps >= 6000
    assert opened <= 16


def test_what_cannot_be_removed_ends_the_removal(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unpack(zipped(("a/b/c", "", FILE | 0o644), ("a/d", "", FILE | 0o644)), folder)
    real = os.unlink

    def refuse(path: str) -> None:
        if path.endswith("c"):
            raise PermissionError(errno.EPERM, "Operation not permitted")
        real(path)

    monkeypatch.setattr(os, "unlink", refuse)
    tree.remove(folder)

    assert [path.name for path in tree.paths(folder) if path.is_file()] == ["c"]


@pytest.mark.parametrize(
    ("entries", "light"),
    [
        ([("a", "", FILE | 0o644), ("l", "/etc", LINK | 0o777)], True),
        ([("a", "", FILE | 0o400), ("f/b", "", FILE | 0o644)], True),
        ([("a", "", FILE | 0o044)], False),
        ([("a", "", FILE | 0o644), ("f/", "", FOLDER | 0o055)], False),
        ([("a", "", FILE | 0o644), ("f/", "", FOLDER | 0o300)], False),
        ([(f"{n}", "", FILE | 0o644) for n in range(5)], True),
        ([(f"{n}", "", FILE | 0o644) for n in range(6)], False),
        ([(f"{n}", "a", LINK | 0o777) for n in range(6)], False),
        ([("d/e/f/g/h/i", "", FILE | 0o644)], False),
    ],
)
def test_code_is_light_when_little_has_to_be_copied_and_all_can_be(
    folder: Path, entries: list[tuple[str, str, int]], light: bool
) -> None:
    unpack(zipped(*entries), folder)

    assert tree.is_light(folder, 5) is light


CLOSED = [
    ("app.py", "pass", FILE | 0o000),
    ("shut/", "", FOLDER | 0o000),
    ("shut/deep/", "", FOLDER | 0o000),
    ("shut/deep/in.py", "", FILE | 0o000),
    ("shut/link", "/etc", LINK | 0o777),
    ("fixed/", "", FOLDER | 0o555),
    ("fixed/in.py", "", FILE | 0o444),
]
AS_ANOTHER = """
import hashlib, os, stat, sys
from pathlib import Path
from taskdock.lambdas.functions import tree
from taskdock.lambdas.functions.code import CodeStore

assert os.geteuid() != 0
store = CodeStore(Path("code"))
digest = store.add(Path("code.zip").read_bytes())
folder = store.folder(digest)
print([oct(stat.S_IMODE((folder / name).stat().st_mode)) for name in ("app.py", "shut", "fixed")])
print(store.is_light(digest))
readable = store.add(Path("readable.zip").read_bytes())
print(store.is_light(readable))
store.stage("one")
store.fill("one", readable)
store.unstage("one")
store.keep_only(set())
for path in store.set_aside():
    tree.remove(path)
print(os.listdir("code"))
"""


@pytest.fixture
def home() -> Iterator[Path]:
    """A folder that another user can get at."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


def test_a_server_that_is_not_root_can_make_and_remove_what_is_closed_to_it(home: Path) -> None:
    if os.geteuid() != 0:
        parts.missing("root")
    (home / "code.zip").write_bytes(zipped(*CLOSED))
    (home / "readable.zip").write_bytes(zipped(*CLOSED[-2:]))
    (home / "bound").mkdir()
    os.chown(home, another_user.ID, another_user.ID)

    done = subprocess.run(
        another_user.python(home / "bound", "-c", AS_ANOTHER),
        env={**os.environ, "HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    modes, light, readable, left = done.stdout.splitlines()
    assert modes == "['0o0', '0o0', '0o555']"
    assert (light, readable, left) == ("False", "True", "[]")
