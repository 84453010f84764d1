"""Zips against the server: what they may make, how long others wait for it, and what is left of it.

A hostile zip is refused with 400 before anything is written; a large one holds up nobody.
"""

from __future__ import annotations

import os
import stat
import struct
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests

from taskdock.base import ids
from taskdock.base.errors import BadFunctionCode, StartupError
from taskdock.lambdas.functions import code as code_module
from taskdock.lambdas.functions import tree
from taskdock.lambdas.functions.code import MAX_ZIPPED, CodeStore
from taskdock.lambdas.functions.sweeper import Sweeper
from taskdock.lambdas.functions.zips import unpacking, zip_index
from taskdock.lambdas.functions.zips.layout import lay_out
from taskdock.lambdas.functions.zips.zip_limits import ZipLimits
from taskdock.testing.dock import new_function
from taskdock.testing.waiting import eventually
from taskdock.testing.zips import base64_of, zip_of
from tests.fidelity.conftest import live  # noqa: F401
from tests.support.aws import ROLE, echo, lambda_client, refused
from tests.support.builders import Dock, Json, StartDock, summary
from tests.support.live_dock import Deployed, LiveDock
from tests.support.small_disk import SmallDisk, small_disk
from tests.support.zips import zipped

FILE, LINK, FOLDER = stat.S_IFREG | 0o644, stat.S_IFLNK | 0o777, stat.S_IFDIR | 0o755
_CENTRAL = struct.Struct("<4s4B4HL2L5H2L")
_END = struct.Struct("<4s4H2LH")


def deploy(dock: Dock, archive: bytes, name: str = "walnut-table") -> requests.Response:
    return dock.post("/functions/", new_function(name, code=base64_of(archive)))


def code_of(dock: Dock) -> Path:
    return dock.emulator.settings.data_dir / "code"


def lying_there(dock: Dock) -> list[str]:
    folder = code_of(dock)
    return sorted(os.listdir(folder)) if folder.is_dir() else []


def index_of(
    *names: bytes, extra: bytes = b"", comment: bytes = b"", packed: int = 0, flags: int = 0
) -> bytes:
    """A zip that has nothing but an index, of entries that claim to have so many packed bytes."""
    index = b"".join(
        _CENTRAL.pack(
            *(b"PK\1\2", 20, 3, 20, 0, flags, 0, 0, 33, 0, packed, packed),
            *(len(name), len(extra), len(comment), 0, 0, FILE << 16, 0),
        )
        + name
        + extra
        + comment
        for name in names
    )
    count = len(names) & 0xFFFF
    return index + _END.pack(b"PK\5\6", 0, 0, count, count, len(index), 0, 0)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with small_disk(tmp_path / "small") as disk:
        yield disk


def test_a_disk_that_is_full_while_a_zip_is_unpacked_is_named_and_nothing_lies_there(
    disk: SmallDisk,
) -> None:
    dock = Dock(disk.folder / "data")
    larger = zip_of({f"{number}.bin": "0" * 1024 * 1024 for number in range(20)})  # in 20 kB
    try:
        refused = deploy(dock, larger)

        assert refused.status_code == 507, refused.text
        assert "is full" in refused.json()["message"]
        assert lying_there(dock) == []
        assert deploy(dock, zip_of({"main.py": "x = 1"})).status_code == 200
    finally:
        dock.stop()


def test_each_zip_has_code_of_its_own(tmp_path: Path) -> None:
    """Its name is of all of its bytes: none can be made that is taken for another's."""
    store = CodeStore(tmp_path / "code")
    one, other = zip_of({"main.py": "x = 1"}), zip_of({"main.py": "x = 2"})

    first, second = store.add(one), store.add(other)
    behind = store.add(other + b"\0")

    assert len({first, second, behind}) == 3
    assert (store.folder(first) / "main.py").read_text() == "x = 1"
    assert (store.folder(second) / "main.py").read_text() == "x = 2"


