"""Functions over HTTP: deploying, reading, changing, removing, and everything that is refused."""

from __future__ import annotations

import io
import os
import stat
import struct
import zipfile
from pathlib import Path
from typing import Any

import pytest

from taskdock.base.errors import BadConfiguration
from taskdock.lambdas.functions.code import MAX_ZIPPED
from taskdock.lambdas.functions.function import ImageConfig
from taskdock.lambdas.functions.zips.zip_limits import MAX_UNZIPPED
from taskdock.testing.dock import new_function
from taskdock.testing.zips import base64_of, zip_of
from tests.support.builders import Dock, StartDock, summary

RESERVED = [
    "_HANDLER",
    "_X_AMZN_TRACE_ID",
    "AWS_DEFAULT_REGION",
    "AWS_REGION",
    "AWS_EXECUTION_ENV",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_INITIALIZATION_TYPE",
    "AWS_LAMBDA_LOG_GROUP_NAME",
    "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_ACCESS_KEY",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_LAMBDA_RUNTIME_API",
    "LAMBDA_TASK_ROOT",
    "LAMBDA_RUNTIME_DIR",
]


# Deploying and reading


def test_a_function_is_answered_with_its_defaults_and_without_its_code(dock: Dock) -> None:
    response = dock.post("/functions/", new_function())

    assert response.status_code == 200
    function = response.json()
    assert function.pop("updateTimestamp").endswith("Z")
    assert function == {
        "name": "walnut-table",
        "entryPoint": "index.handler",
        "runtime": "python3.11",
        "timeLimit": 30,
        "memoryLimit": 128,
        "environmentVariables": {},
        "retryPolicy": {"enabled": False, "errorsToRetry": []},
        "executionOptions": {"permissionMode": "permissionRequired"},
        "enabled": True,
    }


def test_everything_that_was_given_can_be_read_back(dock: Dock) -> None:
    given: dict[str, Any] = {
        "description": "seats six",
        "timeLimit": 300,
        "memoryLimit": 10240,
        "environmentVariables": {"WOOD": {"value": "walnut"}},
        "retryPolicy": {"enabled": True, "errorsToRetry": ["Splinter"]},
        "executionOptions": {"permissionMode": "public", "defaultPriority": 7},
    }
    dock.post("/functions/", new_function(**given))

    function = dock.get("/functions/walnut-table").json()

    assert {key: function[key] for key in given} == given


def test_the_list_names_each_function_with_its_description_and_time(dock: Dock) -> None:
    dock.post("/functions/", new_function("walnut-table", description="seats six"))
    dock.post("/functions/", new_function("oak-chair"))

    listed = dock.get("/functions/").json()

    assert [set(function) for function in listed["data"]] == [
        {"name", "updateTimestamp"},
        {"name", "description", "updateTimestamp"},
    ]
    assert [function["name"] for function in listed["data"]] == ["oak-chair", "walnut-table"]
    assert listed["page"]["total"] == 2


def test_fields_that_nobody_knows_are_ignored(dock: Dock) -> None:
    response = dock.post("/functions/", new_function(colour="brown", enabled="perhaps"))

    assert response.status_code == 200
    assert "colour" not in response.json()


@pytest.mark.parametrize("name", ["a", "A-1_b", "x" * 64])
def test_a_name_has_1_to_64_letters_digits_hyphens_and_underscores(dock: Dock, name: str) -> None:
    assert dock.post("/functions/", new_function(name)).status_code == 200
    assert dock.get(f"/functions/{name}").json()["name"] == name


@pytest.mark.parametrize(
    "limits", [{"timeLimit": 3}, {"timeLimit": 300}, {"memoryLimit": 128}, {"memoryLimit": 10240}]
)
def test_limits_include_their_ends(dock: Dock, limits: dict[str, Any]) -> None:
    function = dock.post("/functions/", new_function(**limits)).json()

    assert limits.items() <= function.items()


def test_environment_variables_may_take_4096_bytes(dock: Dock) -> None:
    response = dock.post("/functions/", new_function(environmentVariables=_variables(4096)))

    assert response.status_code == 200


def test_code_may_hold_folders_and_may_come_in_lines(dock: Dock) -> None:
    zipped = base64_of(zip_of({"lib/": "", "lib/tool.py": "", "index.py": ""}))
    lines = "\n".join(zipped[i : i + 76] for i in range(0, len(zipped), 76))

    assert dock.post("/functions/", new_function(code=lines)).status_code == 200


# Refusals


@pytest.mark.parametrize("missing", ["name", "code", "entryPoint", "runtime"])
def test_what_is_required_is_named_when_it_is_missing(shared: Dock, missing: str) -> None:
    fields: dict[str, Any] = {missing: None}

    response = shared.post("/functions/", new_function(**fields))

    assert summary(response) == (400, 14)
    assert missing in response.json()["message"]
    assert _kept(shared) == []


