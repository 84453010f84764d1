"""A server with real containers for the facts about functions; it lives as long as the tests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from taskdock.base.settings import Settings
from taskdock.base.timing.limits import Limits
from taskdock.engines.images import Found
from taskdock.lambdas.functions.function import Function
from taskdock.server.provision import ensure_images
from tests.support.live_dock import LiveDock

RUNTIMES = (
    *("python3.11", "python3.13", "nodejs20.x", "nodejs22.x", "nodejs24.x"),
    "provided.al2023",
)


@pytest.fixture(scope="session")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveDock]:
    """It freezes nothing by itself: a test that wants it says so."""
    with serving(tmp_path_factory.mktemp("live") / "data") as dock:
        yield dock


@contextmanager
def serving(folder: Path, limits: Limits = Limits()) -> Iterator[LiveDock]:  # noqa: B008 - frozen
    images = ensure_images(RUNTIMES)

    def image_of(function: Function) -> Found:
        return Found(function.image) if function.image else images[function.runtime or ""]

    settings = Settings(data_dir=folder, freeze_after=3600.0)
    with LiveDock.serving(settings, image_of=image_of, limits=limits) as dock:
        yield dock
