"""What is packed of a function's folder, and what is left out by which rule."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import pytest

from taskdock.base.files import own_folder
from taskdock.client.deployment import package
from taskdock.client.errors import BadPackage


def write(folder: Path, paths: Iterable[str]) -> None:
    """An empty file at each path, or a folder where the path ends with a slash."""
    for path in paths:
        if path.endswith("/"):
            (folder / path).mkdir(parents=True, exist_ok=True)
            continue
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).touch()


def packed(
    folder: Path, *, entry_point: str | None = None, within: Path | None = None
) -> list[str]:
    found = package.selected(folder, entry_point=entry_point, within=within)
    return [file.path for file in found.files]


def left_out(folder: Path) -> dict[str, str]:
    return {one.path: one.rule for one in package.selected(folder).left_out}


# By names and places


@pytest.mark.parametrize("name", [".taskdock", "data", "deep/er/state", "node_modules/x/data"])
@pytest.mark.parametrize("has", [{own_folder.DATABASE}, {"lock", "id"}, {"lock", "credentials"}])
def test_a_servers_data_folder_is_known_by_its_contents_wherever_it_is(
    tmp_path: Path, name: str, has: set[str]
) -> None:
    write(tmp_path, ["index.py", *(f"{name}/{file}" for file in (*has, "code/abc/index.py"))])

    assert packed(tmp_path) == ["index.py"]
    assert "data folder" in left_out(tmp_path)[f"{name}/"]


def test_a_servers_data_folder_is_not_taken_back(tmp_path: Path) -> None:
    write(tmp_path, ["index.py", ".taskdock/lock", ".git/config", "lib/taskdock.db-wal"])
    lines = ("!*", "!.taskdock/", "!.git/", "!.git/config", "!taskdock.db-wal")
    (tmp_path / ".taskdockignore").write_text("\n".join(lines))

    assert packed(tmp_path) == ["index.py"]


def test_code_in_a_servers_data_folder_is_refused(tmp_path: Path) -> None:
    write(tmp_path, ["index.py", "taskdock.db", "lock", "credentials"])

    with pytest.raises(BadPackage, match=r"is the data folder of a taskdock server.*--data-dir"):
        package.zip_folder(tmp_path)


@pytest.mark.parametrize(
    "path",
    [
        ".venv/lib/x.py",
        "venv/lib/x.py",
        "deep/.venv/lib/x.py",
        "env/pyvenv.cfg",
        "deep/any-name/pyvenv.cfg",
        "conda/conda-meta/history",
        ".git/config",
        ".git",
        "deep/.hg/store",
        ".svn/entries",
        "lib/__pycache__/x.pyc",
        ".pytest_cache/x",
        "lib/.mypy_cache/x",
        ".ruff_cache/x",
        ".npm/x",
        ".cache/x",
        "node_modules/.cache/x",
        "deep/node_modules/.cache/x",
        ".idea/workspace.xml",
        "lib/.vscode/settings.json",
        ".index.py.swp",
        "index.py~",
        ".#index.py",
        "#index.py#",
        ".DS_Store",
        "._index.py",
        "lib/Thumbs.db",
        ".aws-sam/build/index.py",
        ".serverless/function.zip",
        "node_modules/x/.git/config",
        "node_modules/x/__pycache__/gyp.pyc",
        "node_modules/x/.DS_Store",
    ],
)
def test_what_tools_leave_behind_is_not_packed(tmp_path: Path, path: str) -> None:
    write(tmp_path, ["index.py", path])

    assert packed(tmp_path) == ["index.py"]
    assert len(left_out(tmp_path)) == 1


@pytest.mark.parametrize(
    "path",
    [
        "lib/venv/x.py",
        "venv.py",
        ".github/x",
        "git/config",
        "cache/x",
        "id",
        "lock",
        "credentials",
        "data/lock",
        "data/id",
        ".env",
        ".env.production",
        "node_modules/x/venv/x.js",
        "node_modules/x/.venv/x.js",
        "node_modules/x/.cache/x",
        "node_modules/x/.vscode/settings.json",
        "node_modules/x/.env",
        "node_modules/x/.npmignore",
        "node_modules/x/index.js~",
        "node_modules/.package-lock.json",
        "node_modules/.bin/x",
        "node_modules/.pnpm/x@1/node_modules/x/index.js",
        "python/lib/python3.11/site-packages/x/venv/pyvenv.cfg",
        "python/lib/python3.11/site-packages/x/.cache/x",
        "swp",
        "a#b",
    ],
)
def test_what_a_function_may_need_is_packed(tmp_path: Path, path: str) -> None:
    write(tmp_path, ["index.py", path])

    assert path in packed(tmp_path)


def test_a_python_package_may_be_named_venv(tmp_path: Path) -> None:
    write(tmp_path, ["index.py", "venv/__init__.py"])

    assert packed(tmp_path) == ["index.py", "venv/__init__.py"]


def test_what_pip_has_installed_beside_the_code_stays_as_it_was_installed(tmp_path: Path) -> None:
    write(
        tmp_path,
        ["app.py", "oak/.cache/x", "oak/leaf.so", "oak-1.0.dist-info/METADATA", "own/.cache/x"],
    )
    record = '"oak/leaf, 2.py",sha256=x,9\noak/leaf.so,,\n../../bin/oak,,\n'
    (tmp_path / "oak-1.0.dist-info" / "RECORD").write_text(record)
    (tmp_path / ".gitignore").write_text("*.so\n*.dist-info/\n/oak/\n")

    assert packed(tmp_path) == [
        *("app.py", "oak-1.0.dist-info/METADATA", "oak-1.0.dist-info/RECORD"),
        *("oak/.cache/x", "oak/leaf.so"),
    ]


def test_what_is_no_file_is_left_out_and_named(tmp_path: Path) -> None:
    write(tmp_path, ["index.py"])
    os.mkfifo(tmp_path / "pipe")

    assert left_out(tmp_path) == {"pipe": "no file, folder or link"}


def test_a_name_that_no_zip_can_have_is_a_clear_mistake(tmp_path: Path) -> None:
    write(tmp_path, ["index.py"])
    (tmp_path / os.fsdecode(b"caf\xe9.py")).touch()

    with pytest.raises(BadPackage, match=r"caf.\.py: .*not UTF-8.*rename it"):
        package.zip_folder(tmp_path)


def test_a_folder_of_which_nothing_is_left_is_refused_and_says_why(tmp_path: Path) -> None:
    write(tmp_path, [".venv/lib/x.py", ".git/config"])

    with pytest.raises(BadPackage, match=r"holds no files but what is left out: \.git/ \(version"):
        package.zip_folder(tmp_path)


# By ignore files


def test_a_taskdockignore_counts_before_the_others(tmp_path: Path) -> None:
    write(tmp_path, ["index.js", "one", "two", "three"])
    for name, text in ((".gitignore", "one"), (".npmignore", "two"), (".taskdockignore", "three")):
        (tmp_path / name).write_text(text)

    assert packed(tmp_path) == ["index.js", "one", "two"]
    (tmp_path / ".taskdockignore").unlink()
    assert packed(tmp_path) == ["index.js", "one", "three"]
    (tmp_path / ".npmignore").unlink()
    assert packed(tmp_path) == ["index.js", "three", "two"]


def test_the_line_of_an_ignore_file_is_the_rule(tmp_path: Path) -> None:
    write(tmp_path, ["index.js", "docs/a", "docs/b", "lib/x.map"])
    (tmp_path / ".taskdockignore").write_text("# of the build\r\n\r\n*.map  \r\ndocs/\r\n")

    found = left_out(tmp_path)

    assert found["docs/"] == ".taskdockignore, line 4: docs/"
    assert found["lib/x.map"] == ".taskdockignore, line 3: *.map"


def test_an_ignore_file_further_down_counts_more_and_only_there(tmp_path: Path) -> None:
    write(tmp_path, ["a.log", "lib/a.log", "lib/b.log", "node_modules/x/a.log", "other/b.log"])
    (tmp_path / ".taskdockignore").write_text("*.log\n!node_modules/**/*.log\n")
    (tmp_path / "lib" / ".taskdockignore").write_text("!/a.log\n")
    (tmp_path / "node_modules" / "x" / ".taskdockignore").write_text("*")

    below = ["node_modules/x/.taskdockignore", "node_modules/x/a.log"]
    assert packed(tmp_path) == ["lib/a.log", *below]


def test_an_ignore_file_beside_the_task_config_counts_for_the_folder_of_the_code(
    tmp_path: Path,
) -> None:
    write(tmp_path, ["out/js/index.js", "out/js/index.js.map", "out/js/test/x.js", "out/js/y.ts"])
    (tmp_path / ".taskdockignore").write_text("*.map\n/out/js/test\n/y.ts\n")
    (tmp_path / ".gitignore").write_text("out/\n*.ts\n")
    (tmp_path / "out" / ".taskdockignore").write_text("js/*.ts\n")

    assert packed(tmp_path / "out" / "js", within=tmp_path) == ["index.js"]


def test_what_is_left_out_by_name_can_be_taken_back_by_a_taskdockignore_alone(
    tmp_path: Path,
) -> None:
    write(tmp_path, ["index.js", ".vscode/settings.json", ".cache/model/x"])
    (tmp_path / ".gitignore").write_text("!.vscode/\n!.cache/\n")
    assert packed(tmp_path) == ["index.js"]

    (tmp_path / ".taskdockignore").write_text("!.cache/\n")
    assert packed(tmp_path) == [".cache/model/x", "index.js"]


def test_a_gitignore_leaves_out_neither_dependencies_nor_what_a_build_makes(
    tmp_path: Path,
) -> None:
    needed = ["build/Release/x.node", "dist/util.js", "index.js", "lib/x.so"]
    needed += [
        "node_modules/a/build/b.js",
        "node_modules/a/debug.log",
        "packages/node_modules/c.js",
    ]
    write(tmp_path, [*needed, "coverage/lcov.info", "debug.log", ".env"])
    (tmp_path / ".gitignore").write_text(
        "node_modules\nbuild/\ndist/\nlib/\n*.so\n*.log\ncoverage\n.env\n"
    )

    assert packed(tmp_path) == needed


def test_a_npmignore_leaves_out_no_dependencies(tmp_path: Path) -> None:
    write(tmp_path, ["index.js", "dist/x.js", "node_modules/a/index.js", "test/x.js"])
    (tmp_path / ".npmignore").write_text("node_modules/\ntest/\ndist/\n")

    assert packed(tmp_path) == ["index.js", "node_modules/a/index.js"]


@pytest.mark.parametrize(
    ("entry_point", "handler", "line"),
    [
        ("index.handler", "index.js", "*.js"),
        ("index.handler", "index.mjs", "index.*"),
        ("esm/app.handler", "esm/app.js", "esm/"),
        ("esm/deep/app.handler", "esm/deep/app.js", "/esm"),
        ("app.main.handler", "app/main.py", "app"),
        ("app.handler", "app/__init__.py", "app/*"),
    ],
)
@pytest.mark.parametrize("name", [".gitignore", ".npmignore"])
def test_a_line_that_would_leave_out_the_handler_does_not_count(
    tmp_path: Path, name: str, entry_point: str, handler: str, line: str
) -> None:
    """Neither for other files that it means: it was written for something else."""
    write(tmp_path, [handler, "a.js", "notes.md"])
    (tmp_path / name).write_text(f"*.md\n{line}\n")

    assert packed(tmp_path, entry_point=entry_point) == sorted(["a.js", handler])


def test_a_taskdockignore_that_leaves_out_the_handler_is_a_clear_mistake(tmp_path: Path) -> None:
    write(tmp_path, ["src/index.js", "a.js"])
    (tmp_path / ".taskdockignore").write_text("a.js\nsrc/\n")

    with pytest.raises(
        BadPackage, match=r"\.taskdockignore, line 2: src/ leaves out src/.* write !src/ below it"
    ):
        packed(tmp_path, entry_point="src/index.handler")


def test_another_file_of_the_handlers_name_may_be_left_out(tmp_path: Path) -> None:
    write(
        tmp_path, ["index.js", "index.mjs", "index.ts", "index.js.map", "index.pyc", "index/a.js"]
    )
    (tmp_path / ".taskdockignore").write_text("*.mjs\n*.ts\n*.pyc\n*.map\nindex/\n")

    assert packed(tmp_path, entry_point="index.handler") == ["index.js"]


def test_a_list_of_what_is_allowed_is_possible(tmp_path: Path) -> None:
    write(tmp_path, ["index.js", "README.md", "lib/a.js", "lib/a.md", "node_modules/x/index.js"])
    (tmp_path / ".taskdockignore").write_text("*\n!*/\n!*.js\n")

    assert packed(tmp_path, entry_point="index.handler") == [
        *("index.js", "lib/a.js", "node_modules/x/index.js")
    ]


# Modes


def test_what_only_its_owner_may_read_is_noticed(tmp_path: Path) -> None:
    write(tmp_path, ["index.js", "key", "lib/a.js", "list/b.js"])
    for name, mode in (("key", 0o600), ("lib", 0o700), ("list", 0o744), ("index.js", 0o644)):
        (tmp_path / name).chmod(mode)

    closed = package.selected(tmp_path).closed

    assert sorted(closed) == [("key", 0o600), ("lib", 0o700), ("list", 0o744)]
