"""The pages of functions: deployed, looked at, tried in four ways, and deleted."""

from __future__ import annotations

import json
from base64 import b64encode

import pytest
from playwright.sync_api import FilePayload, Locator, Page, expect

from taskdock.testing.dock import ServerHere
from taskdock.testing.zips import zip_of
from tests.ui.conftest import OpenPage, serious_faults

pytestmark = pytest.mark.docker

HOSTILE = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"
CODE = """
import json

def handler(event, context):
    print("looked at", json.dumps(event))
    data = event.get("data") or {}
    if data.get("fails"):
        raise ValueError(data["fails"])
    if "rawPath" in event:
        return {"statusCode": 201, "body": event["rawPath"] + event.get("body", "")}
    return {"said": data.get("name", event.get("name", "nobody"))}
"""


def zip_file(name: str, code: str = CODE) -> FilePayload:
    return {"name": name, "mimeType": "application/zip", "buffer": zip_of({"index.py": code})}


@pytest.fixture
def table(dock: ServerHere) -> str:
    """The name of a function that is deployed once for all tests."""
    name = "tried-table"
    found = dock.service.call("GET", f"/functions/{name}")
    if found.status_code == 404:
        dock.service.post(
            "/functions/",
            {
                "name": name,
                "code": b64encode(zip_of({"index.py": CODE})).decode(),
                "entryPoint": "index.handler",
                "runtime": "python3.11",
                "timeLimit": 20,
                "description": HOSTILE,
                "environmentVariables": {"SECRET": {"value": "cherry-wood"}},
            },
        )
    return name


def open_try(page: Page, dock: ServerHere, name: str) -> Locator:
    """The region of the answer."""
    page.goto(f"{dock.url}/ui/functions/{name}/try")
    expect(page.locator("#connection")).to_have_text("live")
    return page.locator("#answer")


def run_as(page: Page, way: str, event: str | None = None) -> None:
    page.get_by_role("radio", name=way).check()
    if event is not None:
        page.get_by_role("textbox", name="Event", exact=True).fill(event)
    page.get_by_role("button", name="Run tried-table").click()


def test_a_zip_becomes_a_function_whose_code_is_replaced_and_that_is_deleted(
    dock: ServerHere, page: Page
) -> None:
    page.goto(f"{dock.url}/ui/functions")
    page.get_by_label("Drop a zip here, or choose it").set_input_files(
        {"name": "ui-chair.zip", "mimeType": "application/zip", "buffer": b"no zip"}
    )
    expect(page.get_by_label("Name", exact=True)).to_have_value("ui-chair")
    page.get_by_label("Runtime", exact=True).select_option("python3.11")
    page.get_by_role("button", name="Deploy function").click()
    expect(page.get_by_role("main").get_by_role("alert")).to_contain_text("zip")

    page.get_by_label("Drop a zip here, or choose it").set_input_files(zip_file("other.zip"))
    page.get_by_role("button", name="Deploy function").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("ui-chair")
    before = dock.emulator.lambdas.catalog.get("ui-chair").code
    page.get_by_label("Drop a zip here, or choose it").set_input_files(
        zip_file("new.zip", f"# new\n{CODE}")
    )
    with page.expect_navigation():  # else what is pressed next is lost with the page
        page.get_by_role("button", name="Replace the code").click()
    assert dock.emulator.lambdas.catalog.get("ui-chair").code != before
    page.get_by_role("button", name="Disable function").click()
    expect(page.get_by_role("button", name="Enable function")).to_be_visible()

    page.get_by_role("link", name="Functions", exact=True).last.click()
    switch = page.get_by_role("switch", name="ui-chair is enabled")
    expect(switch).not_to_be_checked()
    switch.click()
    expect(switch).to_be_checked()

    page.get_by_role("link", name="ui-chair").click()
    page.get_by_text("Delete this function…").click()
    page.get_by_role("button", name="Delete ui-chair").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Functions")
    expect(page.get_by_role("link", name="ui-chair")).to_have_count(0)


