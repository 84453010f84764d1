"""The page System: the server, images, settings, an examination, notices, a reset."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest
from playwright.sync_api import Page, expect

from taskdock.base.notices import TroubleBegan
from taskdock.testing import running
from taskdock.testing.dock import ServerHere
from taskdock.testing.fakes.engine import FakeEngine
from tests.support.live import LiveServer
from tests.ui.conftest import OpenPage, serious_faults

pytestmark = pytest.mark.docker

HOSTILE = "<script>alert('x')</script>"


@pytest.fixture
def live(tmp_path: Path) -> Iterator[LiveServer]:
    """A server that was started with options and variables."""
    client = docker.from_env()
    variables = {
        "TASKDOCK_KEEP_DAYS": "7",
        "TASKDOCK_AWS_SECRET_ACCESS_KEY": "hush-hush",
        "TASKDOCK_COVERAGE": str(tmp_path / HOSTILE.replace("/", "")),
    }
    options = ("--concurrency", "3", "--region", "eu-west-1")
    server = LiveServer(client, tmp_path / "data", *options, variables=variables)
    server.start()
    yield server
    server.discard()
    client.close()


def test_a_server_shows_what_it_is_where_its_settings_are_from_and_how_its_machine_is(
    live: LiveServer, page: Page
) -> None:
    url = live.service.url
    page.goto(f"{url}/ui/system")

    engine = page.get_by_role("region", name="Engine")
    expect(engine).to_contain_text("Docker")
    expect(engine).to_contain_text("Control groups")
    expect(page.get_by_role("region", name="Server")).to_contain_text(str(live.data))
    expect(page.get_by_role("region", name="Database")).to_contain_text("for 7 days")
    assert serious_faults(page) == []

    page.get_by_role("link", name="Settings").press("Enter")
    rows = page.get_by_role("region", name="Settings").get_by_role("row")
    expect(rows.filter(has_text="concurrency").first).to_contain_text("--concurrency")
    expect(rows.filter(has_text="region").first).to_contain_text("eu-west-1")
    expect(rows.filter(has_text="keep_days")).to_contain_text("TASKDOCK_KEEP_DAYS")
    expect(rows.filter(has_text="keep_days")).to_contain_text("default: 30")
    expect(rows.filter(has_text="retire_after")).to_contain_text("default")
    expect(rows.filter(has_text="aws_secret_access_key")).to_contain_text("***")
    expect(rows.filter(has_text="coverage").first).to_contain_text("<script>alert")
    assert "hush-hush" not in page.content()
    assert serious_faults(page) == []

    page.get_by_role("link", name="Doctor").click()
    expect(page.get_by_text("was not examined")).to_be_visible()
    page.get_by_role("button", name="Examine this machine").click()
    findings = page.get_by_role("list", name="Findings")
    expect(findings.get_by_role("listitem").first).to_contain_text("Python")
    expect(page.get_by_text(re.compile("^Examined .*:"))).to_be_visible(timeout=60_000)
    expect(findings.get_by_role("listitem").filter(has_text="freezing")).to_contain_text("ok")
    expect(findings.get_by_role("listitem").filter(has_text="port")).to_contain_text("serves at")
    assert serious_faults(page) == []
    live.stop()


def test_notices_come_by_themselves_and_are_found_by_level_and_text(new_page: OpenPage) -> None:
    page, room = new_page(width=390, height=844), new_page()
    with running(engine=FakeEngine()) as dock:
        page.goto(f"{dock.url}/ui/system/notices")
        room.goto(f"{dock.url}/ui/system/notices?present=1")
        expect(page.get_by_text("Nothing was noticed")).to_be_visible()

        dock.deploy_handler(lambda event, runtime: 1, "system-notice")
        dock.execute("system-notice")
        dock.emulator.notices.publish(TroubleBegan(what="walnut", reason=HOSTILE))

        rows = page.get_by_role("region", name="Notices, the newest first").get_by_role("row")
        expect(rows.nth(1)).to_contain_text("trouble_began")
        expect(rows.nth(1)).to_contain_text(HOSTILE)
        expect(rows.filter(has_text="task_completed")).to_be_visible()
        expect(room.get_by_text("trouble_began")).to_be_visible()
        assert HOSTILE not in room.inner_text("body")
        page.get_by_label("From level").select_option("WARNING")
        page.get_by_label("Text").fill("script")
        page.get_by_label("Text").press("Enter")
        expect(rows).to_have_count(2)
        assert serious_faults(page) == []
        wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert wide <= 0


def test_images_and_troubles_are_shown_as_they_change(dock: ServerHere, page: Page) -> None:
    page.goto(f"{dock.url}/ui/system/images")
    expect(page.get_by_role("region", name="Runtimes")).to_contain_text("nodejs22.x")
    assert serious_faults(page) == []
    dock.emulator.health.report("walnut", HOSTILE, degraded=True)
    try:
        page.get_by_role("link", name="Server").click()
        expect(page.get_by_role("region", name="Troubles")).to_contain_text(HOSTILE)
    finally:
        dock.emulator.health.clear("walnut")
    expect(page.get_by_role("region", name="Troubles")).to_be_hidden()


def test_a_reset_asks_first_and_says_what_went(page: Page) -> None:
    with running(engine=FakeEngine()) as dock:
        dock.deploy_handler(lambda event, runtime: 1, "system-reset")
        later = {"functionName": "system-reset", "startTimestamp": "2090-01-01T00:00:00.000Z"}
        dock.service.post("/", later)
        page.goto(f"{dock.url}/ui/system/reset")
        page.get_by_label("keep schedules").check()
        page.once("dialog", lambda dialog: dialog.dismiss())
        page.get_by_role("button", name="Reset the server").click()
        assert len(dock.service.tasks()) == 1

        page.once("dialog", lambda dialog: dialog.accept())
        page.get_by_role("button", name="Reset the server").press("Enter")

        gone = page.get_by_role("region", name="What has gone")
        expect(gone).to_contain_text("tasks")
        expect(page.get_by_text("The server was reset.")).to_be_visible()
        assert dock.service.tasks() == []
        assert serious_faults(page) == []
        page.goto(f"{dock.url}/ui/system?present=1")
        assert str(dock.emulator.foundation.data) not in page.inner_text("body")