def test_code_that_is_staged_for_one_container_is_never_that_of_anothers(tmp_path: Path) -> None:
    """The same files under second names: who stages one twice gets nothing of what was there."""
    store = CodeStore(tmp_path / "code")
    digest = store.add(zip_of({"main.py": "x = 1"}))
    store.stage("walnut")
    store.fill("walnut", digest)

    with pytest.raises(FileExistsError):
        store.stage("walnut")
    store.unstage("walnut")

    assert (store.folder(digest) / "main.py").read_text() == "x = 1"


@pytest.mark.docker
@pytest.mark.timeout(300)
def test_no_file_of_a_zip_has_the_rights_of_its_owner_in_a_container(
    live: LiveDock,  # noqa: F811
) -> None:
    files = ("main.py", "setuid", "setgid", "sticky", "all")
    bits = dict(zip(files, (0o644, 0o4755, 0o2755, 0o1755, 0o7777), strict=True))
    code = (
        "import os\ndef handler(event, context):\n    return {n: os.stat(n).st_mode for n in event}"
    )
    archive = zipped(*((name, code, stat.S_IFREG | mode) for name, mode in bits.items()))
    function = live.emulator.catalog.deploy(
        f"bits-{ids.word(8)}",
        zipped=archive,
        runtime="python3.11",
        entry_point="main.handler",
        time_limit=10,
    )

    modes = Deployed(live.emulator, function).call(list(files)).result

    assert {name: stat.S_IMODE(mode) for name, mode in modes.items()} == {
        "main.py": 0o644,
        **dict.fromkeys(files[1:], 0o755),
    }


# What a zip may make


