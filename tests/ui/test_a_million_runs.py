"""The list of runs with a million tasks in the table, in a real browser."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from taskdock.base.timing.clock import to_epoch
from taskdock.store.database import Store
from taskdock.testing import FakeEngine, running
from taskdock.testing.dock import ServerHere
from tests.support import million

pytestmark = pytest.mark.docker


@pytest.fixture(scope="session")
def full_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of a server's data with a million tasks of the last hours."""
    folder = tmp_path_factory.mktemp("million")
    Store(folder / "taskdock.db").close()
    start = int(time.time() * 1000) - 10_000_000
    million.fill(folder / "taskdock.db", start=start, apart=10)
    return folder


@pytest.fixture
def full_dock(full_folder: Path) -> Iterator[ServerHere]:
    with running(engine=FakeEngine(), data_dir=full_folder) as dock:
        yield dock


def test_a_million_tasks_are_paged_through_at_both_ends(full_dock: ServerHere, page: Page) -> None:
    page.goto(f"{full_dock.url}/ui/runs")
    expect(page.get_by_role("row")).to_have_count(51)
    assert full_dock.service.get("/?limit(1)")["page"]["total"] == 1_000_000
    newest = page.get_by_role("row").nth(1).inner_text()
    page.get_by_role("link", name="Older").click()
    page.get_by_role("link", name="Older").click()
    expect(page.get_by_role("row")).to_have_count(51)
    page.get_by_role("link", name="Newer").click()
    page.get_by_role("link", name="Newer").click()
    expect(page.get_by_role("row").nth(1)).to_contain_text(newest.split()[0])
    expect(page.get_by_role("link", name="Newer")).to_have_count(0)

    oldest = full_dock.service.get("/?sort(creationTimestamp)&limit(1)&skipCount()")["data"][0]
    first = to_epoch(datetime.fromisoformat(oldest["creationTimestamp"].replace("Z", "+00:00")))
    page.goto(f"{full_dock.url}/ui/runs?before={first + 800}-{'0' * 24}")
    page.get_by_role("link", name="Older").click()
    expect(page.get_by_role("link", name="Older")).to_have_count(0)
    expect(page.get_by_role("row").last).to_contain_text(oldest["functionName"])

    page.goto(f"{full_dock.url}/ui/runs?failed=true&functionName=f3")
    expect(page.get_by_role("row")).to_have_count(51)
    page.goto(f"{full_dock.url}/ui/runs?status=retried&functionName=f3")
    expect(page.get_by_text("Nothing fits this filter.")).to_be_visible()
    page.goto(f"{full_dock.url}/ui/runs?rql=eq(data.patient,-1)")
    expect(page.get_by_role("alert").filter(has_text="no index serves it")).to_be_visible()