@pytest.mark.parametrize(
    ("body", "code"),
    [(b"", 13), (b"  ", 13), (b"{", 22), (b"[]", 22), (b'"text"', 22), (b"\xff", 22)],
)
def test_a_body_has_to_be_a_json_object(shared: Dock, body: bytes, code: int) -> None:
    assert summary(shared.call("POST", "/functions/", data=body)) == (400, code)


@pytest.mark.parametrize("name", ["", "a b", "tisch-ä", "a/b", "..", "x" * 65, "table\n"])
def test_other_names_are_refused(shared: Dock, name: str) -> None:
    assert summary(shared.post("/functions/", new_function(name))) == (400, 1407)
    assert _kept(shared) == []


@pytest.mark.parametrize(
    "field",
    [
        {"name": 5},
        {"description": 5},
        {"entryPoint": ""},
        {"runtime": 3.11},
        {"timeLimit": 2},
        {"timeLimit": 301},
        {"timeLimit": 3.5},
        {"timeLimit": "30"},
        {"timeLimit": True},
        {"memoryLimit": 127},
        {"memoryLimit": 10241},
        {"environmentVariables": []},
        {"environmentVariables": {"WOOD": "walnut"}},
        {"environmentVariables": {"WOOD": {}}, "code": 14},
        {"environmentVariables": {"WOOD": {"value": 5}}},
        {"retryPolicy": {"enabled": "yes"}},
        {"retryPolicy": {"errorsToRetry": "all"}},
        {"executionOptions": {"permissionMode": "everyone"}},
        {"executionOptions": {"defaultPriority": 1.5}},
        {"executionOptions": {"defaultPriority": 2**53}},
    ],
    ids=str,
)
def test_wrong_types_and_values_out_of_range_are_refused(
    shared: Dock, field: dict[str, Any]
) -> None:
    code = field.get("code", 15)

    response = shared.post("/functions/", new_function(**{**field, "code": new_function()["code"]}))

    assert summary(response) == (400, code)
    assert _kept(shared) == []


@pytest.mark.parametrize("name", [*RESERVED, "1A", "A", "A-B", ""])
def test_variables_with_reserved_or_impossible_names_are_refused(shared: Dock, name: str) -> None:
    body = new_function(environmentVariables={name: {"value": "x"}})

    response = shared.post("/functions/", body)

    assert summary(response) == (400, 1402)
    assert name in response.json()["message"]


def test_more_than_4096_bytes_of_variables_are_refused(shared: Dock) -> None:
    response = shared.post("/functions/", new_function(environmentVariables=_variables(4097)))

    assert summary(response) == (400, 1402)


def test_an_unknown_runtime_is_refused(shared: Dock) -> None:
    response = shared.post("/functions/", new_function(runtime="cobol60"))

    assert summary(response) == (400, 1402)
    assert "cobol60" in response.json()["message"]


@pytest.mark.parametrize(
    "code",
    [
        "***",
        "Ünicode",
        "abc",
        base64_of(b"not a zip"),
        base64_of(zip_of({})),
        base64_of(zip_of({"folder/": ""})),
        base64_of(zip_of({"index.py": os.urandom(999)})[:500]),
    ],
    ids=["not base64", "not ascii", "bad padding", "no zip", "empty", "no file", "cut off"],
)
def test_code_that_is_no_zip_with_a_file_is_refused(shared: Dock, code: str) -> None:
    assert summary(shared.post("/functions/", new_function(code=code))) == (400, 1401)
    assert _kept(shared) == []


@pytest.mark.parametrize(
    "name", ["../evil.py", "lib/../../evil.py", "/etc/evil.py", "x" * 300 + ".py"]
)
def test_code_that_leaves_its_folder_is_refused(shared: Dock, name: str) -> None:
    zipped = zip_of({"index.py": "", name: "evil"})

    assert summary(shared.post("/functions/", new_function(code=base64_of(zipped)))) == (400, 1401)
    assert _kept(shared) == []


@pytest.mark.parametrize("kind", [stat.S_IFIFO, stat.S_IFCHR, stat.S_IFBLK, stat.S_IFSOCK])
def test_code_with_a_pipe_or_a_device_is_refused(shared: Dock, kind: int) -> None:
    entry = zipfile.ZipInfo("disk")
    entry.external_attr = (kind | 0o777) << 16

    zipped = _zip_with(entry, b"/dev/sda")

    assert summary(shared.post("/functions/", new_function(code=base64_of(zipped)))) == (400, 1401)
    assert _kept(shared) == []


