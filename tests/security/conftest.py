"""Fixtures of the service tests that attacks on a running server need, and folders of others."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.service.conftest import (  # noqa: F401
    clock,
    dock,
    shared,
    start_dock,
    stop_later,
    timed_dock,
)
from tests.support.foreign_folder import PRECIOUS


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A folder of the developer's, with a file in it."""
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "precious").write_text(PRECIOUS)
    return folder


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir(mode=0o700)
    return folder
