"""The address alone: a browser is led to the dashboard, and a program is told as of any path."""

from __future__ import annotations

from tests.support.builders import Dock

BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


def test_a_browser_that_asks_for_the_address_alone_is_led_to_the_dashboard(shared: Dock) -> None:
    led = shared.call("GET", "/", base="", headers=BROWSER, allow_redirects=False)
    elsewhere = shared.call("GET", "/nothing", base="", headers=BROWSER, allow_redirects=False)

    assert (led.status_code, led.headers["Location"]) == (303, "/ui/")
    assert elsewhere.status_code == 404


def test_a_program_is_answered_there_as_for_any_path_that_is_not_here(shared: Dock) -> None:
    program = shared.call("GET", "/", base="", headers={"Accept": "*/*"}, allow_redirects=False)
    written = shared.call("POST", "/", base="", headers=BROWSER, allow_redirects=False)

    assert (program.status_code, written.status_code) == (404, 404)
    assert program.json()["name"] == "ENDPOINT_EXCEPTION"
