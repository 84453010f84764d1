"""The plugin's options and settings: read, and checked before the first test."""

from __future__ import annotations

from typing import Any

import pytest

NAMES = ("functions", "auth", "clock", "doubles")


def check(config: pytest.Config) -> None:
    """Raises `pytest.UsageError` for options that do not go together."""
    url, keeps = config.getoption("taskdock_url"), config.getoption("taskdock_keep")
    if url:
        given_url(config)
    if url and keeps:
        raise pytest.UsageError(
            "--taskdock-keep: the server at --taskdock-url is not ended anyway: leave one away"
        )
    if url and config.getoption("taskdock_cov"):
        raise pytest.UsageError(
            "--taskdock-cov: the server at --taskdock-url runs already and counts no lines: leave"
            " one of the two away"
        )
    if not _has_workers(config):
        return
    if url:
        raise pytest.UsageError(
            "--taskdock-url: several workers would remove each other's tasks from one server: run"
            " without -n, or without --taskdock-url, and each worker has a server of its own"
        )
    if keeps:
        raise pytest.UsageError(
            "--taskdock-keep: each worker has a server of its own: run without -n, best with the"
            " test that fails alone"
        )


def given_url(config: pytest.Config) -> str:
    """The URL that --taskdock-url means; empty without it. Raises `pytest.UsageError`."""
    url = config.getoption("taskdock_url")
    if not url:
        return ""
    from taskdock.client.errors import WrongCall  # noqa: PLC0415 - late: most runs need none of it
    from taskdock.client.servers import address  # noqa: PLC0415

    try:
        return address.parse(url, "--taskdock-url")
    except WrongCall as error:
        raise pytest.UsageError(error.message) from None


def settings(config: pytest.Config) -> dict[str, Any]:
    """Those of pyproject.toml or pytest.ini, by the names of the marker's arguments."""
    return {name: config.getini(f"taskdock_{name}") for name in NAMES}


def _has_workers(config: pytest.Config) -> bool:
    """Whether the tests run in workers of pytest-xdist; with -n 0 they do not."""
    return hasattr(config, "workerinput") or bool(config.getoption("tx", None))
