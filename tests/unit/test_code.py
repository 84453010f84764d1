"""Function code: what is unpacked, and what is refused with nothing left behind."""

import base64
import io
import os
import stat
import zipfile

import pytest

from emulator.errors import BadFunctionCode
from emulator.functions import code
from emulator.functions.code import CodeStore


def zipped(*entries):
    """Entries are (name, content, unix mode)."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content, mode in entries:
            info = zipfile.ZipInfo(name)
            info.external_attr = mode << 16
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, content)
    return buffer.getvalue()


FILE = stat.S_IFREG | 0o644
PROGRAM = stat.S_IFREG | 0o700
GOOD = zipped(("app.py", "pass", FILE), ("lib/tool", "#!/bin/sh", PROGRAM))


@pytest.fixture
def store(tmp_path):
    return CodeStore(tmp_path / "code")


def test_code_is_unpacked_readable_for_everyone_and_executable_where_the_zip_says(store):
    before = os.umask(0o077)
    try:
        folder = store.folder(store.add(GOOD))
    finally:
        os.umask(before)

    assert stat.S_IMODE((folder / "app.py").stat().st_mode) == 0o644
    assert stat.S_IMODE((folder / "lib/tool").stat().st_mode) == 0o755
    assert stat.S_IMODE((folder / "lib").stat().st_mode) == 0o755


def test_the_same_zip_is_unpacked_once(store):
    assert store.add(GOOD) == store.add(GOOD)


BOMB = zipped(*((f"zeros{n}", b"\0" * 60_000_000, FILE) for n in range(5)))


def lying(archive, size):
    """The same zip with another size in its headers."""
    entry = zipfile.ZipFile(io.BytesIO(archive)).infolist()[0]
    return archive.replace(entry.file_size.to_bytes(4, "little"), size.to_bytes(4, "little"))


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
        pytest.param(zipped(("..\\evil", "x", FILE)), id="backslash"),
        pytest.param(zipped(("link", "/etc/passwd", stat.S_IFLNK | 0o777)), id="symlink"),
        pytest.param(zipped(("pipe", "", stat.S_IFIFO | 0o644)), id="pipe"),
        pytest.param(BOMB, id="bomb"),
        pytest.param(lying(zipped(("z", b"\0" * 70_001, FILE)), 5), id="lying headers"),
        pytest.param(zipped(("a", "x", FILE), ("a/b", "x", FILE)), id="file and folder"),
        pytest.param(b"x" * (code.MAX_ZIPPED + 1), id="too large"),
    ],
)
def test_a_zip_that_cannot_be_trusted_is_refused_and_leaves_nothing(store, tmp_path, archive):
    with pytest.raises(BadFunctionCode):
        store.add(archive)

    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


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
