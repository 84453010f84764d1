"""The data folder deleted or replaced underneath: nothing is written, and everybody is told."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from taskdock.base.errors import StartupError
from taskdock.base.files.data_folder import DataFolder, label_of
from taskdock.testing.fakes.engine import FakeEngine
from taskdock.testing.waiting import eventually
from tests.support.builders import DATABASE, Dock


def told(dock: Dock) -> str | None:
    answer = dock.call("GET", "/health", base="")
    if answer.status_code == 200:
        return None
    assert answer.status_code == 503, answer.text
    reasons = {trouble["name"]: trouble["reason"] for trouble in answer.json()["troubles"]}
    return reasons.get("data folder")  # a loop whose turn came first has a trouble of its own


def delete(folder: Path) -> None:
    """A thread that connects just then may put a file there again."""
    shutil.rmtree(folder, ignore_errors=True)


def replace(folder: Path) -> None:
    delete(folder)
    DataFolder(folder).close()


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (delete, "was removed or moved away while the server ran"),
        (replace, "was replaced by another while the server ran"),
        (lambda folder: folder.rename(folder.with_name("moved")), "was removed or moved away"),
        (lambda folder: (folder / DATABASE).unlink(), "was removed or moved away"),
        (lambda folder: (folder / DATABASE).rename(folder / "aside"), "was removed or moved away"),
    ],
    ids=["deleted", "replaced", "moved", "database deleted", "database moved"],
)
def test_of_a_data_folder_that_is_lost_everybody_is_told(dock: Dock, harm, words: str) -> None:  # type: ignore[no-untyped-def]
    dock.deploy(lambda *_: None)

    harm(dock.emulator.foundation.data)

    reason = dock.eventually(lambda: told(dock))
    assert words in reason
    refused = dock.post("/", {"functionName": "walnut-table"})
    assert (refused.status_code, refused.json()["message"]) == (503, reason)
    dock.stop()  # in order


def test_what_was_accepted_is_in_the_folder_wherever_it_was_moved(dock: Dock) -> None:
    dock.deploy(lambda *_: None)
    accepted = [dock.create_task(startTimestamp="2999-01-01T00:00:00.000Z") for _ in range(3)]
    data = dock.emulator.foundation.data
    moved = data.with_name("moved")

    data.rename(moved)
    reason = dock.eventually(lambda: told(dock))
    assert dock.post("/", {"functionName": "walnut-table"}).status_code == 503
    troubles = dock.call("GET", "/status", base="").json()["troubles"]
    dock.stop()

    assert ("data folder", reason) in [(each["name"], each["reason"]) for each in troubles]
    again = Dock(moved)
    assert {task["id"] for task in again.get("/").json()["data"]} == set(accepted)
    assert {again.status(task) for task in accepted} == {"new"}
    assert again.get("/functions/walnut-table").status_code == 200
    again.stop()


def test_who_runs_the_server_hears_that_it_can_go_on_no_more(tmp_path: Path) -> None:
    heard: list[str] = []
    dock = Dock(tmp_path / "data", give_up=heard.append)

    delete(tmp_path / "data")

    eventually(lambda: heard)
    assert "start the server again" in heard[0]
    dock.stop()


def test_a_server_in_a_new_folder_of_the_same_path_leaves_the_containers_of_the_first(
    tmp_path: Path,
) -> None:
    engine = FakeEngine()
    first = Dock(tmp_path / "data", engine=engine)
    first.deploy(lambda *_: None)
    assert first.execute().status_code == 200
    delete(tmp_path / "data")

    second = Dock(tmp_path / "data", engine=engine)

    assert len(engine.containers) == 1
    first.stop()
    assert (tmp_path / "data" / "credentials").exists()  # the second's
    second.stop()


def test_a_copy_of_a_folder_has_a_name_of_its_own_and_the_folder_keeps_its(tmp_path: Path) -> None:
    DataFolder(tmp_path / "one").close()
    label = label_of(tmp_path / "one")

    shutil.copytree(tmp_path / "one", tmp_path / "two")
    DataFolder(tmp_path / "one").close()

    assert label_of(tmp_path / "one") == label
    assert label_of(tmp_path / "two") != label


def test_a_second_server_is_refused_and_the_first_does_not_notice(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path)

    with pytest.raises(StartupError, match="another taskdock uses the data folder"):
        DataFolder(tmp_path)

    assert folder.fault() is None
    folder.close()