HOSTILE = {
    "folders in each other": (
        zip_of({"d/" * 301 + "x": ""}),
        "more than 300 folders in each other",
    ),
    "implied folders": (
        zip_of({f"{n}/" + "d/" * 98 + "x": "" for n in range(260)}),
        "more than 25000 folders",
    ),
    "empty name": (zip_of({"index.py": "", "": "x"}), "names nothing"),
    "a dot": (zip_of({"index.py": "", ".": "x"}), "names nothing"),
    "a zero byte": (index_of(b"\0index.py"), "names nothing"),
    "a slash": (zip_of({"index.py": "", "/": ""}), "leads out"),
    "dots": (zip_of({"../evil": "x"}), "leads out"),
    "dots inside": (zip_of({"a/../../evil": "x"}), "leads out"),
    "absolute": (zip_of({"/etc/evil": "x"}), "leads out"),
    "absolute folder": (zip_of({"index.py": "", "//etc/": ""}), "leads out"),
    "long name": (zip_of({"x" * 256: ""}), "a name of more than 255 bytes"),
    "long name in bytes": (zip_of({"\N{SNOWMAN}" * 86: ""}), "a name of more than 255 bytes"),
    "long folder's name": (zip_of({"x" * 256 + "/index.py": ""}), "a name of more than 255"),
    "long path": (zip_of({("x" * 99 + "/") * 11: "", "a": ""}), "of more than 1024 bytes"),
    "long path in bytes": (zip_of({("ü" * 99 + "/") * 6: "", "a": ""}), "more than 1024 bytes"),
    "no UTF-8": (index_of(b"\xff\xfe.py", flags=0x800), "while unzipping the code"),
    "surrogates": (index_of(b"\xed\xa0\x80.py", flags=0x800), "while unzipping the code"),
    "file as a folder": (zip_of({"a": "", "a/b": ""}), "both as a file and as a folder"),
    "link as a folder": (
        zipped(("a", "/etc", LINK), ("a/passwd", "x", FILE)),
        "both as a link and as a folder",
    ),
    "pipe": (zipped(("a", "", stat.S_IFIFO | 0o644)), "no file, folder or link"),
    "disk": (zipped(("a", "", stat.S_IFBLK | 0o644)), "no file, folder or link"),
    "terminal": (zipped(("a", "", stat.S_IFCHR | 0o644)), "no file, folder or link"),
    "socket": (zipped(("a", "", stat.S_IFSOCK | 0o644)), "no file, folder or link"),
    "many entries": (index_of(*[b"a"] * 100_001), "more than 100000 files and folders"),
    "many without names": (index_of(*[b""] * 200_000), "more than 100000 files and folders"),
    "extra fields": (
        index_of(*[b"a"] * 300, extra=b"\x09\0\0\0" * 16_000),
        "more than 16 MB of extra fields",
    ),
    "comments": (index_of(*[b"a"] * 300, comment=b"c" * 65_000), "16 MB of extra fields and"),
    "entries in each other": (index_of(b"a", b"b", packed=100), "they lie in each other"),
    "no zip": (b"PK\5\6" + b"\xff" * 18, "while unzipping the code"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_zip_is_refused_in_one_sentence_before_anything_is_written(
    shared: Dock, case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unpacking, "_write", lambda *_: pytest.fail("it is written"))
    archive, complaint = HOSTILE[case]
    aws = lambda_client(shared.emulator.url)

    error = refused(
        aws.create_function,
        FunctionName="oak",
        Runtime="python3.11",
        Handler="index.handler",
        Role=ROLE,
        Code={"ZipFile": archive},
    )

    assert (error["Code"], error["status"]) == ("InvalidParameterValueException", 400)
    assert complaint in error["Message"]
    if len(archive) <= MAX_ZIPPED:
        answer = deploy(shared, archive)
        assert summary(answer) == (400, 1401)
        assert complaint in answer.json()["message"]
    assert lying_there(shared) == []


def test_all_paths_together_are_bounded(tmp_path: Path) -> None:
    store = CodeStore(tmp_path / "code", zip_limits=ZipLimits(paths=100))

    store.add(zip_of({"a" * 48 + "/" + "b": "", "c": ""}))  # 48 + 50 + 1
    with pytest.raises(BadFunctionCode, match="more than 100 bytes together"):
        store.add(zip_of({"a" * 48 + "/" + "b": "", "ccc": ""}))
    with pytest.raises(BadFunctionCode, match="names in the zip have more than 100 bytes"):
        store.add(zip_of({"a" * 101: ""}))


def test_an_index_of_50_mb_makes_no_objects(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[object] = []
    real = zip_index.zipfile.ZipInfo.__init__

    def count(self: Any, *rest: Any, **named: Any) -> None:
        made.append(self)
        real(self, *rest, **named)

    monkeypatch.setattr(zip_index.zipfile.ZipInfo, "__init__", count)

    with pytest.raises(BadFunctionCode, match="more than 100000"):
        unpacking.unpack(index_of(*[b""] * 1_139_000), Path("nowhere"))

    assert made == []


def test_a_large_package_is_taken() -> None:
    """A Python environment with all that a project is developed with, as one was seen: 44,000 files
    in 5,500 folders, up to 14 deep. A `node_modules` of 30,000 files is smaller."""
    archive = zip_of(
        {
            f"lib/python3.11/site-packages/a/b/c/d/e/f/g/p{n // 80}/m{n // 8 % 10}/{n}.py": ""
            for n in range(44_000)
        }
    )

    with zip_index.opened(archive, ZipLimits()) as opened:
        layout = lay_out(opened.infolist(), ZipLimits())

    assert len(layout.files) == 44_000
    assert len(layout.folders) > 5_500


def test_names_of_windows_are_names_and_lead_nowhere(dock: Dock) -> None:
    names = ["..\\evil", "C:\\evil", "C:evil", "\\\\host\\share", "\\etc\\passwd", "CON", "a:b"]

    assert deploy(dock, zipped(*((name, "x", FILE) for name in names))).status_code == 200

    (digest,) = [name for name in lying_there(dock) if not name.endswith(".size")]
    assert sorted(os.listdir(code_of(dock) / digest)) == sorted(names)


def test_the_code_of_a_zip_is_nobody_elses_and_gives_nobody_rights(dock: Dock) -> None:
    """Set-user-ID, set-group-ID and sticky bits do not arrive, nor that others may write."""
    archive = zipped(
        ("tool", "#!/bin/sh\n", stat.S_IFREG | 0o6777), ("open/", "", stat.S_IFDIR | 0o7777)
    )

    assert deploy(dock, archive).status_code == 200

    (digest,) = [name for name in lying_there(dock) if not name.endswith(".size")]
    modes = [
        stat.S_IMODE((code_of(dock) / digest / name).stat().st_mode) for name in ("tool", "open")
    ]
    assert modes == [0o755, 0o755]


def test_links_of_a_zip_are_never_followed_by_the_server(dock: Dock, tmp_path: Path) -> None:
    """Not when it is unpacked, handed out again, or removed."""
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "secret").write_text("as it was")
    archive = zipped(
        ("index.py", "", FILE),
        ("out", str(precious), LINK),
        ("file", str(precious / "secret"), LINK),
    )
    assert deploy(dock, archive).status_code == 200

    handed_out = dock.call("GET", "/functions/walnut-table/code", base="/2015-03-31")
    assert dock.call("DELETE", "/functions/walnut-table").status_code == 200
    dock.stop()
    sweep(dock)

    assert handed_out.status_code == 200
    assert b"as it was" not in handed_out.content
    assert (precious / "secret").read_text() == "as it was"


# Nobody waits for another's zip


class Slow:
    """Has each unpacking wait where it begins."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._real = code_module.unpack
        self.begun: list[Path] = []
        self.go_on = threading.Event()
        monkeypatch.setattr(code_module, "unpack", self._unpack)

    def _unpack(
        self, archive: bytes, folder: Path, go_on: Callable[[], object], limits: ZipLimits
    ) -> None:
        if b"slow.py" not in archive:
            self._real(archive, folder, go_on, limits)
            return
        folder.mkdir()  # as if some of it were written
        self.begun.append(folder)
        assert self.go_on.wait(60)
        folder.rmdir()
        self._real(archive, folder, go_on, limits)

    def await_begin(self, count: int = 1) -> None:
        eventually(lambda: len(self.begun) >= count)


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Iterator[Slow]:
    slow = Slow(monkeypatch)
    yield slow
    slow.go_on.set()


@pytest.fixture
def others(slow: Slow) -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4) as executor:
        yield executor
        slow.go_on.set()  # else a test that fails waits for them


SLOW = zip_of({"slow.py": ""})


def test_nothing_waits_while_a_zip_is_unpacked(
    dock: Dock, slow: Slow, others: ThreadPoolExecutor
) -> None:
    dock.deploy(echo, "oak-chair")
    waiting = others.submit(deploy, dock, SLOW)
    slow.await_begin()

    assert deploy(dock, zip_of({"a.py": ""}), "elm-stool").status_code == 200
    assert dock.put("/functions/oak-chair", {"enabled": False}).status_code == 200
    assert dock.put("/functions/oak-chair", {"enabled": True}).status_code == 200
    assert dock.execute("oak-chair", {"wood": 7}).status_code == 200
    names = [each["name"] for each in dock.get("/functions/").json()["data"]]
    assert dock.call("DELETE", "/functions/elm-stool").status_code == 200
    assert dock.get("/functions/walnut-table").status_code == 404
    dock.emulator.catalog.sweep()
    assert not waiting.done()

    slow.go_on.set()
    assert waiting.result().status_code == 200
    assert sorted(names) == ["elm-stool", "oak-chair"]
    assert len(slow.begun) == 1


def test_the_same_zip_for_two_functions_at_once_is_unpacked_once(
    dock: Dock, slow: Slow, others: ThreadPoolExecutor
) -> None:
    both = [others.submit(deploy, dock, SLOW, name) for name in ("oak", "elm")]
    slow.await_begin()
    slow.go_on.set()

    assert [each.result().status_code for each in both] == [200, 200]
    assert len(slow.begun) == 1
    assert len(lying_there(dock)) == 2  # the folder, and its size


def test_of_two_deploys_of_one_name_at_once_one_is_told_that_it_exists(
    dock: Dock, slow: Slow, others: ThreadPoolExecutor
) -> None:
    late = others.submit(deploy, dock, SLOW)
    slow.await_begin()

    assert deploy(dock, zip_of({"first.py": ""})).status_code == 200
    slow.go_on.set()

    assert summary(late.result()) == (400, 17)
    assert code_files(dock) == ["first.py"]


def test_of_two_updates_at_once_the_last_to_end_wins_and_both_are_answered(
    dock: Dock, slow: Slow, others: ThreadPoolExecutor
) -> None:
    assert deploy(dock, zip_of({"a.py": ""})).status_code == 200

    def change(archive: bytes, **fields: Any) -> requests.Response:
        return dock.put("/functions/walnut-table", {"code": base64_of(archive), **fields})

    late = others.submit(change, SLOW, description="late")
    slow.await_begin()
    assert change(zip_of({"b.py": ""}), timeLimit=77).status_code == 200
    assert code_files(dock) == ["b.py"]
    slow.go_on.set()

    assert late.result().status_code == 200
    function: Json = dock.get("/functions/walnut-table").json()
    assert (function["description"], function["timeLimit"]) == ("late", 77)
    assert code_files(dock) == ["slow.py"]


def test_an_update_with_a_revision_that_was_overtaken_is_refused(
    dock: Dock, slow: Slow, others: ThreadPoolExecutor
) -> None:
    assert deploy(dock, zip_of({"a.py": ""})).status_code == 200
    aws = lambda_client(dock.emulator.url)
    revision = aws.get_function_configuration(FunctionName="walnut-table")["RevisionId"]
    change = {"FunctionName": "walnut-table", "ZipFile": SLOW, "RevisionId": revision}
    late = others.submit(refused, aws.update_function_code, **change)
    slow.await_begin()

    assert dock.put("/functions/walnut-table", {"description": "changed"}).status_code == 200
    slow.go_on.set()

    assert late.result()["Code"] == "PreconditionFailedException"
    assert code_files(dock) == ["a.py"]


def test_an_update_of_a_function_that_is_deleted_meanwhile_is_told_so(
    dock: Dock, slow: Slow, others: ThreadPoolExecutor
) -> None:
    assert deploy(dock, zip_of({"a.py": ""})).status_code == 200
    late = others.submit(dock.put, "/functions/walnut-table", {"code": base64_of(SLOW)})
    slow.await_begin()

    assert dock.call("DELETE", "/functions/walnut-table").status_code == 200
    slow.go_on.set()

    assert late.result().status_code == 404
    assert dock.get("/functions/").json()["data"] == []


def code_files(dock: Dock, name: str = "walnut-table") -> list[str]:
    catalog = dock.emulator.catalog
    folder = catalog.code_folder(catalog.get(name))
    assert folder is not None
    return sorted(os.listdir(folder))


# What is left


def sweep(dock: Dock) -> None:
    """Starts a server on the same folder, and waits until it has swept."""
    again = Dock(dock.emulator.settings.data_dir)
    eventually(lambda: not [name for name in lying_there(again) if name.startswith(".")])
    again.stop()


def test_a_stop_ends_an_unpacking_and_the_next_start_removes_its_half(
    dock: Dock, slow: Slow, others: ThreadPoolExecutor
) -> None:
    late = others.submit(deploy, dock, SLOW)
    slow.await_begin()
    stop = others.submit(dock.stop)
    eventually(dock.emulator.foundation.code._closed.is_set)

    slow.go_on.set()

    assert late.result().status_code == 503
    stop.result()
    assert [name.partition("-")[0] for name in lying_there(dock)] == [".unpacking"]
    sweep(dock)
    assert lying_there(dock) == []


def test_a_start_does_not_wait_for_the_removal_of_code(
    start_dock: StartDock, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = start_dock()
    assert deploy(first, zip_of({"d/" * 50 + "x": "", "index.py": ""})).status_code == 200
    assert first.call("DELETE", "/functions/walnut-table").status_code == 200
    first.stop()
    go_on = threading.Event()
    real = tree.removing

    def removing(path: Path) -> Iterator[None]:
        assert not path.name.startswith(".removing") or go_on.wait(60)
        yield from real(path)

    monkeypatch.setattr(tree, "removing", removing)

    again = start_dock()

    assert [name.partition("-")[0] for name in lying_there(again)] == [".removing"] * 2
    assert deploy(again, zip_of({"index.py": ""})).status_code == 200
    go_on.set()
    eventually(lambda: len(lying_there(again)) == 2)


def test_a_stop_ends_the_removal_of_code_and_the_next_start_goes_on(
    tmp_path: Path, dock: Dock
) -> None:
    store = CodeStore(tmp_path / "code")
    digest = store.add(zip_of({f"{n}.py": "" for n in range(1200)}))
    store.keep_only(set())
    sweeper = Sweeper(code=store, health=dock.emulator.health, notices=dock.emulator.notices)
    left = []
    for _ in range(3):
        sweeper.run_once()
        left.append(sum(path.suffix == ".py" for path in tree.paths(tmp_path / "code")))
    assert left == [1200, 700, 200]

    again = Sweeper(code=store, health=dock.emulator.health, notices=dock.emulator.notices)
    while again.run_once() < 1:
        pass

    assert list((tmp_path / "code").iterdir()) == []
    assert not store.folder(digest).exists()


def test_what_cannot_be_removed_is_told(
    tmp_path: Path, dock: Dock, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = CodeStore(tmp_path / "code")
    store.add(zip_of({"a.py": ""}))
    store.keep_only(set())
    monkeypatch.setattr(tree, "removing", lambda _: iter(()))
    sweeper = Sweeper(code=store, health=dock.emulator.health, notices=dock.emulator.notices)

    while sweeper.run_once() < 1:
        pass

    assert (
        "code that no function has cannot be removed" in dock.call("GET", "/health", base="").text
    )


def test_code_that_is_being_added_is_not_swept(tmp_path: Path) -> None:
    store = CodeStore(tmp_path / "code")
    archive = zip_of({"a.py": ""})
    digest = store.add(archive)
    store.sweep(set(), 0.0)

    with store.added(archive):
        store.sweep(set(), 5000.0)
        store.sweep(set(), 10_000.0)
        assert store.folder(digest).is_dir()

    store.sweep(set(), 10_001.0)
    store.sweep(set(), 13_601.0)
    assert not store.folder(digest).exists()


# A folder that somebody else has made


def test_code_is_never_what_a_link_leads_to(start_dock: StartDock, tmp_path: Path) -> None:
    """A checkout's folder may have a link where the code of a function would be."""
    host, archive = tmp_path / "host", zip_of({"index.py": ""})
    host.mkdir()
    (host / "secret").write_text("as it was")
    first = start_dock()
    assert deploy(first, archive).status_code == 200
    first.stop()
    (digest,) = [name for name in lying_there(first) if not name.endswith(".size")]
    tree.remove(code_of(first) / digest)
    (code_of(first) / f"{digest}.size").unlink()
    (code_of(first) / digest).symlink_to(host)
    (code_of(first) / f"{digest}.size").symlink_to(host / "secret")

    again = start_dock()
    refused = deploy(again, archive, "oak")

    assert refused.status_code == 503
    assert "is a symbolic link where taskdock has a folder" in refused.json()["message"]
    assert (host / "secret").read_text() == "as it was"
    assert os.listdir(host) == ["secret"]


def test_a_folder_of_code_that_is_a_link_is_refused_and_nothing_in_it_is_removed(
    start_dock: StartDock, tmp_path: Path
) -> None:
    first = start_dock()
    first.stop()
    home = tmp_path / "home"
    home.mkdir()
    (home / ("a" * 64)).write_text("as it was")
    code_of(first).symlink_to(home)

    with pytest.raises(StartupError, match=r"code is a symbolic link .* move it away, or choose"):
        start_dock()

    assert os.listdir(home) == ["a" * 64]


def test_what_is_not_codes_is_left_alone(start_dock: StartDock) -> None:
    first = start_dock()
    assert deploy(first, zip_of({"index.py": ""})).status_code == 200
    first.stop()
    (code_of(first) / "notes.txt").write_text("mine")

    again = start_dock()

    assert (code_of(again) / "notes.txt").read_text() == "mine"