def test_the_list_follows_functions_and_their_runs_without_reload(
    dock: ServerHere, page: Page, table: str
) -> None:
    page.goto(f"{dock.url}/ui/functions")
    row = page.get_by_role("row").filter(has=page.get_by_role("link", name=table))
    expect(row).to_contain_text("never")
    expect(row).to_contain_text("20 s")
    expect(page.locator("#connection")).to_have_text("live")

    dock.service.execute(table, {"name": "Ada"})

    expect(row).to_contain_text("complete")
    expect(row).to_contain_text("ms")
    dock.service.call("POST", f"/functions/{table}/execute", {"data": {"fails": HOSTILE}})
    expect(row).to_contain_text("ValueError")
    dock.service.call("POST", f"/functions/{table}/disable")
    expect(page.get_by_role("switch", name=table)).not_to_be_checked()
    dock.service.call("POST", f"/functions/{table}/enable")
    expect(page.get_by_role("switch", name=table)).to_be_checked()
    expect(row).to_contain_text(HOSTILE)
    assert serious_faults(page) == []
    assert page.title() == "Functions · taskdock"


def test_a_function_is_tried_in_each_way(dock: ServerHere, page: Page, table: str) -> None:
    answer = open_try(page, dock, table)

    run_as(page, "a task", '{"name": "Ada"}')
    expect(answer).to_contain_text('"said": "Ada"')
    expect(answer.get_by_role("link", name="Open the run")).to_have_attribute(
        "href", f"/ui/runs/task/{dock.service.tasks()[0]['id']}"
    )
    run_as(page, "a direct execution", '{"name": "Grace"}')
    expect(answer).to_contain_text('"said": "Grace"')
    expect(answer).to_contain_text("of 128 MB")
    expect(answer).to_contain_text("warm")
    expect(answer).to_contain_text("REPORT RequestId")
    run_as(page, "an Invoke (RequestResponse)", '{"name": "Edsger"}')
    expect(answer).to_contain_text('"said": "Edsger"')
    run_as(page, "an Invoke (Event)", '{"name": "Barbara"}')
    expect(answer).to_contain_text('"said": "Barbara"')
    run_as(page, "an API request")
    expect(answer).to_contain_text("201")
    page.get_by_label("Method").select_option("POST")
    page.get_by_label("Path").fill("/legs/4?of=oak")
    page.get_by_label("Headers").fill("Content-Type: text/plain")
    page.get_by_role("textbox", name="Body").fill("walnut")
    page.get_by_role("button", name="Run tried-table").click()
    expect(answer).to_contain_text("/legs/4walnut")
    assert serious_faults(page) == []

    page.get_by_role("link", name="Runs", exact=True).last.click()
    expect(page.get_by_role("cell", name="asynchronous event")).to_be_visible()
    assert serious_faults(page) == []
    page.get_by_role("link", name="Environments").click()
    expect(page.get_by_role("cell", name="128 MB").first).to_be_visible()


def test_an_error_is_shown_with_its_stack_and_nothing_in_it_is_html(
    dock: ServerHere, page: Page, table: str
) -> None:
    answer = open_try(page, dock, table)

    for way in ("a task", "a direct execution"):
        run_as(page, way, json.dumps({"fails": HOSTILE}))

        expect(answer).to_contain_text(f"ValueError: {HOSTILE}")
        expect(answer.get_by_label("Stack trace")).to_contain_text("index.py")
        expect(answer.get_by_label("Log")).to_contain_text("looked at")
    page.reload()
    expect(page.get_by_text(HOSTILE)).to_be_visible()
    run_as(page, "a task", '["no object"]')
    expect(answer.get_by_role("alert")).to_contain_text("the data of a task is a JSON object")
    assert page.title() == f"{table} · taskdock"


def test_try_it_is_used_by_the_keyboard_alone_with_events_that_stay(
    dock: ServerHere, page: Page, table: str
) -> None:
    answer = open_try(page, dock, table)
    editor = page.get_by_role("textbox", name="Event", exact=True)
    press = page.keyboard.press
    editor.focus()
    press("Control+a")
    page.keyboard.type('{\n "name": "Ada",\n}')

    for _ in range(3):
        press("Tab")
    press("Enter")

    expect(page.locator("form").get_by_role("alert")).to_contain_text("line 2, column 15")
    expect(editor).to_be_focused()
    expect(answer).to_contain_text("Nothing has run yet")
    press("Control+a")
    page.keyboard.type('{"name": "Lovelace"}')
    press("Tab")
    page.keyboard.type("mine")
    press("Tab")
    press("Enter")
    press("Tab")
    press("Enter")
    expect(answer).to_contain_text('"said": "Lovelace"')
    expect(page.get_by_role("button", name="Run tried-table")).to_be_focused()

    page.reload()
    stored = page.get_by_label("Events", exact=True)
    stored.select_option("mine")
    page.get_by_role("button", name="Load event").press("Enter")
    expect(editor).to_have_value('{"name": "Lovelace"}')
    page.get_by_role("button", name="Delete saved event").press("Enter")
    expect(stored.get_by_role("option", name="mine")).to_have_count(0)
    stored.select_option("An empty object")
    page.get_by_role("button", name="Load event").press("Enter")
    expect(editor).to_have_value("{}")


