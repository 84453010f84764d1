"""Doubles in files: read at the start, and again when a file has changed."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from taskdock.base import resources
from taskdock.base.errors import StartupError
from tests.support.builders import Dock, StartDock
from tests.support.doubles import add, ask, calls, refused
from tests.support.live import REPOSITORY
from tests.support.people import nobody, refusal

SHOP = "- {method: GET, path: /shop, answer: {text: TEXT}}\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "doubles"
    made.mkdir()
    return made


def text_of(dock: Dock, path: str = "/shop") -> str:
    answer = ask(dock, "GET", path)
    assert answer.ok, answer.text
    return answer.text


def troubles(dock: Dock) -> str:
    return " ".join(each.reason for each in dock.emulator.health.troubles())


def test_files_are_asked_by_name_and_from_the_top_behind_what_code_adds(
    start_dock: StartDock, folder: Path
) -> None:
    (folder / "b.yml").write_text(SHOP.replace("TEXT", "b"))
    (folder / "recorded-a.yaml").write_text(SHOP.replace("TEXT", "recorded") * 2)
    (folder / "z.yaml").write_text(SHOP.replace("TEXT", "z"))
    (folder / "notes.txt").write_text("- {")
    (folder / ".b.yaml.swp").write_text("- {")
    (folder / "a.yaml").write_text(SHOP.replace("TEXT", "first") + SHOP.replace("TEXT", "second"))
    (folder / "a.json").write_text(json.dumps([{"method": "GET", "path": "/j", "answer": {}}]))
    dock = start_dock(doubles=folder)

    listed = nobody(dock).get("/taskdock/doubles")["data"]

    assert [each["id"] for each in listed] == [
        *(
            "a.json:1",
            "a.yaml:1",
            "a.yaml:2",
            "b.yml:1",
            "z.yaml:1",
            "recorded-a.yaml:1",
            "recorded-a.yaml:2",
        ),
    ]
    assert listed[1]["file"] == "a.yaml"
    assert text_of(dock) == "first"
    test = add(dock, "GET", "/shop", {"text": "test"}, times=1)
    assert text_of(dock) == "test"
    assert text_of(dock) == "first"
    assert [each["double"] for each in calls(dock)] == ["a.yaml:1", test["id"], "a.yaml:1"]


def test_a_change_a_new_file_and_one_that_has_gone_count_at_the_next_call(
    start_dock: StartDock, folder: Path
) -> None:
    file = folder / "a.yaml"
    file.write_text(SHOP.replace("TEXT", "one"))
    dock = start_dock(doubles=folder)
    assert text_of(dock) == "one"

    file.write_text(SHOP.replace("TEXT", "two"))
    os.utime(file, ns=(1, 1))
    assert text_of(dock) == "two"

    before = file.stat()
    with file.open("r+") as same:  # of the same length, within one step of the disk's clock
        same.write(SHOP.replace("TEXT", "six"))
    os.utime(file)
    stamp = file.stat().st_mtime_ns
    assert text_of(dock) == "six"
    with file.open("r+") as same:
        same.write(SHOP.replace("TEXT", "ten"))
    os.utime(file, ns=(stamp, stamp))
    assert (file.stat().st_size, file.stat().st_ino) == (before.st_size, before.st_ino)
    assert text_of(dock) == "ten"

    (folder / "b.yaml").write_text(SHOP.replace("TEXT", "b").replace("/shop", "/b"))
    assert text_of(dock, "/b") == "b"

    file.unlink()
    assert ask(dock, "GET", "/shop").status_code == 404


def test_a_file_that_is_no_yaml_any_more_keeps_its_doubles_and_is_reported(
    start_dock: StartDock, folder: Path
) -> None:
    file = folder / "a.yaml"
    file.write_text(SHOP.replace("TEXT", "one"))
    dock = start_dock(doubles=folder)
    assert text_of(dock) == "one"

    file.write_text("- {method: GET, pa")

    assert text_of(dock) == "one"
    assert f"{file}, line 1: it is no YAML" in troubles(dock)
    assert "the doubles before hold" in troubles(dock)
    file.write_text("- {method: GET, path: /tasks/v1/, answer: {}}")
    assert text_of(dock) == "one"
    assert "taskdock itself answers GET /tasks/v1/" in troubles(dock)
    file.write_text(SHOP.replace("TEXT", "two"))
    assert text_of(dock) == "two"
    assert troubles(dock) == ""


def test_a_folder_that_is_back_is_no_trouble_any_more(start_dock: StartDock, folder: Path) -> None:
    (folder / "a.yaml").write_text(SHOP.replace("TEXT", "one"))
    dock = start_dock(doubles=folder)

    elsewhere = folder.rename(folder.with_name("elsewhere"))
    assert text_of(dock) == "one"
    assert f"{folder}: No such file or directory" in troubles(dock)

    elsewhere.rename(folder)
    assert text_of(dock) == "one"
    assert troubles(dock) == ""


def test_a_link_that_leads_nowhere_keeps_no_other_file_from_being_read(
    start_dock: StartDock, folder: Path
) -> None:
    dock = start_dock(doubles=folder)
    link = folder / "a.yaml"
    link.symlink_to("nowhere")
    (folder / "b.yaml").write_text(SHOP.replace("TEXT", "one"))

    assert text_of(dock) == "one"
    assert f"{link}: No such file or directory" in troubles(dock)

    link.unlink()
    assert text_of(dock) == "one"
    assert troubles(dock) == ""


@pytest.mark.parametrize(
    ("text", "line", "told"),
    [
        ("- method: GET\n  path: [", 2, "it is no YAML"),
        ("- {}\n\0", 0, "it is no YAML in UTF-8"),
        ("\n\n- method: GET\n  path: /a\n  anwser: {}\n", 5, "did you mean answer?"),
        ("- method: GET\n  path: /a\n  answer:\n    status: no\n", 3, "from 200 to 599, not 'no'"),
        ("- method: GET\n  path: /tasks/v1/\n  answer: {}\n", 2, "a rule that can never match"),
        ("- method: GET\n  path: /a\n  path: /b\n", 3, "the key 'path' comes twice"),
        ("- method: !!python/name:os.system x\n", 1, "it is no YAML"),
        ("- &a [*a]\n", 1, "it is no YAML"),
        ("method: GET\n", 1, "it has to be a list of doubles"),
        ("- x\n", 0, "a double is an object"),
        ("- method: GET\n  path: /a\n  answer: {file: gone.pdf}\n", 3, "there is no such file"),
        ("- method: GET\n  path: /a\n  answer: {json: {a: 1e999}}\n", 3, "too large a number"),
    ],
)
def test_a_server_does_not_start_with_a_file_that_is_wrong_and_says_where(
    start_dock: StartDock, folder: Path, text: str, line: int, told: str
) -> None:
    (folder / "a.yaml").write_text(text)

    with pytest.raises(StartupError) as refused:
        start_dock(doubles=folder)

    assert str(refused.value).startswith(f"{folder}/a.yaml{f', line {line}' if line else ''}: ")
    assert told in str(refused.value)


def test_a_server_does_not_start_without_the_folder(start_dock: StartDock, folder: Path) -> None:
    with pytest.raises(StartupError, match="make one with taskdock doubles init"):
        start_dock(doubles=folder / "gone")


YAML = """
- method: POST
  path: /shop
  headers: {x-on: on}
  body: {country: no, agreed: yes, day: 2026-01-02, time: 12:30:00, code: 0123, sure: true,
         none: ~, number: 1e3, hex: 0x1F, octal: 0o17, float: 1.5, plus: +1, under: 1_000, "1": "2"}
  answer:
    json: {1: 2026-01-02, on: off, y: n, = : =}
