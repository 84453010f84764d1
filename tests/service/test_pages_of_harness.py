"""The pages Harness and System over HTTP: who sees and changes what, and forms without scripts."""

from __future__ import annotations

import pytest

from tests.support.builders import Dock, StartDock
from tests.support.people import Person, administrator, nobody, person

SEEN = ("harness", "harness/doubles", "harness/recordings", "harness/clock")
SYSTEM = ("system", "system/images", "system/settings", "system/doctor", "system/notices")
RESET = "system/reset"
CHANGES = (
    *("harness/faults", "harness/faults/x/switch", "harness/faults/x/remove", "harness/doubles"),
    *("harness/doubles/x/remove", "harness/recordings/replay", "harness/clock", "system/doctor"),
    RESET,
)
OWN = {"Sec-Fetch-Site": "same-origin"}


def seen(who: Person, path: str) -> str:
    answer = who.ask("GET", f"/ui/{path}")
    assert answer.status_code == 200, answer.text
    return answer.text


def send(who: Person, page: str, **form: str) -> int:
    answer = who.ask("POST", f"/ui/{page}", data=form, headers=OWN, allow_redirects=False)
    return answer.status_code


def test_a_strict_server_without_the_harness_shows_how_to_turn_it_on(
    start_dock: StartDock,
) -> None:
    strict = start_dock(auth="strict")
    for path in (*SEEN, RESET):
        assert "taskdock serve --harness on" in seen(administrator(strict), path)
    for path in CHANGES:
        assert send(administrator(strict), path) == 403, path


def test_a_strict_server_shows_calls_and_runs_to_its_administrator_alone(
    start_dock: StartDock,
) -> None:
    strict = start_dock(auth="strict", harness="on")
    looks = person(strict, "VIEW_TASK_FUNCTIONS")
    assert administrator(strict).ask("GET", "/mail/v1/secret-path").status_code == 404

    assert "/mail/v1/secret-path" in seen(administrator(strict), "harness/doubles")
    for path in ("harness/doubles", "harness/recordings", RESET):
        assert "is for the administrator" in seen(looks, path)
    assert "/mail/v1/secret-path" not in seen(looks, "harness/doubles/list")
    assert "Examine this machine" not in seen(looks, "system/doctor")
    for path in CHANGES:
        assert send(looks, path) == 403, path
    assert looks.ask("GET", "/ui/harness/doubles/calls/1").status_code == 403
    for path in (*SEEN, *SYSTEM):
        assert nobody(strict).ask("GET", f"/ui/{path}", allow_redirects=False).status_code != 200


def test_forms_work_without_scripts(dock: Dock) -> None:
    dock.deploy(lambda event, runtime: 1)
    me = nobody(dock)

    assert send(me, "harness/faults", functionName="walnut-table", fault="crash") == 303
    (fault,) = me.get("/taskdock/faults")["data"]
    assert send(me, f"harness/faults/{fault['id']}/switch", enabled="false") == 303
    assert me.get("/taskdock/faults")["data"][0]["enabled"] is False
    assert send(me, "harness/doubles", method="GET", path="/x/v1", json="[1]", times="2") == 303
    assert me.get("/x/v1") == [1]
    never = {"method": "GET", "path": "/tasks/v1/", "json": "{}"}
    refused = me.ask("POST", "/ui/harness/doubles", data=never, headers=OWN)

    assert refused.status_code == 400
    assert "a rule that can never match" in refused.text
    assert "<!doctype html>" in refused.text
    assert "fault" in seen(me, "harness?present=1")
    assert fault["id"] not in seen(me, "harness/faults?present=1").replace(
        f"/faults/{fault['id']}/", ""
    ).replace(f"fault-{fault['id']}", "")


@pytest.mark.parametrize("path", [*SEEN[:3], *SYSTEM, RESET])
def test_a_page_is_unchanged_while_nothing_happens(shared: Dock, path: str) -> None:
    first = nobody(shared).ask("GET", f"/ui/{path}")

    again = nobody(shared).ask(
        "GET", f"/ui/{path}", headers={"If-None-Match": first.headers["ETag"]}
    )

    assert (first.status_code, again.status_code) == (200, 304)
