"""The password of a first start: shown to a terminal, else kept in a file, and in no log."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from taskdock.base.errors import EngineUnreachable
from taskdock.base.files.own_folder import ADMINISTRATOR as FILE
from taskdock.identity.directory import ADMINISTRATOR
from taskdock.server import serve
from taskdock.server.welcome import welcome
from taskdock.testing.fakes.engine import FakeEngine
from tests.support.builders import Dock
from tests.support.foreign_folder import emulator, link, mode


def test_it_is_in_a_file_where_the_output_is_no_terminal(
    dock: Dock, capsys: pytest.CaptureFixture[str]
) -> None:
    local = dock.emulator.directory.local
    file = dock.emulator.foundation.data / FILE

    welcome(dock.emulator, ())

    said = capsys.readouterr().out
    assert local.password
    assert local.password not in said
    assert local.application.client_secret not in said
    assert f"are in {file}" in said
    assert mode(file) == 0o600
    assert dict(line.split("=", 1) for line in file.read_text().splitlines()) == {
        "EMAIL": ADMINISTRATOR,
        "PASSWORD": local.password,
        "CLIENT_ID": local.application.client_id,
        "CLIENT_SECRET": local.application.client_secret,
    }


def test_it_is_shown_to_a_terminal_and_kept_nowhere(
    dock: Dock, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)

    welcome(dock.emulator, ())

    assert f"password {dock.emulator.directory.local.password}" in capsys.readouterr().out
    assert not (dock.emulator.foundation.data / FILE).exists()


def test_it_is_not_printed_either_where_it_cannot_be_kept(
    dock: Dock, capsys: pytest.CaptureFixture[str]
) -> None:
    (dock.emulator.foundation.data / FILE).mkdir()

    welcome(dock.emulator, ())

    said = capsys.readouterr().out
    assert str(dock.emulator.directory.local.password) not in said
    assert "its password is lost" in said
    assert "taskdock env" in said


def test_it_is_not_written_through_a_link(
    dock: Dock, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "precious").write_text("mine\n")
    link(dock.emulator.foundation.data / FILE, tmp_path)

    welcome(dock.emulator, ())

    assert (tmp_path / "precious").read_text() == "mine\n"


def test_the_welcome_can_be_pasted_whatever_the_folder_is_called(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dock = Dock(tmp_path / "a $(touch PWNED) b")

    welcome(dock.emulator, ())
    dock.stop()

    assert f"taskdock env --data-dir '{tmp_path}/a $(touch PWNED) b'" in capsys.readouterr().out


def test_the_welcome_names_the_data_folder_for_any_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    dock = Dock(Path("data"))

    welcome(dock.emulator, ())
    dock.stop()

    assert f'eval "$(taskdock env --data-dir {tmp_path}/data)"' in capsys.readouterr().out


@pytest.mark.parametrize("ending", ["fails", "is not wanted any more"])
def test_it_is_kept_where_the_first_start_comes_to_nothing(
    tmp_path: Path,
    ending: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    server, engine = emulator(tmp_path / "data"), FakeEngine()
    password = server.directory.local.password

    def refuse(_: str) -> int:
        raise EngineUnreachable()

    if ending == "fails":
        monkeypatch.setattr(server.foundation.engine, "sweep", refuse)
    monkeypatch.setattr(serve, "build_here", lambda *_: (server, engine))
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    life = serve._Life(
        server.settings,
        over=lambda: None,
        asked=lambda _: None,
        port_file=None,
        is_findable=False,
        tell=lambda _: None,
        log=None,
    )
    life.end()
    life.live()

    assert password
    assert f"PASSWORD={password}" in (tmp_path / "data" / FILE).read_text()
    assert password not in capsys.readouterr().out
    assert isinstance(life.error, EngineUnreachable) is (ending == "fails")
