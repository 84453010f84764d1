"""Ignore files, beside git itself, and what is said of a wrong one."""

from __future__ import annotations

import random
import subprocess
from pathlib import Path

import pytest

from taskdock.client.deployment import package
from taskdock.client.errors import BadPackage

PATHS = [
    *("index.js", "a.log", "b.txt", "ab", "a b", "#c", "!d", "lib/index.js", "lib/a.log"),
    *("lib/deep/a.log", "lib/deep/b.txt", "lib/lib/x", "out/js/index.js", "out/js/a.log"),
    *("out/js/deep/x/y.txt", "foo/bar/baz", "foo/x/bar/y", "foo/bar.txt", "deep/foo/bar"),
]
LINES = [
    *("*", "**", "*.log", "*.txt", "/a.log", "lib", "lib/", "/lib", "/lib/", "deep/", "deep/*"),
    *("lib/*", "lib/**", "**/deep", "**/deep/**", "foo/**/bar", "foo/*/bar", "*/foo", "**/foo/bar"),
    *(
        "foo/bar",
        "out/js",
        "/out/*/deep",
        "a?",
        "a*",
        "[ab].log",
        "[!a].*",
        "[a-z]b",
        "\\#c",
        "\\!d",
    ),
    *(
        "a\\ b",
        "a b",
        "a.log ",
        "*.js",
        "index.*",
        "/*",
        "*/",
        "/*/",
        "**/",
        "x",
        "y.txt",
        "",
        "# x",
    ),
]
COUNTER = [*LINES, *(f"!{line}" for line in LINES if line and not line.startswith("#"))]


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tree")
    subprocess.run(["git", "init", "-q", str(folder)], check=True, timeout=60)
    for path in PATHS:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).touch()
    return folder


def kept_by_git(folder: Path) -> list[str]:
    command = ["git", "-C", str(folder), "ls-files", "-z", "--others"]
    command += ["--exclude-per-directory", ".taskdockignore"]
    listed = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)
    return sorted(path for path in listed.stdout.split("\0") if path and "ignore" not in path)


@pytest.mark.parametrize("seed", range(6))
def test_the_same_files_are_left_out_as_by_git(tree: Path, seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(20):
        own = "\n".join(chance.choices(COUNTER, k=chance.randrange(1, 6)))
        below = "\n".join(chance.choices(COUNTER, k=chance.randrange(3)))
        (tree / ".taskdockignore").write_text(own)
        (tree / "lib" / ".taskdockignore").write_text(below)

        kept = [file.path for file in package.selected(tree).files]

        assert kept == kept_by_git(tree), (own, below)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"*.md\n!\n", r"\.taskdockignore, line 2: '!' is no pattern: nothing follows"),
        (b"lib/[\n", r"line 1: 'lib/\[' is no pattern: look at its brackets"),
        (b"a[z-a]\n", "line 1: 'a.z-a.' is no pattern: look at its brackets"),
        (b"a\\", r"line 1: 'a.*' is no pattern: look at its brackets and backslashes"),
        (b"[[:digit:]]\n", r"line 1: .* classes such as \[:digit:\] are not known; write \[0-9\]"),
        (b"ok\ncaf\xe9\n", r"\.taskdockignore, line 2: not UTF-8; save the file as UTF-8"),
        ("*.md\n".encode("utf-16"), r"line 1: not UTF-8; save the file as UTF-8"),
        ("*.md\n".encode("utf-16-le"), r"has zero bytes, as UTF-16 has; save the file as UTF-8"),
        (b"x\n" * 600_000, "over 1 MB, too much for a list of patterns"),
    ],
)
def test_a_wrong_ignore_file_is_a_clear_mistake(
    tmp_path: Path, content: bytes, complaint: str
) -> None:
    (tmp_path / "index.py").touch()
    (tmp_path / ".taskdockignore").write_bytes(content)

    with pytest.raises(BadPackage, match=complaint):
        package.zip_folder(tmp_path)


def test_a_mark_of_utf_8_and_line_ends_of_windows_are_no_part_of_a_line(tmp_path: Path) -> None:
    for name in ("index.py", "a.md", "b.txt"):
        (tmp_path / name).touch()
    (tmp_path / ".taskdockignore").write_bytes(b"\xef\xbb\xbf*.md\r\n*.txt\r\n")

    assert [file.path for file in package.selected(tmp_path).files] == ["index.py"]


def test_a_folder_in_the_place_of_an_ignore_file_is_a_clear_mistake(tmp_path: Path) -> None:
    (tmp_path / "lib" / ".taskdockignore").mkdir(parents=True)

    with pytest.raises(BadPackage, match=r"lib/\.taskdockignore is no file, and should be one"):
        package.zip_folder(tmp_path)