def test_the_event_of_a_run_is_edited_and_typed_events_outlive_the_back_button(
    dock: ServerHere, page: Page, table: str
) -> None:
    answer = open_try(page, dock, table)
    run_as(page, "a direct execution", '{"name": "Byron"}')
    answer.get_by_role("link", name="Open the run").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Direct execution of tried-table")
    page.go_back()
    editor = page.get_by_role("textbox", name="Event", exact=True)
    expect(editor).to_have_value('{"name": "Byron"}')

    page.go_forward()
    page.get_by_role("link", name="Edit and run").click()
    expect(page.get_by_role("radio", name="a direct execution")).to_be_checked()
    expect(editor).to_have_value('{\n  "name": "Byron"\n}')

    page.get_by_role("radio", name="an API request").check()
    page.get_by_label("Path", exact=True).fill("/chairs?size=4")
    page.get_by_label("Method", exact=True).select_option("POST")
    page.get_by_label("Body", exact=True).fill("walnut")
    page.get_by_role("button", name="Run tried-table").click()
    answer.get_by_role("link", name="Open the run").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("API request of tried-table")
    page.get_by_role("link", name="Edit and run").click()
    expect(page.get_by_label("Path", exact=True)).to_have_value("/chairs?size=4")
    expect(page.get_by_label("Method", exact=True)).to_have_value("POST")
    expect(page.get_by_label("Body", exact=True)).to_have_value("walnut")
    page.get_by_role("button", name="Run tried-table").click()
    expect(answer).to_contain_text("/chairs" + b64encode(b"walnut").decode())


def test_without_scripts_a_function_is_tried_and_nothing_is_offered_that_needs_them(
    dock: ServerHere, new_page: OpenPage, table: str
) -> None:
    page = new_page(java_script_enabled=False)
    page.goto(f"{dock.url}/ui/functions/{table}/try")
    expect(page.get_by_role("button", name="Load event")).to_be_hidden()
    expect(page.get_by_role("status").get_by_text("connecting")).to_be_hidden()
    top = page.get_by_role("banner")
    expect(top).to_contain_text("Without JavaScript, load the page", use_inner_text=True)
    run_as(page, "a direct execution", '{"name": "Ada"}')
    expect(page.locator("#answer")).to_contain_text('"said": "Ada"')


def test_a_run_whose_answer_is_lost_says_so(dock: ServerHere, page: Page, table: str) -> None:
    open_try(page, dock, table)
    page.route("**/try", lambda route: route.abort())

    run_as(page, "a direct execution", "{}")

    said = page.get_by_role("alert").filter(has_text="The connection was lost")
    expect(said).to_contain_text("Look whether it was done")
    expect(page.get_by_role("button", name="Run tried-table")).to_be_enabled()


def test_a_zip_is_dropped_and_variables_are_hidden_on_a_phone_and_before_a_room(
    dock: ServerHere, new_page: OpenPage, table: str
) -> None:
    phone = new_page(width=390, height=844)
    phone.goto(f"{dock.url}/ui/functions/{table}")
    expect(phone.get_by_text("cherry-wood")).to_be_hidden()
    phone.get_by_role("button", name="Show").click()
    expect(phone.get_by_text("cherry-wood")).to_be_visible()
    expect(phone.get_by_text("stand-in for")).to_be_visible()
    assert serious_faults(phone) == []
    for path in (f"/{table}/try", ""):
        phone.goto(f"{dock.url}/ui/functions{path}")
        assert phone.evaluate("document.documentElement.scrollWidth") <= 390, path

    room = new_page()
    room.goto(f"{dock.url}/ui/functions/{table}?present=1")
    expect(room.get_by_role("heading", name="Environment variables")).to_be_visible()
    assert "cherry-wood" not in room.content()
    dropped = room.evaluate_handle("new DataTransfer()")
    dropped.evaluate("all => { all.items.add(new File(['no zip'], 'table.zip')) }")
    for kind in ("dragover", "drop"):
        room.get_by_role("heading", level=1).dispatch_event(kind, {"dataTransfer": dropped})
    expect(room.get_by_role("button", name="Replace the code")).to_be_focused()
    room.keyboard.press("Enter")
    expect(room.get_by_role("main").get_by_role("alert")).to_contain_text("zip")
