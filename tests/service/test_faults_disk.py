"""A full disk: it is named to callers, nothing that was accepted is lost, and it goes by itself."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from taskdock.base.errors import DiskFull, StartupError, TaskdockError
from taskdock.base.files.disk import Disk, explain
from taskdock.base.health import Health
from taskdock.base.notices import Notices
from taskdock.base.settings import Settings
from taskdock.base.timing.clock import SystemClock
from taskdock.server.app import Emulator
from taskdock.testing.dock import new_function
from taskdock.testing.fakes.engine import FakeEngine, fake_image_of
from taskdock.testing.waiting import eventually
from taskdock.testing.zips import base64_of, zip_of
from tests.support.aws import NAME
from tests.support.builders import Dock, Gate, Json
from tests.support.small_disk import SmallDisk, failing_disk, small_disk


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with small_disk(tmp_path / "small") as disk:
        yield disk


@pytest.fixture
def dock(disk: SmallDisk) -> Iterator[Dock]:
    dock = Dock(disk.folder / "data")
    yield dock
    dock.stop()


def health(dock: Dock) -> requests.Response:
    return dock.call("GET", "/health", base="")


def troubles(dock: Dock) -> list[str]:
    found: list[Json] = health(dock).json()["troubles"]
    return [trouble["name"] for trouble in found]


def is_named(message: str, disk: SmallDisk) -> bool:
    start = f"the disk that has {disk.folder.resolve() / 'data'} is full: free some space"
    return message.startswith(start)


def test_who_creates_a_task_is_told_of_the_full_disk_with_507(dock: Dock, disk: SmallDisk) -> None:
    dock.deploy(lambda *_: None)
    disk.fill()

    answer = dock.post("/", {"functionName": "walnut-table"})

    assert (answer.status_code, answer.json()["code"]) == (507, 1)
    assert is_named(answer.json()["message"], disk)


def test_who_sends_an_event_is_told_in_the_lambda_apis_words(dock: Dock, disk: SmallDisk) -> None:
    dock.deploy(lambda *_: None)
    disk.fill()

    answer = dock.call(
        "POST",
        f"/2015-03-31/functions/{NAME}/invocations",
        base="",
        json={},
        headers={"X-Amz-Invocation-Type": "Event"},
    )

    assert answer.status_code == 503
    assert answer.headers["X-Amzn-Errortype"] == "ServiceUnavailableException"
    assert is_named(answer.json()["Message"], disk)


def test_health_says_it_and_all_goes_on_once_there_is_room(dock: Dock, disk: SmallDisk) -> None:
    dock.deploy(lambda *_: "done")
    disk.fill()
    assert dock.post("/", {"functionName": "walnut-table"}).status_code == 507
    assert health(dock).status_code == 503
    assert troubles(dock) == ["disk"]

    disk.free()

    # Sooner than anybody writes something: the rescuer is the next.
    eventually(lambda: health(dock).status_code == 200, within=15)
    assert troubles(dock) == []
    assert dock.finish(dock.create_task())["status"] == "complete"


def test_a_task_that_ends_while_the_disk_is_full_ran_once_and_is_complete_later(
    dock: Dock, disk: SmallDisk
) -> None:
    gate, runs = Gate(), []

    def work(_: Any, runtime: Any) -> str:
        runs.append(runtime.request_id)
        gate.pass_(runtime)
        return "done"

    dock.deploy(work)
    task = dock.create_task()
    dock.eventually(lambda: gate.waiting)
    disk.fill()

    gate.open()
    dock.eventually(lambda: "disk" in troubles(dock))
    disk.free()

    assert dock.finish(task)["status"] == "complete"
    assert len(runs) == 1


def test_a_function_whose_code_has_no_room_is_not_there_and_leaves_nothing(
    dock: Dock, disk: SmallDisk
) -> None:
    code = base64_of(zip_of({"index.py": os.urandom(3 * 1024 * 1024)}))
    disk.fill()

    refused = dock.post("/functions/", new_function("large", code=code))

    assert refused.status_code == 507
    assert is_named(refused.json()["message"], disk)
    assert dock.get("/functions/large").status_code == 404
    assert not list((disk.folder / "data" / "code").glob("*"))
    disk.free()
    assert dock.post("/functions/", new_function("large", code=code)).status_code == 200


def test_a_server_stops_in_order_on_a_full_disk(dock: Dock, disk: SmallDisk) -> None:
    dock.deploy(lambda *_: None)
    disk.fill()

    dock.stop()

    disk.free()
    again = Dock(disk.folder / "data")
    assert again.get("/functions/walnut-table").status_code == 200
    again.stop()


def test_a_disk_that_fails_is_named_and_what_was_accepted_is_there_when_it_is_back(
    tmp_path: Path,
) -> None:
    with failing_disk(tmp_path / "failing") as disk:
        dock = Dock(disk.folder / "data")
        dock.deploy(lambda *_: None)
        ended = dock.create_task()
        waiting = dock.create_task(startTimestamp="2999-01-01T00:00:00.000Z")
        dock.finish(ended)

        disk.fail()
        refused = dock.post("/", {"functionName": NAME})

        assert (refused.status_code, refused.json()["code"]) == (503, 1)
        assert "can only be read (often after an error: see dmesg)" in refused.json()["message"]
        assert troubles(dock) == ["disk"]
        (trouble,) = dock.call("GET", "/status", base="").json()["troubles"]
        assert (trouble["severity"], trouble["reason"]) == ("failing", refused.json()["message"])
        dock.stop()
        with disk.as_it_was_written() as folder:
            again = Dock(folder / "data")
            assert (again.status(ended), again.status(waiting)) == ("complete", "new")
            assert again.get("/").json()["page"]["total"] == 2
            assert troubles(again) == []
            again.stop()


def test_a_first_start_on_a_full_disk_is_refused_in_words(disk: SmallDisk) -> None:
    disk.fill()

    with pytest.raises(StartupError, match=r"(No space left on device|is full)"):
        Emulator(
            Settings(port=0, data_dir=disk.folder / "data"),
            engine=FakeEngine(),
            image_of=fake_image_of,
        )


def test_a_later_start_on_a_full_disk_is_refused_in_words_and_holds_nothing(
    dock: Dock, disk: SmallDisk
) -> None:
    dock.stop()
    disk.fill()

    with pytest.raises(TaskdockError, match=r"(No space left on device|is full)"):
        Dock(disk.folder / "data")

    disk.free()
    Dock(disk.folder / "data").stop()


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "is full: free some space"),
        (errno.EDQUOT, "its quota is used up: free some space"),
        (errno.EROFS, "can only be read"),
        (errno.EMFILE, "as many files and connections open as it may"),
        (errno.EIO, "cannot be used: Input/output error"),
    ],
)
def test_each_refusal_of_the_kernels_has_its_words(number: int, words: str) -> None:
    assert words in explain(OSError(number, os.strerror(number)), Path("/data")).message


def test_what_keeps_a_file_from_being_written_is_found_by_trying(disk: SmallDisk) -> None:
    found = Disk(disk.folder)
    disk.fill()

    assert isinstance(found.present_fault(), DiskFull)


def test_every_trouble_of_a_disk_is_over_when_it_can_be_written(tmp_path: Path) -> None:
    health = Health(clock=SystemClock(), notices=Notices())
    disk = Disk(tmp_path)
    disk.health = health
    disk.fault(OSError(errno.ENOSPC, ""))
    disk.fault(OSError(errno.EMFILE, ""))
    assert [trouble.name for trouble in health.troubles()] == ["disk", "descriptors"]

    disk.works()

    assert health.troubles() == []
