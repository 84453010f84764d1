"""`taskdock deploy --list`: what would be sent, without a server."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from taskdock.client.deployment.package import MEGABYTE
from taskdock.commands import main

NOWHERE = "http://localhost:1"


@pytest.fixture
def hello(tmp_path: Path) -> Path:
    folder = tmp_path / "hello"
    packages = {"@scope/name": 3000, "leaf": 100, ".pnpm/leaf@1/node_modules/leaf": 50}
    for name, size in packages.items():
        (folder / "node_modules" / name).mkdir(parents=True)
        (folder / "node_modules" / name / "index.js").write_text("x" * size)
        (folder / "node_modules" / name / "package.json").write_text("{}")
    (folder / "index.js").write_text("x" * 2000)
    (folder / "link.js").symlink_to("index.js")
    (folder / ".env").write_text("KEY=1")
    (folder / ".env.example").write_text("KEY=")
    (folder / "notes.md").write_text("")
    (folder / ".venv").mkdir()
    (folder / ".gitignore").write_text("*.js\nnotes.md\n")
    config = {"name": "hello", "path": ".", "entryPoint": "index.handler", "runtime": "nodejs20.x"}
    config |= {"environment": {"KEY": "$NOT_SET_ANYWHERE"}}
    (folder / "task-config.json").write_text(json.dumps(config))
    return folder


def listed(*words: str | Path) -> Result:
    return CliRunner().invoke(main, ["deploy", *map(str, words), "--list", "--url", NOWHERE])


def test_what_goes_in_is_shown_with_sizes_and_what_is_left_out_with_its_rule(hello: Path) -> None:
    done = listed(hello)

    assert done.exit_code == 0, done.output
    size = (hello / "task-config.json").stat().st_size
    total = 3002 + 2000 + 102 + size + 52 + 8 + 5 + 4
    first, *lines = done.stdout.splitlines()
    assert first == f"hello: 11 files of {hello}"
    assert lines[:8] == [
        "    2.9 kB  node_modules/@scope/name/  (2 files)",
        "      2 kB  index.js",
        f"{size:>8} B  task-config.json",
        "     102 B  node_modules/leaf/  (2 files)",
        "      52 B  node_modules/.pnpm/leaf@1/  (2 files)",
        "       8 B  link.js  (a link)",
        "       5 B  .env  (secrets? .env in a .taskdockignore leaves it out)",
        "       4 B  .env.example",
    ]
    assert lines[8].startswith(f"{total / 1024:.1f} kB of 250 MB unpacked, 1.")
    assert lines[8].endswith(" kB of 10 MB zipped")
    assert lines[9:] == [
        "left out:",
        "  .gitignore  an ignore file",
        "  .venv/      a virtual environment, for this machine only",
        "  notes.md    .gitignore, line 2: notes.md",
        ".gitignore, line 1 does not count, as the handler's file goes: *.js",
    ]


def test_a_program_gets_each_file(hello: Path) -> None:
    done = listed(hello, "--json")

    (found,) = json.loads(done.stdout)
    assert (found["name"], found["folder"]) == ("hello", str(hello))
    assert len(found["files"]) == 11
    assert {"path": "link.js", "size": 8, "link": True} in found["files"]
    assert {"path": "notes.md", "rule": ".gitignore, line 2: notes.md"} in found["leftOut"]
    assert found["notApplied"] == [".gitignore, line 1: *.js"]
    assert found["size"] == sum(file["size"] for file in found["files"])
    assert 0 < found["zippedSize"] < found["size"]
    assert found["limits"] == {"size": 250 * MEGABYTE, "zippedSize": 10 * MEGABYTE}


@pytest.mark.parametrize(
    ("size", "hole", "total"),
    [
        (11 * MEGABYTE, False, "of 10 MB zipped: deploy refuses it"),
        (300 * MEGABYTE, True, "of 250 MB unpacked: too much, so that deploy refuses it"),
    ],
)
def test_a_package_that_is_too_big_is_shown_to_the_end(
    hello: Path, size: int, hole: bool, total: str
) -> None:
    with (hello / "model.bin").open("wb") as file:
        file.truncate(size) if hole else file.write(os.urandom(size))

    done = listed(hello)

    assert done.exit_code == 0
    assert done.stdout.splitlines()[1].endswith("MB  model.bin")
    assert total in done.stdout


def test_each_function_of_a_folder_is_shown_and_one_that_cannot_be_is_named(
    hello: Path, tmp_path: Path
) -> None:
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "task-config.json").write_text("{")

    done = listed(tmp_path)

    assert done.exit_code == 2
    assert "hello: 11 files" in done.stdout
    assert "broken/task-config.json is not JSON" in done.stderr


def test_a_container_image_has_nothing_to_show() -> None:
    done = listed("--image", "oak:1", "--name", "oak")

    assert (done.exit_code, done.stdout) == (0, "")
    assert done.stderr == "oak is a container image: nothing is packed\n"