@pytest.mark.parametrize("files", [{"a": "", "a/b": ""}, {"a/b": "", "a": ""}, {"a/": "", "a": ""}])
def test_code_with_one_name_for_a_file_and_a_folder_is_refused(
    shared: Dock, files: dict[str, str]
) -> None:
    response = shared.post("/functions/", new_function(code=base64_of(zip_of(files))))

    assert summary(response) == (400, 1401)
    assert _kept(shared) == []


def test_a_zip_of_more_than_10_mb_is_refused(shared: Dock) -> None:
    code = base64_of(os.urandom(MAX_ZIPPED + 1))

    response = shared.post("/functions/", new_function(code=code))

    assert summary(response) == (400, 1401)
    assert "10 MB" in response.json()["message"]


def test_code_that_unzips_to_more_than_250_mb_is_refused(shared: Dock) -> None:
    zipped = _zip_with(zipfile.ZipInfo("zeros"), bytes(MAX_UNZIPPED + 1))

    response = shared.post("/functions/", new_function(code=base64_of(zipped)))

    assert summary(response) == (400, 1401)
    assert "250 MB" in response.json()["message"]
    assert _kept(shared) == []


def test_a_zip_whose_headers_lie_about_sizes_is_refused(shared: Dock) -> None:
    size = 5_000_000
    zipped = _zip_with(zipfile.ZipInfo("zeros"), bytes(size))
    lying = zipped.replace(struct.pack("<L", size), struct.pack("<L", 10))

    assert summary(shared.post("/functions/", new_function(code=base64_of(lying)))) == (400, 1401)
    assert _kept(shared) == []


def test_a_name_can_be_taken_once(dock: Dock) -> None:
    dock.post("/functions/", new_function(description="the first"))

    response = dock.post("/functions/", new_function(description="the second"))

    assert summary(response) == (400, 17)
    assert dock.get("/functions/walnut-table").json()["description"] == "the first"


# Changing


def test_an_update_changes_only_what_it_names(dock: Dock) -> None:
    dock.post("/functions/", new_function(description="seats six", timeLimit=60))
    before = dock.get("/functions/walnut-table").json()

    response = dock.put("/functions/walnut-table", {"timeLimit": 90})

    after = dock.get("/functions/walnut-table").json()
    assert response.json() == {"affectedRecords": 1}
    assert after.pop("updateTimestamp") >= before.pop("updateTimestamp")
    assert after == {**before, "timeLimit": 90}


def test_null_counts_as_not_named(dock: Dock) -> None:
    dock.post("/functions/", new_function(description="seats six"))

    dock.put("/functions/walnut-table", {"description": None, "memoryLimit": 256})

    function = dock.get("/functions/walnut-table").json()
    assert (function["description"], function["memoryLimit"]) == ("seats six", 256)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"timeLimit": 1}, 15),
        ({"runtime": "cobol60"}, 1402),
        ({"environmentVariables": {"AWS_REGION": {"value": "x"}}}, 1402),
        ({"code": "***"}, 1401),
        ({"code": base64_of(b"no zip"), "description": "changed"}, 1401),
    ],
)
def test_a_refused_update_changes_nothing(dock: Dock, changes: dict[str, Any], code: int) -> None:
    dock.post("/functions/", new_function())
    before = dock.get("/functions/walnut-table").json()

    assert summary(dock.put("/functions/walnut-table", changes)) == (400, code)
    assert dock.get("/functions/walnut-table").json() == before


def test_an_image_cannot_be_replaced_by_code_that_has_no_runtime(dock: Dock) -> None:
    dock.post("/functions/", {"name": "oak-chair", "image": "chair:latest"})

    response = dock.put("/functions/oak-chair", {"code": new_function()["code"]})

    assert summary(response) == (400, 1402)


def test_a_function_has_either_code_or_an_image(dock: Dock) -> None:
    dock.post("/functions/", new_function())

    dock.put("/functions/walnut-table", {"image": "table:latest"})

    function = dock.get("/functions/walnut-table").json()
    assert {"image", "runtime", "entryPoint"} & set(function) == {"image"}


def test_disabling_and_enabling_can_be_read_back(dock: Dock) -> None:
    dock.post("/functions/", new_function())

    disabled = dock.post("/functions/walnut-table/disable")
    was = dock.get("/functions/walnut-table").json()["enabled"]
    enabled = dock.post("/functions/walnut-table/enable")

    assert (disabled.json(), enabled.json()) == ({"affectedRecords": 1}, {"affectedRecords": 1})
    assert (was, dock.get("/functions/walnut-table").json()["enabled"]) == (False, True)


