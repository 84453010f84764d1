"""What a server says of itself: engine, settings with their origins, notices, an examination."""

from __future__ import annotations

import threading
from collections.abc import Iterator

from taskdock.lambdas.notices import OF_CALLS
from taskdock.testing import running
from taskdock.testing.fakes.engine import FakeEngine, fake_image_of
from taskdock.web.harness_api.observing.server.doctor import Examiner, FindingJson
from tests.support.builders import Dock, StartDock
from tests.support.people import nobody

OK: FindingJson = {"name": "Python", "status": "ok", "measured": "3.11", "remedies": []}


def test_it_shows_its_engine_its_settings_and_the_runtimes(start_dock: StartDock) -> None:
    dock = start_dock(aws_secret_access_key="hush-hush", concurrency=3)

    shown = nobody(dock).get("/taskdock/system")

    assert shown["engine"]["kind"] == "a fake without containers"
    assert (shown["engine"]["limitsMemory"], shown["auth"]) == (True, "open")
    settings = {each["name"]: each for each in shown["settings"]}
    assert settings["concurrency"]["value"] == "3"
    assert settings["concurrency"]["origin"] != "default"
    assert settings["region"]["origin"] == "default"
    assert settings["aws_secret_access_key"]["value"] == "***"
    assert "hush-hush" not in str(shown)
    assert {"id": "java21", "os": "al2023"}.items() <= next(
        each for each in shown["runtimes"] if each["id"] == "java21"
    ).items()


def test_its_notices_are_found_by_level_and_text(dock: Dock) -> None:
    dock.deploy(lambda event, runtime: 1)
    dock.execute()

    everything = nobody(dock).get("/taskdock/notices")["data"]
    some = nobody(dock).get("/taskdock/notices?level=INFO&text=walnut-table")["data"]

    assert len(everything) >= len(some) > 0
    of_calls = {kind.name for kind in OF_CALLS}
    assert not of_calls & {each["name"] for each in everything}, "they leave no room for others"
    assert all(each["level"] != "DEBUG" for each in some)
    assert nobody(dock).ask("GET", "/taskdock/notices?level=LOUD").status_code == 400


def test_the_machine_is_examined_when_it_is_asked_for_and_once_at_a_time() -> None:
    going_on, examined = threading.Event(), []

    def examine() -> Iterator[FindingJson]:
        examined.append(1)
        yield OK
        going_on.wait(10)
        raise RuntimeError("the engine has gone")

    with running(engine=FakeEngine(), image_of=fake_image_of) as dock:
        examiner = Examiner(examine)
        assert examiner.state() == {"isRunning": False, "findings": []}
        assert not examined

        examiner.begin()
        dock.eventually(lambda: examiner.state()["findings"] == [OK], "the first finding")
        assert examiner.begin()["isRunning"]
        going_on.set()
        dock.eventually(lambda: not examiner.state()["isRunning"], "the end")

    ended = examiner.state()
    assert len(examined) == 1
    assert ended["endedTimestamp"]
    assert ended["findings"][-1]["measured"] == (
        "it could not go on: RuntimeError: the engine has gone"
    )


def test_a_server_of_a_test_examines_nothing(dock: Dock) -> None:
    assert nobody(dock).get("/taskdock/doctor") == {"isRunning": False, "findings": []}

    assert nobody(dock).ask("POST", "/taskdock/doctor").json()["beganTimestamp"]

    dock.eventually(lambda: not nobody(dock).get("/taskdock/doctor")["isRunning"], "the end")


def test_a_call_that_no_rule_answers_has_a_number_and_the_rule_to_write(dock: Dock) -> None:
    assert nobody(dock).ask("GET", "/mail/v1/?eq(id,3)").status_code == 404

    (call,) = nobody(dock).get("/taskdock/doubles/calls")["data"]

    assert call["number"] == 1
    assert call["rule"].startswith("- method: GET\n  path: /mail/v1/")
