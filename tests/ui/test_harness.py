"""The page Harness: faults, doubles and their calls, recordings, the clock."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from taskdock.testing import running
from taskdock.testing.dock import Dock, ServerHere
from taskdock.testing.fakes.engine import FakeEngine
from taskdock.testing.zips import base64_of, zip_of
from tests.ui.conftest import OpenPage, serious_faults

pytestmark = pytest.mark.docker

HOSTILE = "<img src=x onerror=alert(1)>"
CALLS_A_SERVICE = """
import json, os, urllib.request

def handler(event, context):
    asked = event["data"]
    body = json.dumps({"subject": asked["subject"]}).encode()
    sent = urllib.request.Request(os.environ["API_HOST"] + asked["path"], body, method="POST")
    sent.add_header("Content-Type", "application/json")
    sent.add_header("Authorization", "Basic hush-hush")
    with urllib.request.urlopen(sent) as answer:
        return json.load(answer)
"""


@contextmanager
def moved() -> Iterator[Dock]:
    """A server whose clock stands still, without containers."""
    with running(engine=FakeEngine(), clock="manual") as dock:
        yield dock


def deploy(dock: ServerHere, name: str, code: str) -> None:
    dock.service.post(
        "/functions/",
        {
            "name": name,
            "code": base64_of(zip_of({"index.py": code})),
            "entryPoint": "index.handler",
            "runtime": "python3.11",
            "timeLimit": 20,
        },
    )


def test_a_fault_is_added_switched_off_and_on_used_up_and_removed(
    dock: ServerHere, page: Page
) -> None:
    deploy(dock, "harness-fault", "def handler(event, context):\n    return 1\n")

    def run() -> int:
        return dock.service.call("POST", "/functions/harness-fault/execute", {}).status_code

    page.goto(f"{dock.url}/ui/harness")
    expect(page.get_by_text("No fault waits.")).to_be_visible()

    page.get_by_text("Add a fault").focus()
    page.keyboard.press("Enter")
    page.get_by_label("Function", exact=True).fill("harness-fault")
    page.get_by_label("Kind").select_option("error")
    page.get_by_label("Times").fill("none")
    page.get_by_role("button", name="Add fault").click()
    expect(page.get_by_role("alert").filter(has_text="times")).to_be_visible()
    expect(page.get_by_label("Function", exact=True)).to_have_value("harness-fault")
    page.get_by_label("Times").fill("1")
    page.get_by_label("Error name").fill("SmtpDown")
    page.get_by_label("Error message").fill(HOSTILE)
    page.get_by_label("Error message").press("Enter")

    row = page.get_by_role("row", name="SmtpDown")
    expect(row).to_contain_text(HOSTILE)
    assert serious_faults(page) == []
    page.get_by_role("button", name="Switch off error of harness-fault").click()
    expect(row.get_by_text("off", exact=True)).to_be_visible()
    assert run() == 200
    page.get_by_role("button", name="Switch on error of harness-fault").click()
    expect(row.get_by_text("on", exact=True)).to_be_visible()

    assert run() == 400  # the page hears of it by itself

    expect(row.get_by_text("used up")).to_be_visible()
    page.get_by_role("button", name="Remove error of harness-fault").click()
    expect(page.get_by_text("No fault waits.")).to_be_visible()
    assert run() == 200


def test_a_function_calls_a_service_and_the_page_shows_the_call(
    dock: ServerHere, new_page: OpenPage
) -> None:
    deploy(dock, "harness-caller", CALLS_A_SERVICE)
    page, room = new_page(), new_page()
    page.goto(f"{dock.url}/ui/harness/doubles")
    room.goto(f"{dock.url}/ui/harness/doubles?present=1")
    page.get_by_text("Add a rule").click()
    page.get_by_label("Method").select_option("POST")
    page.get_by_label("Path").fill("/mail/v1/")
    page.get_by_label("Answer, as JSON").fill("{nonsense")
    page.get_by_role("button", name="Add rule").click()
    expect(page.get_by_role("alert").filter(has_text="no JSON")).to_be_visible()
    page.get_by_label("Answer, as JSON").fill('{"id": "mail-7"}')
    page.get_by_role("button", name="Add rule").click()
    expect(page.get_by_role("row", name="mail-7")).to_be_visible()

    def run(path: str) -> dict[str, object]:
        body = {"data": {"path": path, "subject": HOSTILE}}
        answer = dock.service.call("POST", "/functions/harness-caller/execute", body)
        return dict(answer.json())

    assert run("/mail/v1/")["result"] == {"id": "mail-7"}
    calls = page.get_by_role("list", name="Calls, the newest first")
    expect(calls.get_by_role("listitem").first).to_contain_text("by harness-caller")
    assert run("/notes/v1/")["name"] == "LAMBDA_RUNTIME_EXCEPTION"
    unanswered = calls.get_by_role("listitem").first
    expect(unanswered).to_contain_text("no rule: 404")
    expect(unanswered).to_contain_text("path: /notes/v1/")
    assert serious_faults(page) == []
    expect(room.get_by_role("list", name="Calls, the newest first")).to_contain_text("/notes/v1/")
    assert HOSTILE not in room.inner_text("body")
    assert "mail-7" not in room.inner_text("body")

    unanswered.get_by_role("link", name="POST /notes/v1/").press("Enter")

    expect(page.get_by_role("heading", level=1)).to_have_text("POST /notes/v1/")
    expect(page.get_by_text(f'"subject": "{HOSTILE}"').last).to_be_visible()
    assert "hush-hush" not in page.content()
    page.get_by_role("link", name="Doubles").click()
    page.get_by_role("button", name="Remove the rule /mail/v1/").click()
    expect(page.get_by_text("No rule answers.")).to_be_visible()


def test_a_run_is_downloaded_and_replayed_from_its_file(page: Page, tmp_path: Path) -> None:
    with moved() as dock:
        results = iter([1, 2, 3])
        dock.deploy_handler(lambda event, runtime: {"n": next(results)}, "harness-replay")
        page.goto(f"{dock.url}/ui/harness/recordings")
        expect(page.get_by_text("No run is kept yet.")).to_be_visible()
        dock.execute("harness-replay", {"n": HOSTILE})
        with page.expect_download() as download:
            page.get_by_role("link", name="Download the run").click()
        file = tmp_path / "run.json"
        download.value.save_as(file)
        assert json.loads(file.read_text())["run"]["event"]["data"] == {"n": HOSTILE}

        page.get_by_role("button", name="Replay the run").first.click()

        replay = page.get_by_role("region", name="The replay")
        expect(replay).to_contain_text("/n: 1 -> 2")
        page.get_by_label("A recording").set_input_files(file)
        page.get_by_role("button", name="Replay file").click()
        expect(replay).to_contain_text("/n: 1 -> 3")
        assert serious_faults(page) == []
        page.get_by_label("A recording").set_input_files(
            {"name": "x.json", "mimeType": "application/json", "buffer": b"{}"}
        )
        page.get_by_role("button", name="Replay file").click()
        expect(page.get_by_role("alert").filter(has_text="no recording of a run")).to_be_visible()


def test_a_clock_that_stands_still_is_moved(new_page: OpenPage) -> None:
    page = new_page(width=390, height=844)
    with moved() as dock:
        dock.deploy_handler(lambda event, runtime: 1, "harness-clock")
        page.goto(f"{dock.url}/ui/harness/clock")
        before = dock.emulator.foundation.clock.now()
        later = f"{before.year + 1}-01-01T00:00:00.000Z"
        dock.service.post("/", {"functionName": "harness-clock", "startTimestamp": later})
        due = page.get_by_role("region", name="What is due")
        expect(due).to_contain_text("harness-clock")

        page.get_by_label("Advance by").fill("soon")
        page.get_by_role("button", name="Advance").click()
        expect(page.get_by_role("alert").filter(has_text="length of time")).to_be_visible()
        page.get_by_label("Advance by").fill("1h")
        page.get_by_label("Advance by").press("Enter")
        expect(page.get_by_text("The clock is manual")).to_be_visible()
        page.get_by_role("button", name="Run until idle").click()
        # The answer of the form: that nothing waits is shown while the task still runs.
        expect(page.get_by_text(f"The clock is manual; it is {later}")).to_be_visible()
        expect(page.get_by_text("Nothing waits for its time.")).to_be_visible()
        assert [task["status"] for task in dock.service.tasks()] == ["complete"]
        page.get_by_label("Move to, in UTC").fill(f"{before.year + 2}-03-04T05:06")
        page.get_by_role("button", name="Move", exact=True).click()
        expect(page.get_by_text(f"{before.year + 2}-03-04 05:06:00")).to_be_visible()
        page.get_by_label("Mode").select_option("auto")
        page.get_by_role("button", name="Set mode").click()
        expect(page.get_by_text("The clock is auto")).to_be_visible()
        assert serious_faults(page) == []
        wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert wide <= 0


def test_a_page_says_how_to_get_what_the_server_is_without(dock: ServerHere, page: Page) -> None:
    page.goto(f"{dock.url}/ui/harness/clock")
    expect(page.get_by_text("taskdock serve --clock manual")).to_be_visible()

    with running(engine=FakeEngine(), harness="off") as without:
        for path in ("", "/doubles", "/recordings", "/clock"):
            page.goto(f"{without.url}/ui/harness{path}")
            expect(page.get_by_text("taskdock serve --harness on")).to_be_visible()
