"""Whether a repository tracks a folder: then its files came from others, or go to them.

The index of Git and the dirstate of Mercurial are read here, and neither program is run: the
settings of a foreign checkout name programs that `git ls-files` itself would start (fsmonitor).

Git: https://git-scm.com/docs/index-format. Mercurial: `hg help internals.dirstate-v2`, and
https://wiki.mercurial-scm.org/DirState for version 1.
"""

from __future__ import annotations

import os
import stat
import struct
from collections.abc import Iterable, Iterator
from pathlib import Path

_MAX_INDEX = 1 << 30  # bytes
_HASHES = (20, 32)  # bytes, of SHA-1 and SHA-256
_STAT = 40  # bytes of an entry before its hash
_MODE = slice(24, 28)
_EXTENDED, _LENGTH = 0x4000, 0x0FFF
_HG_PARENTS = 40  # bytes
_HG_ENTRY = struct.Struct(">clllL")


def tracker(folder: Path, names: Iterable[str]) -> Path | None:
    """The top folder of a repository that tracks `folder` or files in it; None: no repository does.

    `folder` is an absolute path. Where the folder itself is the top of a repository, only its files
    and folders with one of `names` count.
    """
    for top in (folder, *folder.parents):
        paths = [str(folder.relative_to(top))] if top != folder else list(names)
        targets = [os.fsencode(path).lower() for path in paths]  # some file systems ignore case
        if any(_is_within(path.lower(), targets) for path in _tracked(top, targets)):
            return top
    return None


def _is_within(path: bytes, targets: Iterable[bytes]) -> bool:
    return any(path == target or path.startswith(target + b"/") for target in targets)


def _tracked(top: Path, targets: list[bytes]) -> Iterator[bytes]:
    """The paths that a repository at `top` tracks. Paths outside the targets may be left out, since
    an index can have a million."""
    git = _git_folder(top / ".git")
    if git is not None:
        index = _read(git / "index")
        shared = git.glob("sharedindex.*") if b"link" in index else ()  # `core.splitIndex`
        for data in (index, *(_read(path) for path in shared)):
            yield from _git_paths(data, targets)
    yield from _hg_paths(top / ".hg", targets)


def _git_folder(path: Path) -> Path | None:
    """The folder that `.git` is or names: in worktrees and submodules, `.git` is a file."""
    if os.path.isdir(path):
        return path
    line = os.fsdecode(_read(path).strip())
    return path.parent / line.removeprefix("gitdir:").strip() if line[:7] == "gitdir:" else None


def _git_paths(index: bytes, targets: list[bytes]) -> Iterator[bytes]:
    if index[:4] != b"DIRC" or len(index) < 12:
        return
    version, count = struct.unpack(">LL", index[4:12])
    plain = index.lower() if version < 4 else b""
    if plain and not any(target in plain for target in targets):
        return  # before version 4, each path is in the index as it is
    for size in _HASHES:
        try:
            yield from list(_git_entries(index, version, count, size))
            return
        except (ValueError, IndexError, struct.error):
            continue  # another kind of hash, or an index that Git itself could not read


def _git_entries(index: bytes, version: int, count: int, hash_size: int) -> Iterator[bytes]:
    """The paths of an index with hashes of this size. Raises `ValueError`, `IndexError` or
    `struct.error` for another index."""
    if version not in (2, 3, 4):
        raise ValueError(version)
    at, path = 12, b""
    for _ in range(count):
        (mode,) = struct.unpack(">L", index[at : at + _STAT][_MODE])
        if stat.S_IFMT(mode) not in (stat.S_IFREG, stat.S_IFLNK, 0o160000, stat.S_IFDIR):
            raise ValueError(mode)
        name = at + _STAT + hash_size + 2
        (flags,) = struct.unpack(">H", index[name - 2 : name])
        name += 2 if flags & _EXTENDED and version > 2 else 0
        if version == 4:
            cut, name = _number(index, name)
            kept = path[: len(path) - cut]
        else:
            kept = b""
        end = index.index(b"\0", name)
        path = kept + index[name:end]
        if flags & _LENGTH != min(len(path), _LENGTH):
            raise ValueError(flags)
        yield path
        at = end + 1 if version == 4 else at + (end - at + 8) // 8 * 8


def _number(data: bytes, at: int) -> tuple[int, int]:
    """A number of variable length at `at`, and the position behind it; as in Git's packs."""
    value = data[at] & 0x7F
    while data[at] & 0x80:
        at += 1
        value = ((value + 1) << 7) | (data[at] & 0x7F)
    return value, at + 1


def _hg_paths(hg: Path, targets: list[bytes]) -> Iterator[bytes]:
    state = _read(hg / "dirstate")
    if state.startswith(b"dirstate-v2\n"):  # its paths are in another file, as they are
        for data in hg.glob("dirstate.*"):
            content = _read(data).lower()
            yield from (target for target in targets if target + b"/" in content)
        return
    at = _HG_PARENTS
    while at + _HG_ENTRY.size <= len(state):
        length = _HG_ENTRY.unpack_from(state, at)[-1]
        at += _HG_ENTRY.size
        yield state[at : at + length].partition(b"\0")[0]
        at += length


def _read(path: Path) -> bytes:
    """The content of a file; empty where nobody can read it, so that Git cannot, either."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
        with open(descriptor, "rb") as file:
            return file.read(_MAX_INDEX) if stat.S_ISREG(os.fstat(descriptor).st_mode) else b""
    except OSError:
        return b""
