"""Changes of a function's code: what has changed is sent, and all other files stay."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest
import requests

from taskdock.lambdas.functions.zips.code_patch import CodePatch
from taskdock.testing.zips import base64_of, zip_of
from tests.support.builders import Dock, StartDock, summary

NAME = "walnut-table"
FILES = {"index.py": "old", "lib/a.py": "a", "lib/deep/b.py": "b", "other/c.py": "c"}


def deploy(dock: Dock, files: dict[str, str] = FILES) -> str:
    """The name of the code that the function has then."""
    zipped = zip_of(files)
    body = {"name": NAME, "code": base64_of(zipped), "entryPoint": "index.handler"}
    dock.service.post("/functions/", {**body, "runtime": "python3.11"})
    return hashlib.sha256(zipped).hexdigest()


def change(
    dock: Dock, base: str, files: dict[str, str] | None = None, removed: tuple[str, ...] = ()
) -> requests.Response:
    body: dict[str, Any] = {"base": base, "removed": list(removed)}
    if files:
        body["changed"] = base64_of(zip_of(files))
    return dock.call("PUT", f"/taskdock/functions/{NAME}/code", base="", json=body)


def folder_of(dock: Dock) -> Path:
    catalog = dock.emulator.lambdas.catalog
    folder = catalog.code_folder(catalog.get(NAME))
    assert folder is not None
    return folder


def content(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): path.read_text()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_what_has_changed_takes_the_place_of_what_was_there(dock: Dock) -> None:
    base = deploy(dock)

    answer = change(dock, base, {"index.py": "new", "lib/new.py": "n"}, ("lib/deep", "other/c.py"))

    assert answer.status_code == 200
    assert content(folder_of(dock)) == {"index.py": "new", "lib/a.py": "a", "lib/new.py": "n"}


def test_the_answer_names_the_code_for_the_next_change(dock: Dock) -> None:
    second = change(dock, deploy(dock), {"index.py": "2"}).json()["code"]

    assert change(dock, second, {"index.py": "3"}).status_code == 200
    assert content(folder_of(dock))["index.py"] == "3"


def test_files_that_stay_are_the_same_files(dock: Dock) -> None:
    base = deploy(dock)
    before = folder_of(dock)

    change(dock, base, {"index.py": "new"})

    after = folder_of(dock)
    assert os.path.samefile(before / "lib/a.py", after / "lib/a.py")
    assert content(before) == FILES


def test_where_files_cannot_have_two_names_they_are_copied(
    dock: Dock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    base = deploy(dock)
    before = folder_of(dock)
    monkeypatch.setattr(os, "link", refuse)

    change(dock, base, {"index.py": "new"}, ("other",))

    after = folder_of(dock)
    assert content(after) == {"index.py": "new", "lib/a.py": "a", "lib/deep/b.py": "b"}
    assert not os.path.samefile(before / "lib/a.py", after / "lib/a.py")


def test_code_that_has_changed_meanwhile_is_left_alone(dock: Dock) -> None:
    base = deploy(dock)
    change(dock, base, {"index.py": "another's"})

    assert summary(change(dock, base, {"index.py": "late"})) == (400, 27)
    assert content(folder_of(dock))["index.py"] == "another's"


def test_a_link_of_the_code_leads_a_change_nowhere(dock: Dock, tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("kept")
    base = deploy(dock)
    link = folder_of(dock) / "out"
    link.symlink_to(tmp_path)

    refused = change(dock, base, {"out/precious": "lost"}, ("out/precious",))

    assert summary(refused) == (400, 1401)
    assert (tmp_path / "precious").read_text() == "kept"


def test_paths_that_lead_out_remove_nothing(dock: Dock, tmp_path: Path) -> None:
    base = deploy(dock)
    outside = tmp_path / "data" / "taskdock.db"

    answer = change(dock, base, {"index.py": "new"}, ("../../taskdock.db", str(outside), "lib/.."))

    assert answer.status_code == 200
    assert outside.is_file()
    assert content(folder_of(dock)) == {**FILES, "index.py": "new"}


def test_a_file_takes_the_place_of_a_folder_and_the_other_way_round(dock: Dock) -> None:
    base = deploy(dock)

    change(dock, base, {"lib": "a file", "other/c.py/d.py": "d"}, ("other/c.py",))

    assert content(folder_of(dock)) == {"index.py": "old", "lib": "a file", "other/c.py/d.py": "d"}


def test_a_folder_in_the_place_of_a_file_that_stays_is_refused(dock: Dock) -> None:
    base = deploy(dock)

    assert summary(change(dock, base, {"index.py/a.py": "a"})) == (400, 1401)
    assert content(folder_of(dock)) == FILES


def test_a_change_that_changes_nothing_is_refused(dock: Dock) -> None:
    assert summary(change(dock, deploy(dock))) == (400, 1401)


def test_what_a_refused_change_has_made_is_removed(dock: Dock) -> None:
    base = deploy(dock)
    before = sorted(path.name for path in folder_of(dock).parent.iterdir())

    refused = change(dock, base, {"index.py/a.py": "a"})

    assert "'index.py'" in refused.json()["message"]
    assert sorted(path.name for path in folder_of(dock).parent.iterdir()) == before


def test_a_strict_server_takes_no_changes(start_dock: StartDock) -> None:
    strict = start_dock(auth="strict")

    assert change(strict, "0" * 64, {"index.py": "new"}).status_code == 401


def test_no_two_changes_make_code_of_the_same_name() -> None:
    """Else code that somebody has made before would be taken for what was sent."""
    base = "0" * 64
    alike = [
        CodePatch(base, ("a", "b"), b"zip"),
        CodePatch(base, ("a\0b",), b"zip"),
        CodePatch(base, ("a",), b"b\0\0zip"),
        CodePatch(base, (), b"a\0b\0\0zip"),
        CodePatch(base, ("", "a"), b"zip"),
        CodePatch(base, (), b"a\0\0zip"),
    ]

    assert len({patch.digest for patch in alike}) == len(alike)


def test_a_zip_that_begins_with_a_change_is_not_taken_for_it(dock: Dock) -> None:
    base = deploy(dock)
    changed = zip_of({"index.py": "new"})
    for beginning in (f"{base}\0\0", json.dumps([base, [], hashlib.sha256(changed).hexdigest()])):
        zipped = beginning.encode() + changed
        code = base64.b64encode(zipped).decode()
        body = {"name": "other", "code": code, "entryPoint": "index.handler"}
        dock.call("POST", "/functions/", json={**body, "runtime": "python3.11"})
        dock.call("DELETE", "/functions/other")

    change(dock, base, {"index.py": "new"})

    assert content(folder_of(dock)) == {**FILES, "index.py": "new"}


def test_a_path_that_no_file_can_have_is_none_of_the_code(dock: Dock) -> None:
    base = deploy(dock)

    answer = change(dock, base, {"index.py": "new"}, ("a\0b", "..", "/", ""))

    assert answer.status_code == 200
    assert content(folder_of(dock)) == {**FILES, "index.py": "new"}
