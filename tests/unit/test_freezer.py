"""The kernel's freezer, on files that stand for the kernel's; the guard is a real process."""

from pathlib import Path

import pytest

from emulator.engines import freezer
from emulator.engines.freezer import Freezer


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(freezer, "_PLACES", ((f"{tmp_path}/{{0}}", "FROZEN", "THAWED"),))
    (tmp_path / "oak").write_text("THAWED")
    (tmp_path / "pine").write_text("THAWED")
    return tmp_path


def test_the_guard_thaws_what_was_frozen_once_nobody_speaks_to_it(place: Path) -> None:
    kernel = Freezer()
    oak = kernel.place("oak")
    assert oak is not None
    assert oak.freeze()
    frozen = (place / "oak").read_text()

    kernel.close()

    assert frozen == "FROZEN"
    assert (place / "oak").read_text() == "THAWED\n"


def test_without_a_guard_nothing_is_frozen(place: Path) -> None:
    kernel = Freezer()
    oak, pine = kernel.place("oak"), kernel.place("pine")
    assert oak is not None
    assert pine is not None
    oak.freeze()
    assert kernel._guard is not None
    kernel._guard.kill()
    kernel._guard.wait()

    assert not pine.freeze()

    assert not kernel.works
    assert (place / "pine").read_text() == "THAWED"
    kernel.close()


def test_a_container_that_is_not_here_is_not_frozen(place: Path) -> None:
    kernel = Freezer()

    assert kernel.place("walnut") is None
    assert not freezer.thaw("walnut")
    assert not kernel.works


def test_a_place_that_was_closed_writes_to_nothing_any_more(place: Path) -> None:
    kernel = Freezer()
    oak = kernel.place("oak")
    assert oak is not None

    oak.close()

    assert (oak.freeze(), oak.thaw()) == (False, False)
    assert (place / "oak").read_text() == "THAWED"
    kernel.close()
