"""The garbage collector rests while a command's modules are imported."""

from __future__ import annotations

import gc
from pathlib import Path

import pytest
from click.testing import CliRunner

from taskdock.base.machine import memory
from taskdock.client.console.groups import Entry, LazyGroup

COMMAND = """
import gc
import click

during = gc.isenabled()

@click.command()
def hello():
    click.echo(f"{during} {gc.isenabled()}")
"""


def test_a_command_is_imported_without_the_collector_and_run_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "commands_of_this_test"
    package.mkdir()
    (package / "hello.py").write_text(COMMAND)
    monkeypatch.syspath_prepend(str(tmp_path))
    group = LazyGroup(package=package.name, entries={"hello": Entry("hello:hello", "Say hello.")})

    result = CliRunner().invoke(group, ["hello"])

    assert result.stdout == "False True\n"


def test_the_collector_works_again_after_an_import_that_fails() -> None:
    with pytest.raises(ImportError), memory.importing():
        raise ImportError("no such module")

    assert gc.isenabled()


def test_a_collector_that_was_off_stays_off() -> None:
    gc.disable()
    try:
        with memory.importing():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