"""


def test_words_are_what_json_says_and_text_otherwise(start_dock: StartDock, folder: Path) -> None:
    (folder / "a.yaml").write_text(YAML)
    dock = start_dock(doubles=folder)
    body = {
        "country": "no",
        "agreed": "yes",
        "day": "2026-01-02",
        "time": "12:30:00",
        "code": "0123",
        "sure": True,
        "none": None,
        "number": 1000,
        "hex": "0x1F",
        "octal": "0o17",
        "float": 1.5,
        "plus": "+1",
        "under": "1_000",
        "1": "2",
    }

    answer = ask(dock, "POST", "/shop", body, headers={"X-On": "on"})

    assert answer.status_code == 200, answer.text
    assert answer.json() == {"1": "2026-01-02", "on": "off", "y": "n", "=": "="}


def test_an_answer_may_be_a_file_which_is_read_for_each_call(
    start_dock: StartDock, folder: Path, tmp_path: Path
) -> None:
    (folder / "a.pdf").write_bytes(b"%PDF\xff")
    (tmp_path / "beside.bin").write_bytes(b"\0\1")
    (folder / "a.yaml").write_text(
        "- {method: GET, path: /a, answer: {file: a.pdf}}\n"
        "- {method: GET, path: /b, answer: {file: ../beside.bin}}\n"
    )
    dock = start_dock(doubles=folder)

    first = ask(dock, "GET", "/a")
    (folder / "a.pdf").write_bytes(b"other")

    assert (first.content, first.headers["Content-Type"]) == (b"%PDF\xff", "application/pdf")
    assert ask(dock, "GET", "/a").content == b"other"
    beside = ask(dock, "GET", "/b")
    assert (beside.content, beside.headers["Content-Type"]) == (b"\0\1", "application/octet-stream")
    (folder / "a.pdf").unlink()
    gone = ask(dock, "GET", "/a")
    assert refusal(gone) == (500, 1, "SERVER_EXCEPTION")
    assert "a.pdf" in gone.json()["message"]


def test_a_double_that_is_added_by_http_reads_files_of_the_folder_alone(
    start_dock: StartDock, folder: Path, tmp_path: Path
) -> None:
    (folder / "a.txt").write_text("inside")
    (tmp_path / "secret").write_text("outside")
    (folder / "link").symlink_to(tmp_path / "secret")
    dock = start_dock(doubles=folder)

    add(dock, "GET", "/a", {"file": "a.txt"})

    assert text_of(dock, "/a") == "inside"
    for name in ("../secret", str(tmp_path / "secret"), "link"):
        told = refused(dock, {"method": "GET", "path": "/b", "answer": {"file": name}})
        assert "outside" in told
    assert "there is no such file" in refused(
        dock, {"method": "GET", "path": "/b", "answer": {"file": "b.txt"}}
    )


def test_a_double_of_a_file_is_taken_out_of_the_file_and_starts_anew_at_a_reset(
    start_dock: StartDock, folder: Path
) -> None:
    (folder / "a.yaml").write_text("- {method: GET, path: /shop, times: 1, answer: {text: once}}\n")
    dock = start_dock(doubles=folder)
    assert text_of(dock) == "once"
    assert ask(dock, "GET", "/shop").status_code == 404

    kept = nobody(dock).ask("DELETE", "/taskdock/doubles/a.yaml:1")
    assert refusal(kept) == (400, 27, "ILLEGAL_STATE_EXCEPTION")
    assert nobody(dock).ask("DELETE", "/taskdock/doubles").json() == {"affectedRecords": 0}

    assert text_of(dock) == "once"


def test_the_doubles_of_the_documentation_work(start_dock: StartDock, folder: Path) -> None:
    page = (REPOSITORY / "docs/doubles.md").read_text()
    blocks = re.findall(r"^```yaml\n(.*?)^```", page, re.M | re.S)
    for number, block in enumerate(blocks):
        (folder / f"{number}.yaml").write_text(block)
    (folder / "letter.pdf").write_bytes(b"%PDF")
    dock = start_dock(doubles=folder)

    assert len(blocks) == 2
    assert found(dock, "limit(10)&data.patient=7", "/data/v1/shoes/documents")["data"] == []
    assert ask(dock, "GET", "/files/v1/7/file").content == b"%PDF"
    mail = {"recipients": {"to": ["ada@example.org"]}, "subject": "Hi"}
    sent = [ask(dock, "POST", "/mail/v1?draft=false", mail, headers={"X-Tenant": "oak"})]
    assert sent[0].status_code == 503
    assert found(dock, "", "/data/v1/blood-pressure/documents")["page"]["total"] == 1
    for path in re.findall(r"\]\(([^)#:]+)\)", page):
        assert (REPOSITORY / "docs" / path).exists()


# The samples


@pytest.fixture
def samples(start_dock: StartDock) -> Dock:
    return start_dock(doubles=resources.folder("sample_functions") / "doubles")


DOCUMENTS = "/data/v1/rooms/documents"


def made(dock: Dock, data: Any, path: str = DOCUMENTS) -> Any:
    answer = ask(dock, "POST", path, data)
    assert answer.status_code == 200, answer.text
    return answer.json()


def found(dock: Dock, rql: str = "", path: str = DOCUMENTS) -> Any:
    answer = ask(dock, "GET", f"{path}?{rql}")
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_documents_are_created_found_changed_and_removed(samples: Dock) -> None:
    oak = made(samples, {"wood": "oak", "age": 7, "rings": [{"width": 1}, {"width": 3}]})
    elm = made(samples, {"wood": "elm", "age": 11})
    other = made(samples, {"wood": "ash"}, "/data/v1/halls/documents/")

    assert set(oak) == {
        *("id", "data", "userIds", "groupIds", "status", "commentCount"),
        *("creationTimestamp", "updateTimestamp"),
    }
    everything = found(samples)
    assert everything["page"] == {"total": 2, "offset": 0, "limit": 20}
    assert [each["id"] for each in everything["data"]] == [oak["id"], elm["id"]]
    assert found(samples, f"eq(id,{elm['id']})")["data"] == [elm]
    assert found(samples, "gt(data.age,7)&select(data.wood)")["data"] == [{"data": {"wood": "elm"}}]
    assert found(samples, "contains(data.rings,ge(width,3))")["data"] == [oak]
    page = found(samples, "sort(-data.age)&limit(1,1)")
    assert (page["data"], page["page"]) == ([oak], {"total": 2, "offset": 1, "limit": 1})

    path = f"{DOCUMENTS}/{oak['id']}"
    assert ask(samples, "PUT", path, {"age": 8}).json() == {"affectedRecords": 1}
    assert found(samples, "eq(data.wood,oak)")["data"][0]["data"]["age"] == 8
    fields = {"fields": ["rings", "gone.deep"]}
    assert ask(samples, "POST", f"{path}/deleteFields", fields).json() == {"affectedRecords": 1}
    assert ask(samples, "GET", path).json()["data"] == {"wood": "oak", "age": 8}
    assert ask(samples, "DELETE", path).json() == {"affectedRecords": 1}
    assert refusal(ask(samples, "DELETE", path)) == (404, 16, "RESOURCE_UNKNOWN_EXCEPTION")
    assert [each["id"] for each in found(samples)["data"]] == [elm["id"]]
    assert found(samples, path="/data/v1/halls/documents")["data"] == [other]
    assert nobody(samples).ask("DELETE", "/taskdock/doubles").ok
    assert found(samples)["data"] == []


def test_a_collection_refuses_as_the_service_does(samples: Dock) -> None:
    oak = made(samples, {"wood": "oak"})

    assert refusal(ask(samples, "GET", f"{DOCUMENTS}?eq(a"))[:2] == (400, 19)
    assert refusal(ask(samples, "POST", DOCUMENTS, ["oak"]))[:2] == (400, 22)
    assert refusal(ask(samples, "PUT", f"{DOCUMENTS}/{oak['id']}", data=b"{"))[:2] == (400, 22)
    assert refusal(ask(samples, "PUT", f"{DOCUMENTS}/x", {}))[:2] == (404, 16)
    assert refusal(ask(samples, "POST", f"{DOCUMENTS}/{oak['id']}/transition", {}))[:2] == (404, 11)
    assert ask(samples, "HEAD", DOCUMENTS).status_code == 200


def test_mails_are_kept_in_an_outbox(samples: Dock) -> None:
    mail = {"recipients": {"to": ["ada@example.org"]}, "subject": "Hi", "body": "there"}

    sent = made(samples, mail, "/mail/v1/")

    assert {**sent, **mail} == sent
    assert sent["views"] == 0
    assert found(samples, "eq(recipients.to,ada%2540example.org)", "/mail/v1/")["data"] == [sent]
    assert found(samples, "eq(subject,Hi)", "/mail/v1/")["data"] == [sent]
    assert found(samples, path="/mail/v1/queued")["data"] == []


def test_a_collection_has_items_from_the_beginning_and_goes_back_to_them(dock: Dock) -> None:
    items = {"rooms": [{"id": "1", "data": {"wood": "oak"}}], "halls": [{"data": {}}]}
    collection = {"collection": "documents", "path": "/data/v1/{schema}/documents", "wrap": "data"}
    nobody(dock).post("/taskdock/doubles", {**collection, "items": items})
    assert ask(dock, "PUT", f"{DOCUMENTS}/1", {"wood": "elm"}).ok
    assert found(dock)["data"][0]["data"] == {"wood": "elm"}
    assert len(found(dock, path="/data/v1/halls/documents")["data"]) == 1

    assert nobody(dock).ask("DELETE", "/taskdock/doubles").ok
    nobody(dock).post("/taskdock/doubles", {**collection, "items": items})

    assert found(dock)["data"][0]["data"] == {"wood": "oak"}
