"""Function code: what is unpacked, and what is refused with nothing left behind."""

import base64
import io
import stat
import zipfile

import pytest

from taskdock.base.errors import BadFunctionCode
from taskdock.lambdas.functions import code
from taskdock.lambdas.functions.code import CodeStore
from taskdock.lambdas.functions.zips.zip_limits import MAX_UNZIPPED, ZipLimits
from tests.support.zips import zipped

FILE = stat.S_IFREG | 0o644
PROGRAM = stat.S_IFREG | 0o700
LINK = stat.S_IFLNK | 0o777
FOLDER = stat.S_IFDIR | 0o755
GOOD = zipped(("app.py", "pass", FILE), ("lib/tool", "#!/bin/sh", PROGRAM))


@pytest.fixture
def store(tmp_path):
    return CodeStore(tmp_path / "code")


def test_the_same_zip_is_unpacked_once(store, monkeypatch):
    digest = store.add(GOOD)
    monkeypatch.delattr(code, "unpack")

    assert store.add(GOOD) == digest


def test_of_two_that_unpack_the_same_zip_at_once_either_may_be_faster(store, tmp_path, monkeypatch):
    unpack = code.unpack

    def unpack_second(archive, folder, *rest):
        unpack(archive, folder, *rest)
        monkeypatch.setattr(code, "unpack", unpack)
        CodeStore(tmp_path / "code").add(archive)

    monkeypatch.setattr(code, "unpack", unpack_second)

    digest = store.add(GOOD)

    assert sorted(path.name for path in store.folder(digest).iterdir()) == ["app.py", "lib"]
    assert sorted(path.name for path in (tmp_path / "code").iterdir()) == [digest, f"{digest}.size"]


def bomb():
    return zipped(*((f"zeros{n}", b"\0" * 60_000_000, FILE) for n in range(5)))


def too_large():
    return b"x" * (code.MAX_ZIPPED + 1)


def lying(archive, size):
    """The same zip with another size in the headers of every entry."""
    for entry in zipfile.ZipFile(io.BytesIO(archive)).infolist():
        said = entry.file_size.to_bytes(4, "little")
        archive = archive.replace(said, size.to_bytes(4, "little"))
    return archive


def path_of(length):
    """A path of so many characters, whose names are no longer than they may be."""
    return ("x" * 200 + "/") * (length // 201) + "y" * (length % 201)


@pytest.mark.parametrize(
    "archive",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"this is no zip", id="no zip"),
        pytest.param(GOOD[:-30], id="cut off"),
        pytest.param(zipped(), id="no entry"),
        pytest.param(zipped(("folder/", "", stat.S_IFDIR | 0o755)), id="only a folder"),
        pytest.param(zipped(("../evil", "x", FILE)), id="leaves the folder"),
        pytest.param(zipped(("a/../../evil", "x", FILE)), id="leaves it on a detour"),
        pytest.param(zipped(("/etc/evil", "x", FILE)), id="absolute path"),
        pytest.param(zipped(("", "x", FILE)), id="no name"),
        pytest.param(zipped((".", "x", FILE)), id="the name of the folder itself"),
        pytest.param(zipped(("pipe", "", stat.S_IFIFO | 0o644)), id="pipe"),
        pytest.param(zipped(("disk", "", stat.S_IFBLK | 0o644)), id="device"),
        pytest.param(zipped(("socket", "", stat.S_IFSOCK | 0o644)), id="socket"),
        pytest.param(zipped(("x", "/etc", LINK), ("x/passwd", "x", FILE)), id="through a link"),
        pytest.param(zipped(("x/passwd", "x", FILE), ("x", "/etc", LINK)), id="link put over it"),
        pytest.param(zipped(("x/", "", FOLDER), ("x", "..", LINK)), id="link in a folder's place"),
        pytest.param(zipped(("x", "..", LINK), ("x/y", "/", LINK)), id="link through a link"),
        pytest.param(zipped(("x", "..", LINK), ("x/y/", "", FOLDER)), id="folder through a link"),
        pytest.param(
            zipped(("./x", "..", LINK), ("a/.//x", "", FILE), ("x//y", "", FILE)),
            id="through a link with another spelling",
        ),
        pytest.param(zipped(("link", "", LINK)), id="link to no name"),
        pytest.param(zipped(("link", "a\0b", LINK)), id="link with a zero byte"),
        pytest.param(zipped(("link", "a" * 4096, LINK)), id="link that is too long"),
        pytest.param(lying(zipped(("z", b"\0" * 70_001, FILE)), 5), id="lying headers"),
        pytest.param(zipped(("a", "x", FILE), ("a/b", "x", FILE)), id="file and folder"),
        pytest.param(zipped((path_of(1025), "x", FILE)), id="path too long"),
        pytest.param(zipped(("x" * 256, "x", FILE)), id="name too long"),
        pytest.param(zipped(("ü" * 128, "x", FILE)), id="name too long in bytes"),
        pytest.param(zipped(("a", "x", FILE), packing=zipfile.ZIP_BZIP2), id="bzip2"),
        pytest.param(zipped(("a", "x", FILE), packing=zipfile.ZIP_LZMA), id="lzma"),
    ],
)
def test_a_zip_that_cannot_be_trusted_is_refused_and_leaves_nothing(store, tmp_path, archive):
    with pytest.raises(BadFunctionCode):
        store.add(archive)

    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("make", [bomb, too_large])
