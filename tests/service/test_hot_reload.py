"""The bucket `hot-reload`: functions whose code is a folder of this machine."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from taskdock.testing.waiting import eventually
from tests.support.aws import lambda_client
from tests.support.builders import Dock, StartDock

ROLE = "arn:aws:iam::123456789012:role/any"


@pytest.fixture
def allowed(tmp_path: Path) -> Path:
    folder = tmp_path / "allowed"
    (folder / "code").mkdir(parents=True)
    (folder / "code" / "index.py").write_text("1")
    return folder


@pytest.fixture
def dock(start_dock: StartDock, allowed: Path) -> Dock:
    return start_dock(hot_reload=(str(allowed),))


@pytest.fixture
def aws(dock: Dock) -> Iterator[Any]:
    client = lambda_client(dock.emulator.url)
    yield client
    client.close()


def create(aws: Any, folder: Path | str, bucket: str = "hot-reload") -> Any:
    return aws.create_function(
        FunctionName="hot",
        Runtime="python3.11",
        Handler="index.handler",
        Role=ROLE,
        Code={"S3Bucket": bucket, "S3Key": str(folder)},
    )


def refusal(aws: Any, folder: Path | str, bucket: str = "hot-reload") -> str:
    with pytest.raises(ClientError) as refused:
        create(aws, folder, bucket)
    assert refused.value.response["Error"]["Code"] == "InvalidParameterValueException"
    return str(refused.value.response["Error"]["Message"])


def deployed(dock: Dock, file: str = "index.py") -> str:
    catalog = dock.emulator.lambdas.catalog
    folder = catalog.code_folder(catalog.get("hot"))
    path = None if folder is None else folder / file
    return path.read_text() if path is not None and path.is_file() else ""


def test_the_code_is_that_of_the_folder_and_follows_it(aws: Any, dock: Dock, allowed: Path) -> None:
    create(aws, allowed / "code")
    assert deployed(dock) == "1"

    (allowed / "code" / "index.py").write_text("2")

    eventually(lambda: deployed(dock) == "2")


def test_it_follows_the_folder_after_a_restart_too(
    aws: Any, dock: Dock, start_dock: StartDock, allowed: Path
) -> None:
    create(aws, allowed / "code")
    dock.stop()
    (allowed / "code" / "index.py").write_text("2")

    again = start_dock(hot_reload=(str(allowed),))

    eventually(lambda: deployed(again) == "2")


def test_an_update_may_name_another_folder_or_none(aws: Any, dock: Dock, allowed: Path) -> None:
    (allowed / "other").mkdir()
    (allowed / "other" / "index.py").write_text("other")
    create(aws, allowed / "code")

    other = str(allowed / "other")
    aws.update_function_code(FunctionName="hot", S3Bucket="hot-reload", S3Key=other)

    assert deployed(dock) == "other"
    assert dock.emulator.lambdas.catalog.get("hot").annotations.source == other


def test_credentials_and_repositories_are_no_code(aws: Any, dock: Dock, allowed: Path) -> None:
    for name in (".taskdock", ".git"):
        (allowed / "code" / name).mkdir()
        (allowed / "code" / name / "secret").write_text("secret")

    create(aws, allowed / "code")

    assert deployed(dock, ".taskdock/secret") == deployed(dock, ".git/secret") == ""


@pytest.mark.parametrize("names", [("taskdock.db",), ("lock", "id"), ("lock", "credentials")])
def test_a_data_folder_of_any_name_is_no_code(
    aws: Any, dock: Dock, allowed: Path, names: tuple[str, ...]
) -> None:
    data = allowed / "code" / "kept"
    (data / "code").mkdir(parents=True)
    for name in (*names, "code/secret"):
        (data / name).write_text("secret")

    create(aws, allowed / "code")

    assert [deployed(dock, f"kept/{name}") for name in (*names, "code/secret")] == [""] * (
        len(names) + 1
    )


@pytest.mark.parametrize("name", [".taskdock", ".git", ".taskdock/code/0", "kept", "kept/code"])
def test_no_key_leads_into_a_data_folder_or_a_repository(
    aws: Any, allowed: Path, name: str
) -> None:
    folder = allowed / name
    folder.mkdir(parents=True)
    (allowed / "kept").mkdir(exist_ok=True)
    (allowed / "kept" / "taskdock.db").write_text("secret")

    assert refusal(aws, folder) == (
        f"S3Key is '{folder}', which is no code, but a repository, a cache or the data folder of a"
        " server"
    )


def test_a_name_that_no_zip_can_have_is_said(aws: Any, dock: Dock, allowed: Path) -> None:
    create(aws, allowed / "code")
    bad = os.fsencode(allowed / "code") + b"/\xff.py"
    with open(bad, "wb"):
        pass

    eventually(lambda: "is not UTF-8" in str(dock.emulator.health.troubles()))
    os.unlink(bad)

    eventually(lambda: not dock.emulator.health.troubles())


def test_a_pipe_in_the_folder_is_passed_over(aws: Any, dock: Dock, allowed: Path) -> None:
    os.mkfifo(allowed / "code" / "pipe")

    create(aws, allowed / "code")

    assert deployed(dock) == "1"


def test_a_folder_beside_the_allowed_ones_is_refused(aws: Any, allowed: Path) -> None:
    beside = allowed.with_name("allowed-not")
    beside.mkdir()

    told = refusal(aws, beside)

    assert told == (
        f"S3Key is '{beside}', which is in no folder of the setting hot_reload"
        f" (TASKDOCK_HOT_RELOAD): {allowed}"
    )


def test_a_link_out_of_the_allowed_folder_is_refused(aws: Any, allowed: Path) -> None:
    (allowed / "link").symlink_to(allowed.parent)

    assert "is in no folder of the setting hot_reload" in refusal(aws, allowed / "link")
    assert "is in no folder of the setting hot_reload" in refusal(aws, f"{allowed}/../")


def test_a_path_that_is_no_folder_is_refused(aws: Any, allowed: Path) -> None:
    assert "is no folder of this machine" in refusal(aws, allowed / "nothing")
    assert "give the absolute path of a folder" in refusal(aws, "code")


def test_another_bucket_is_told_of_this_one(aws: Any, allowed: Path) -> None:
    assert refusal(aws, allowed / "code", "my-bucket") == (
        "taskdock has no S3: give the code as ZipFile or ImageUri, or a folder of this machine as"
        " S3Key with the S3Bucket hot-reload."
    )


def test_without_the_setting_no_folder_is_read(start_dock: StartDock, allowed: Path) -> None:
    closed = start_dock()
    client = lambda_client(closed.emulator.url)

    told = refusal(client, allowed / "code")
    client.close()

    assert "no folder is allowed: start taskdock with --hot-reload FOLDER" in told
