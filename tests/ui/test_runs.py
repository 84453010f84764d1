"""The pages Runs and one run, in a browser."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import requests
from playwright.sync_api import Page, expect

from taskdock.testing.dock import ServerHere
from tests.support.aws import lambda_client
from tests.ui.conftest import OpenPage, serious_faults

pytestmark = pytest.mark.docker

LATER = "2040-01-01T00:00:00.000Z"
EVIL = "<img src=x onerror=alert(1)><script>alert(2)</script>"
CODE = """
import json, os, pathlib, time, urllib.request

def handler(event, context):
    data = event.get("data") or {}
    print("line one", data.get("say", ""), flush=True)
    for n in range(data.get("creates", 0)):
        body = json.dumps({"functionName": "runs-oak", "data": {"number": n}}).encode()
        sent = urllib.request.Request(os.environ["API_HOST"] + "/tasks/v1/", body,
                                      {"Content-Type": "application/json"})
        urllib.request.urlopen(sent).read()
    if data.get("waits"):
        time.sleep(data["waits"])
        print("line two", flush=True)
    if data.get("fail"):
        raise ValueError(data["fail"])
    return {"statusCode": 200, "body": "ANSWER", "say": data.get("say")}
"""


def deploy(dock: ServerHere, name: str, answer: str = "walnut", **fields: Any) -> str:
    """The function, which other tests may have left."""
    code = {"main.py": CODE.replace("ANSWER", answer)}
    requests.delete(f"{dock.url}/tasks/v1/functions/{name}", timeout=20)
    return dock.service.deploy(name, code, timeLimit=20, **fields)


def create(dock: ServerHere, name: str, **fields: Any) -> str:
    return str(dock.service.post("/", {"functionName": name, **fields})["id"])


_LINES = "link => link.getClientRects().length"


def row(page: Page, id: str) -> Any:
    return page.get_by_role("row").filter(has=page.get_by_role("link", name=re.compile(id)))


def fits_a_room_and_a_phone(dock: ServerHere, page: Page, new_page: OpenPage, id: str) -> None:
    page.goto(f"{dock.url}/ui/runs?present=1")
    expect(page.get_by_role("row")).not_to_have_count(1)
    assert id not in page.get_by_role("table").inner_text()
    expect(page.get_by_role("button", name=re.compile("Copy the id"))).to_have_count(0)
    assert page.get_by_role("link", name=re.compile("Open the task")).first.evaluate(_LINES) == 1
    phone = new_page(width=390, height=844)
    phone.goto(f"{dock.url}/ui/runs")
    assert phone.evaluate("document.documentElement.scrollWidth") <= 390


def test_the_list_has_all_kinds_is_filtered_by_click_and_cancels_tasks(
    dock: ServerHere, page: Page, new_page: OpenPage
) -> None:
    deploy(dock, "runs-oak", executionOptions={"permissionMode": "public"})
    page.goto(f"{dock.url}/ui/runs")
    expect(page.get_by_text("Nothing has run yet")).to_be_visible()
    done = create(dock, "runs-oak", data={"say": EVIL})
    expect(row(page, done).get_by_role("link", name="complete")).to_be_visible()  # by itself
    dock.service.execute("runs-oak")
    assert requests.get(f"{dock.url}/tasks/v1/api/runs-oak/{EVIL}", timeout=20).ok
    aws = lambda_client(dock.url)
    aws.invoke(FunctionName="runs-oak", Payload=b"{}")
    aws.close()
    waiting = [create(dock, "runs-oak", startTimestamp=LATER) for _ in range(4)]
    other = create(dock, EVIL, startTimestamp=LATER)

    table = page.get_by_role("table")
    for kind in ("direct execution", "API request", "invocation"):
        expect(table.get_by_role("link", name=kind, exact=True)).to_be_visible()
    expect(row(page, other)).to_contain_text(EVIL)
    expect(page.get_by_text("GET /")).to_contain_text("onerror")
    assert serious_faults(page) == []

    # by click, and by RQL
    table.get_by_role("link", name="new").first.click()
    expect(page.get_by_role("row")).to_have_count(6)
    row(page, waiting[0]).get_by_role("link", name="runs-oak", exact=True).click()
    expect(page.get_by_role("row")).to_have_count(5)
    expect(page.get_by_label("Function")).to_have_value("runs-oak")
    page.get_by_label("RQL for tasks").fill("eq(oops,1)")
    page.get_by_label("RQL for tasks").press("Enter")
    expect(page.get_by_role("alert").filter(has_text="unknown field 'oops'")).to_be_visible()
    page.get_by_label("RQL for tasks").fill(f"in(id,{waiting[1]},{waiting[2]})")
    page.get_by_role("button", name="Filter").click()
    expect(page.get_by_role("row")).to_have_count(3)

    # one, by the keyboard alone; then all that are ticked, of which one is not new any more
    with page.expect_navigation():
        page.get_by_role("link", name="Show all").click()
    button = row(page, waiting[0]).get_by_role("button", name="Cancel task")
    button.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_text("1 task canceled.")).to_be_visible()
    expect(row(page, waiting[0]).get_by_role("link", name="canceled")).to_be_visible()
    still = new_page()
    still.route(re.compile("/ui/stream"), lambda route: route.abort())  # it hears of nothing
    still.goto(f"{dock.url}/ui/runs?status=new")
    still.get_by_label("Tick all new tasks on this page").check()
    dock.service.post(f"/{waiting[1]}/cancel")
    still.get_by_role("button", name="Cancel ticked tasks").click()
    expect(still.get_by_text("3 tasks canceled.")).to_be_visible()
    expect(still.get_by_text("the task is canceled; only a task that is new")).to_be_visible()

    fits_a_room_and_a_phone(dock, page, new_page, done)


def test_one_run_has_its_time_its_family_its_log_and_runs_again(
    dock: ServerHere, page: Page, new_page: OpenPage
) -> None:
    deploy(dock, "runs-oak")
    deploy(dock, "runs-elm", retryPolicy={"enabled": True, "errorsToRetry": ["ValueError"]})

    # live: the log while it runs, then the end
    slow = create(dock, "runs-oak", data={"waits": 4, "creates": 2, "say": EVIL})
    page.goto(f"{dock.url}/ui/runs/task/{slow}")
    log = page.get_by_label("The log")
    expect(log).to_contain_text(f"line one {EVIL}")
    expect(log).not_to_contain_text("line two")
    expect(log).to_contain_text("line two")
    expect(page.get_by_label("The answer")).to_contain_text("walnut")
    expect(page.get_by_role("heading", name="Attempts and created tasks")).to_be_visible()
    expect(page.get_by_text("created", exact=True)).to_have_count(2)
    for name in ("Handler", "Waiting for an environment"):
        expect(page.get_by_role("listitem").filter(has_text=name)).to_be_visible()
    expect(page.get_by_role("img", name="Where the time went")).to_be_visible()
    expect(page.get_by_role("meter").first).to_be_visible()
    expect(page.get_by_label("The event")).to_contain_text(EVIL)

    # again, with other code
    page.reload()
    deploy(dock, "runs-oak", "oak")
    page.get_by_role("button", name="Run again with the newest code").click()
    expect(page.get_by_label("The difference")).to_contain_text("walnut")
    page.get_by_text("curl", exact=True).click()
    expect(page.get_by_label("curl", exact=True)).to_contain_text(f"curl -sS {dock.url}/tasks/v1/")
    assert serious_faults(page) == []
    with page.expect_download() as saved:
        page.get_by_role("link", name="Save recording").click()
    assert '"taskdock": "run"' in Path(saved.value.path()).read_text()
    page.get_by_role("link", name="Open the new run").click()
    expect(page.get_by_label("The answer")).to_contain_text("oak")

    # a chain of attempts, and an error
    chain = create(dock, "runs-elm", data={"fail": EVIL})
    page.goto(f"{dock.url}/ui/runs/task/{chain}")
    expect(page.get_by_text("attempt 2")).to_be_visible()
    expect(page.get_by_role("heading", name="ValueError")).to_be_visible()
    expect(page.get_by_label("Stack trace")).to_contain_text("main.py")
    expect(page.get_by_text(EVIL).first).to_be_visible()
    assert serious_faults(page) == []
    phone = new_page(width=390, height=844, color_scheme="dark")
    phone.goto(f"{dock.url}/ui/runs/task/{chain}")
    assert phone.evaluate("document.documentElement.scrollWidth") <= 390
    assert serious_faults(phone) == []
    page.get_by_role("button", name="Queue a new task").focus()
    page.keyboard.press("Enter")
    expect(page).not_to_have_url(re.compile(chain))
    expect(page.get_by_role("heading", level=1)).to_have_text("Task of runs-elm")


def test_api_requests_and_invocations_have_pages_too(dock: ServerHere, page: Page) -> None:
    deploy(dock, "runs-oak", executionOptions={"permissionMode": "public"})
    assert requests.get(f"{dock.url}/tasks/v1/api/runs-oak/items", timeout=20).ok
    aws = lambda_client(dock.url)
    aws.invoke(FunctionName="runs-oak", Payload=b'{"legs": 4}')
    aws.close()
    page.goto(f"{dock.url}/ui/runs")

    for kind, event in (("api", "rawPath"), ("invocation", "legs")):
        page.get_by_role("link", name=re.compile(f"Open the {kind} ")).click()
        expect(page.get_by_label("The event")).to_contain_text(event)
        expect(page.get_by_label("The log")).to_contain_text("line one")
        page.get_by_role("link", name="All runs").click()


def test_without_scripts_the_buttons_work_and_an_event_is_edited(
    dock: ServerHere, new_page: OpenPage
) -> None:
    deploy(dock, "runs-oak")
    waits = create(dock, "runs-oak", startTimestamp=LATER)
    done = create(dock, "runs-oak", data={"say": EVIL})
    page = new_page(java_script_enabled=False)
    page.goto(f"{dock.url}/ui/runs?kind=task")
    row(page, waits).get_by_role("button", name="Cancel task").click()
    expect(page.get_by_text("1 task canceled.")).to_be_visible()

    dock.service.finish([done])
    page.goto(f"{dock.url}/ui/runs/task/{done}")
    page.get_by_role("link", name="Edit and run").click()
    expect(page.get_by_label("Event", exact=True)).to_have_value(f'{{\n  "say": "{EVIL}"\n}}')
    page.go_back()
    page.get_by_role("button", name="Run again with the newest code").click()
    expect(page.get_by_role("link", name="Open the new run")).to_be_visible()
    page.goto(f"{dock.url}/ui/runs/task/{done}")
    page.get_by_role("button", name="Queue a new task").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Task of runs-oak")
    expect(page).not_to_have_url(re.compile(done))