def test_a_zip_of_too_much_is_refused_and_leaves_nothing(store, tmp_path, make):
    with pytest.raises(BadFunctionCode):
        store.add(make())

    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("size", [5, 70_000])
@pytest.mark.parametrize("packing", [zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED])
def test_of_entries_that_lie_no_more_is_written_than_they_say(
    store, tmp_path, monkeypatch, size, packing
):
    """What the limit is compared with is what they say."""
    entries = [("a", b"\0" * 70_001, FILE), ("b", b"\0" * 70_002, FILE)]
    archive = lying(zipped(*entries, packing=packing), size)
    monkeypatch.setattr(code.tree, "remove", lambda _: None)

    with pytest.raises(BadFunctionCode, match="while unzipping the code: 'a' is damaged"):
        store.add(archive)

    assert sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file()) <= 2 * size


def test_a_path_may_be_as_long_as_this(store):
    folder = store.folder(store.add(zipped((path_of(1024), "x", FILE))))

    assert (folder / path_of(1024)).read_text() == "x"


def test_a_zip_makes_so_many_files_and_folders_and_no_more(tmp_path):
    store = CodeStore(tmp_path / "code", zip_limits=ZipLimits(entries=3))
    entries = [(f"{number}.py", "", FILE) for number in range(4)]

    store.add(zipped(*entries[:3]))
    store.add(zipped(("a/b/c", "", FILE)))
    for too_many in (entries, [("a/b/c/d", "", FILE)], [(f"{n}", "a", LINK) for n in range(4)]):
        with pytest.raises(BadFunctionCode, match="more than 3 files and folders"):
            store.add(zipped(*too_many))


def test_code_has_so_many_bytes_in_all_and_no_more(tmp_path):
    store = CodeStore(tmp_path / "code", zip_limits=ZipLimits(unzipped=2_000_000))
    halves = [("a", b"\0" * 1_000_000, FILE), ("b", b"\0" * 1_000_000, FILE)]

    store.add(zipped(*halves))
    with pytest.raises(BadFunctionCode, match="1 MB unzipped"):
        store.add(zipped(*halves, ("c", b"\0", FILE)))


def test_the_limits_are_awss_and_the_services():
    assert code.MAX_ZIPPED == 10 * 1024 * 1024
    assert code.MAX_ZIPPED_BY_AWS == 50 * 1024 * 1024
    assert ZipLimits().unzipped == MAX_UNZIPPED == 250 * 1024 * 1024


def test_base64_of_too_much_is_refused_before_it_is_read():
    with pytest.raises(BadFunctionCode, match="over 1 MB"):
        code.decode("*" * 2_000_000, limit=1024 * 1024)


@pytest.mark.parametrize("text", ["***", "YQ=", "a", "ü"])
def test_what_is_not_base64_is_refused(text):
    with pytest.raises(BadFunctionCode, match="base64"):
        code.decode(text)


def test_base64_may_be_broken_into_lines():
    text = base64.encodebytes(GOOD).decode()

    assert code.decode(text) == GOOD


def test_tidying_keeps_only_what_is_named(store):
    kept, dropped = store.add(GOOD), store.add(zipped(("b.py", "pass", FILE)))

    store.keep_only({kept})

    assert store.folder(kept).is_dir()
    assert not store.folder(dropped).exists()


def test_code_that_no_function_has_is_removed_an_hour_later(store):
    kept, dropped = store.add(GOOD), store.add(zipped(("b.py", "pass", FILE)))
    staged = store.stage("oak")

    store.sweep({kept}, 100.0)
    store.sweep({kept}, 3699.0)
    assert store.folder(dropped).is_dir()
    store.sweep({kept}, 3700.0)

    assert not store.folder(dropped).exists()
    assert store.size(dropped) == 0
    assert store.folder(kept).is_dir()
    assert staged.is_dir()


def test_code_that_a_function_has_again_begins_a_new_hour(store):
    digest = store.add(GOOD)

    store.sweep(set(), 0.0)
    store.sweep({digest}, 1800.0)
    store.sweep(set(), 3600.0)
    store.sweep(set(), 7199.0)

    assert store.folder(digest).is_dir()
    store.sweep(set(), 7200.0)
    assert not store.folder(digest).exists()


def test_the_size_of_a_zip_is_known_after_it_was_unpacked(store):
    digest = store.add(GOOD)

    assert store.size(digest) == len(GOOD)
    store.keep_only({digest})
    assert store.size(digest) == len(GOOD)
    store.keep_only(set())
    assert store.size(digest) == 0


def test_a_zip_over_the_limit_is_refused(store):
    with pytest.raises(BadFunctionCode):
        store.add(GOOD, limit=len(GOOD) - 1)

    assert store.add(GOOD, limit=len(GOOD))