def test_a_deleted_function_is_gone_and_its_tasks_and_logs_stay(dock: Dock) -> None:
    dock.deploy(lambda event, runtime: runtime.print("made of walnut"))
    task_id = dock.create_task()
    dock.finish(task_id)

    response = dock.call("DELETE", "/functions/walnut-table")

    assert response.json() == {"affectedRecords": 1}
    assert summary(dock.get("/functions/walnut-table")) == (404, 16)
    assert dock.task(task_id)["status"] == "complete"
    assert "made of walnut" in dock.logs(task_id)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", ""),
        ("PUT", ""),
        ("DELETE", ""),
        ("POST", "/enable"),
        ("POST", "/disable"),
        ("POST", "/execute"),
    ],
)
def test_an_unknown_function_is_not_found(shared: Dock, method: str, path: str) -> None:
    response = shared.call(method, f"/functions/nowhere{path}", json={})

    assert summary(response) == (404, 16)
    assert response.json()["name"] == "RESOURCE_UNKNOWN_EXCEPTION"


def test_what_was_deployed_is_there_after_a_restart(start_dock: StartDock) -> None:
    first = start_dock()
    first.post("/functions/", new_function(description="seats six"))
    before = first.get("/functions/walnut-table").json()
    first.stop()

    second = start_dock()

    assert second.get("/functions/walnut-table").json() == before


# Paths


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/functions"),
        ("GET", "/functions/walnut-table"),
        ("PUT", "/functions/walnut-table"),
        ("POST", "/functions/walnut-table/enable"),
        ("POST", "/functions/walnut-table/disable"),
        ("DELETE", "/functions/walnut-table"),
        ("GET", ""),
    ],
)
def test_a_trailing_slash_makes_no_difference(dock: Dock, method: str, path: str) -> None:
    for slash in ("", "/"):
        made = dock.call("POST", f"/functions{slash}", json=new_function(), allow_redirects=False)
        response = dock.call(method, path + slash, json={}, allow_redirects=False)

        assert (made.status_code, response.status_code) == (200, 200), made.text + response.text
        if method != "DELETE":
            assert dock.call("DELETE", "/functions/walnut-table").status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nowhere", 404),
        ("GET", "/../../nowhere", 404),
        ("GET", "/functions/a/b/c", 404),
        ("DELETE", "/functions", 404),
        ("DELETE", "/functions/", 405),
        ("PATCH", "/functions/walnut-table", 405),
        ("PUT", "/", 405),
    ],
)
def test_paths_and_methods_that_there_are_not_are_answered_in_json(
    shared: Dock, method: str, path: str, status: int
) -> None:
    response = shared.call(method, path)

    assert response.status_code == status
    assert response.json()["name"] == "ENDPOINT_EXCEPTION"


def _variables(size: int) -> dict[str, dict[str, str]]:
    """Variables of `size` bytes in total, some of them in letters of two bytes."""
    return {"WOOD": {"value": "ü" * 100}, "LENGTH": {"value": "x" * (size - 4 - 200 - 6)}}


def _zip_with(entry: zipfile.ZipInfo, content: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(entry, content, zipfile.ZIP_DEFLATED, 1)
    return buffer.getvalue()


def _kept(dock: Dock) -> list[Any]:
    """The functions and the code that there are."""
    code: Path = dock.emulator.settings.data_dir / "code"
    return [*dock.get("/functions/").json()["data"], *(code.glob("*") if code.is_dir() else ())]


# Settings of an image, which the Task Service API has no field for


def test_what_takes_the_place_of_an_images_settings_is_kept_and_changed(
    start_dock: StartDock,
) -> None:
    first = start_dock()
    config = ImageConfig(
        entry_point=("/run", "-v"), command=("main.handler",), working_directory="/srv"
    )
    made = first.emulator.catalog.deploy("oak", zipped=None, image="oak:1", image_config=config)
    first.stop()
    catalog = start_dock().emulator.catalog

    kept = catalog.get("oak")
    changed = catalog.update("oak", image_config=ImageConfig(command=()))

    assert (kept.image_config, kept.fingerprint) == (config, made.fingerprint)
    assert catalog.get("oak").image_config == ImageConfig(command=())
    assert changed.fingerprint != kept.fingerprint
    assert catalog.update("oak", image="oak:2").image_config == ImageConfig(command=())
    assert catalog.update("oak", image_config=None).image_config is None


def test_code_has_no_settings_of_an_image(dock: Dock) -> None:
    catalog, config = dock.emulator.catalog, ImageConfig(command=("a",))
    zipped = zip_of({"index.py": ""})
    dock.post("/functions/", new_function())
    catalog.deploy("oak", zipped=None, image="oak:1", image_config=config)

    with pytest.raises(BadConfiguration):
        catalog.update("walnut-table", image_config=config)
    changed = catalog.update(
        "oak", zipped=zipped, runtime="python3.11", entry_point="index.handler"
    )

    assert (changed.image, changed.image_config) == (None, None)
