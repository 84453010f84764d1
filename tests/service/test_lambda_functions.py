"""AWS's Lambda API: functions are made, changed, listed and deleted, in AWS's shapes."""

from __future__ import annotations

import base64
import hashlib
import http.client
import io
import json
import random
import re
import zipfile
from contextlib import closing
from typing import Any

import pytest
import requests

from taskdock.lambdas.functions.catalog import Catalog
from taskdock.testing import ManualClock
from taskdock.testing.dock import new_function
from taskdock.testing.fakes.runtime import serve
from taskdock.testing.zips import base64_of, zip_of
from tests.support.aws import (
    ARN,
    FUNCTIONS,
    INVALID,
    NAME,
    ROLE,
    VALIDATION,
    ZIP,
    echo,
    facts,
    lambda_client,
    post,
    refused,
    zip_function,
)
from tests.support.builders import Dock, StartDock

Json = dict[str, Any]

SERIALIZATION = "SerializationException"


def test_a_function_is_created_and_runs(dock: Dock, aws: Any) -> None:
    dock.engine.programs[NAME] = serve(echo)

    made = aws.create_function(
        **zip_function(
            Description="four legs",
            Timeout=1800,
            MemorySize=10240,
            Environment={"Variables": {"WOOD": "oak"}},
        )
    )

    assert made.pop("ResponseMetadata")["HTTPStatusCode"] == 201
    assert made.pop("LastModified").endswith("+0000")
    assert len(made.pop("RevisionId")) == 36
    assert made.pop("Role") == ROLE
    assert re.fullmatch(
        "arn:aws:lambda:us-east-1::runtime:[0-9a-f]{64}",
        made["RuntimeVersionConfig"]["RuntimeVersionArn"],
    )
    assert made.pop("Architectures")[0] in ("x86_64", "arm64")
    assert made == {
        "FunctionName": NAME,
        "FunctionArn": ARN,
        "Runtime": "python3.11",
        "Handler": NAME,
        "CodeSize": len(ZIP),
        "Description": "four legs",
        "Timeout": 1800,
        "MemorySize": 10240,
        "CodeSha256": base64.b64encode(hashlib.sha256(ZIP).digest()).decode(),
        "Version": "$LATEST",
        "Environment": {"Variables": {"WOOD": "oak"}},
        "TracingConfig": {"Mode": "PassThrough"},
        "State": "Active",
        "LastUpdateStatus": "Successful",
        "PackageType": "Zip",
        "EphemeralStorage": {"Size": 512},
        "SnapStart": {"ApplyOn": "None", "OptimizationStatus": "Off"},
        "RuntimeVersionConfig": made["RuntimeVersionConfig"],
        "LoggingConfig": {"LogFormat": "Text", "LogGroup": f"/aws/lambda/{NAME}"},
    }
    assert json.load(aws.invoke(FunctionName=NAME, Payload=b"1")["Payload"]) == 1
    assert dock.engine.ran[0].environment["WOOD"] == "oak"


def test_without_a_word_on_limits_they_are_those_of_aws(dock: Dock, aws: Any) -> None:
    made = aws.create_function(**zip_function())

    assert (made["Timeout"], made["MemorySize"], made["Description"]) == (3, 128, "")
    assert "Environment" not in made


def test_a_function_is_one_of_the_task_service_and_the_other_way_round(
    dock: Dock, aws: Any
) -> None:
    aws.create_function(**zip_function("elm-chair", Timeout=7))
    dock.post("/functions/", new_function(NAME, timeLimit=9))

    theirs = dock.get("/functions/elm-chair").json()
    ours = aws.get_function(FunctionName=NAME)["Configuration"]

    assert (theirs["timeLimit"], theirs["entryPoint"]) == (7, "elm-chair")
    assert (ours["Timeout"], ours["Handler"]) == (9, "index.handler")


def test_an_image_function_is_created_and_runs(dock: Dock, aws: Any) -> None:
    dock.engine.programs["registry.example/oak:1"] = serve(echo)

    made = aws.create_function(
        FunctionName=NAME,
        Role=ROLE,
        PackageType="Image",
        Code={"ImageUri": "registry.example/oak:1"},
    )

    assert (made["PackageType"], made["CodeSize"]) == ("Image", 0)
    assert not {"Runtime", "Handler"} & made.keys()
    assert aws.invoke(FunctionName=NAME, Payload=b"1")["Payload"].read() == b"1"
    code = aws.get_function(FunctionName=NAME)["Code"]
    assert (code["RepositoryType"], code["ImageUri"]) == ("ECR", "registry.example/oak:1")


def test_a_zip_of_more_than_the_task_services_10_mb_is_taken(dock: Dock, aws: Any) -> None:
    large = zip_of({"index.py": "pass", "wood": random.Random(1).randbytes(11 * 1024 * 1024)})

    made = aws.create_function(**zip_function(Code={"ZipFile": large}))

    assert made["CodeSize"] == len(large)


def test_the_code_of_a_function_is_changed(dock: Dock, aws: Any) -> None:
    aws.create_function(**zip_function())
    other = zip_of({"index.py": "pass"})

    dry = aws.update_function_code(FunctionName=NAME, ZipFile=other, DryRun=True)
    made = aws.update_function_code(FunctionName=NAME, ZipFile=other)

    before, after = (base64_of(hashlib.sha256(each).digest()) for each in (ZIP, other))
    assert (dry["CodeSha256"], made["CodeSha256"]) == (before, after)
    assert made["CodeSize"] == len(other)
    assert aws.get_function_configuration(FunctionName=NAME)["CodeSha256"] == after


def test_the_configuration_of_a_function_is_changed_where_it_is_named(dock: Dock, aws: Any) -> None:
    aws.create_function(**zip_function(Timeout=7, Environment={"Variables": {"WOOD": "oak"}}))

    changed = aws.update_function_configuration(FunctionName=NAME, MemorySize=256)

    assert (changed["MemorySize"], changed["Timeout"]) == (256, 7)
    assert changed["Environment"] == {"Variables": {"WOOD": "oak"}}
    emptied = aws.update_function_configuration(FunctionName=NAME, Environment={"Variables": {}})
    assert emptied["Environment"] == {"Variables": {}}


def test_each_change_has_a_revision_that_can_be_asked_for(dock: Dock, aws: Any) -> None:
    first = aws.create_function(**zip_function())["RevisionId"]
    second = aws.update_function_configuration(FunctionName=NAME, Timeout=9, RevisionId=first)

    error = refused(
        aws.update_function_configuration, FunctionName=NAME, Timeout=8, RevisionId=first
    )

    assert second["RevisionId"] != first
    assert (error["status"], error["Code"]) == (412, "PreconditionFailedException")


def test_a_change_has_a_revision_of_its_own_while_the_clock_stands_still(
    start_dock: StartDock,
) -> None:
    """A test's clock does; the policy of retries is none of the environment's properties."""
    dock = start_dock(clock=ManualClock())
    dock.deploy(lambda *_: None)
    with closing(lambda_client(dock.emulator.url)) as aws:
        before = aws.get_function_configuration(FunctionName=NAME)

        changed = dock.put(f"/functions/{NAME}", {"retryPolicy": {"enabled": True}})

        assert changed.status_code == 200
        after = aws.get_function_configuration(FunctionName=NAME)
    assert after["RevisionId"] != before["RevisionId"]
    assert after["LastModified"] > before["LastModified"]


def test_the_log_format_is_a_variable_that_is_not_shown(dock: Dock, aws: Any) -> None:
    dock.engine.programs[NAME] = serve(echo)
    aws.create_function(
        **zip_function(
            LoggingConfig={"LogFormat": "JSON", "ApplicationLogLevel": "DEBUG"},
            Environment={"Variables": {"WOOD": "oak"}},
        )
    )

    changed = aws.update_function_configuration(
        FunctionName=NAME, Environment={"Variables": {"WOOD": "elm"}}
    )
    aws.invoke(FunctionName=NAME)

    variables = dock.engine.ran[0].environment
    assert changed["Environment"] == {"Variables": {"WOOD": "elm"}}
    assert changed["LoggingConfig"]["LogFormat"] == "JSON"
    assert changed["LoggingConfig"]["ApplicationLogLevel"] == "DEBUG"
    assert variables["WOOD"] == "elm"
    assert variables["AWS_LAMBDA_LOG_FORMAT"] == "JSON"
    assert variables["AWS_LAMBDA_LOG_LEVEL"] == "DEBUG"
    text = aws.update_function_configuration(FunctionName=NAME, LoggingConfig={"LogFormat": "Text"})
    assert text["LoggingConfig"] == {"LogFormat": "Text", "LogGroup": f"/aws/lambda/{NAME}"}
    assert text["Environment"] == {"Variables": {"WOOD": "elm"}}


def test_a_deleted_function_is_gone(dock: Dock, aws: Any) -> None:
    aws.create_function(**zip_function())

    answer = aws.delete_function(FunctionName=ARN)

    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 204
    for call in (
        aws.get_function,
        aws.get_function_configuration,
        aws.delete_function,
        aws.update_function_configuration,
    ):
        error = refused(call, FunctionName=NAME)
        assert (error["status"], error["Code"]) == (404, "ResourceNotFoundException")
        assert error["Message"] == f"Function not found: {ARN}"


def test_functions_are_listed_in_pages(dock: Dock, aws: Any) -> None:
    for number in range(53):
        dock.post("/functions/", new_function(f"chair-{number:02}"))

    pages = list(aws.get_paginator("list_functions").paginate())
    small = aws.list_functions(MaxItems=2, Marker="chair-07")

    assert [len(page["Functions"]) for page in pages] == [50, 3]
    listed = [each["FunctionName"] for page in pages for each in page["Functions"]]
    assert listed == [f"chair-{number:02}" for number in range(53)]
    assert [each["FunctionName"] for each in small["Functions"]] == ["chair-08", "chair-09"]
    assert small["NextMarker"] == "chair-09"
    assert "State" not in small["Functions"][0]
    assert small["Functions"][0]["CodeSize"] > 0


def test_all_versions_of_a_function_are_its_latest(dock: Dock, aws: Any) -> None:
    aws.create_function(**zip_function())

    (listed,) = aws.list_functions(FunctionVersion="ALL")["Functions"]
    (version,) = aws.list_versions_by_function(FunctionName=NAME)["Versions"]

    assert listed == version
    assert (version["FunctionArn"], version["Version"]) == (f"{ARN}:$LATEST", "$LATEST")
    assert not {"State", "LastUpdateStatus", "RuntimeVersionConfig"} & version.keys()


def test_the_code_of_a_function_can_be_fetched(dock: Dock, aws: Any) -> None:
    files = {"index.py": "pass\n", "lib/oak": "wood"}
    aws.create_function(**zip_function(Code={"ZipFile": zip_of(files)}))

    code = aws.get_function(FunctionName=NAME)["Code"]
    fetched = requests.get(code["Location"], timeout=60)

    assert (fetched.status_code, code["RepositoryType"]) == (200, "S3")
    with zipfile.ZipFile(io.BytesIO(fetched.content)) as archive:
        found = {each: archive.read(each).decode() for each in archive.namelist()}
    assert {name: text for name, text in found.items() if not name.endswith("/")} == files
    again = aws.update_function_code(FunctionName=NAME, ZipFile=fetched.content)
    assert again["CodeSize"] == len(fetched.content)


def test_the_role_is_that_which_was_given(dock: Dock, aws: Any) -> None:
    other = "arn:aws:iam::123456789012:role/other"
    aws.create_function(**zip_function())

    changed = aws.update_function_configuration(FunctionName=NAME, Role=other)

    assert changed["Role"] == other
    assert aws.update_function_configuration(FunctionName=NAME, Timeout=9)["Role"] == other


def test_an_environment_that_was_given_empty_is_shown(dock: Dock, aws: Any) -> None:
    made = aws.create_function(**zip_function(Environment={"Variables": {}}))

    assert made["Environment"] == {"Variables": {}}
    got = aws.get_function_configuration(FunctionName=NAME)
    assert got["Environment"] == {"Variables": {}}


@pytest.mark.parametrize(
    ("reference", "digest"),
    [
        ("oak:1", hashlib.sha256(b"oak:1").hexdigest()),
        (f"oak@sha256:{'ab' * 32}", "ab" * 32),
    ],
)
def test_an_image_has_a_digest(dock: Dock, aws: Any, reference: str, digest: str) -> None:
    made = aws.create_function(
        FunctionName=NAME, Role=ROLE, PackageType="Image", Code={"ImageUri": reference}
    )

    assert made["CodeSha256"] == digest


def test_a_slash_at_the_end_which_some_sdks_send_makes_no_difference(shared: Dock) -> None:
    answer = shared.call("GET", f"{FUNCTIONS}/", base="")

    assert (answer.status_code, answer.json().keys()) == (200, {"Functions"})


def test_the_waiters_of_the_sdk_are_content(shared: Dock, shared_aws: Any) -> None:
    for name in ("function_exists", "function_active_v2", "function_updated_v2"):
        shared_aws.get_waiter(name).wait(FunctionName=NAME)


# Functions: what is refused


def test_a_name_that_is_taken_is_in_conflict(shared: Dock, shared_aws: Any) -> None:
    error = refused(shared_aws.create_function, **zip_function())

    assert (error["status"], error["Code"]) == (409, "ResourceConflictException")
    assert error["Message"] == f"Function already exist: {NAME}"


@pytest.mark.parametrize(
    ("fields", "name", "said"),
    [
        ({"Timeout": 0}, VALIDATION, "'0' at 'timeout' failed to satisfy constraint: Member must"),
        ({"Timeout": 1801}, VALIDATION, "Member must have value less than or equal to 1800"),
        ({"MemorySize": 127}, VALIDATION, "'127' at 'memorySize' failed to satisfy constraint"),
        ({"MemorySize": 10241}, VALIDATION, "Member must have value less than or equal to 10240"),
        ({"Description": "x" * 257}, VALIDATION, "at 'description' failed"),
        (
            {"FunctionName": "x" * 65},
            INVALID,
            f"1 validation error detected: Value '{'x' * 65}' at 'functionName' failed to satisfy"
            " constraint: Member must have length less than or equal to 64",
        ),
        ({"FunctionName": "x" * 141}, VALIDATION, "must have length less than or equal to 140"),
        ({"FunctionName": "oak.table"}, VALIDATION, "Member must satisfy regular expression"),
        ({"FunctionName": "elm-chair:$LATEST"}, INVALID, "Unsupported function name: elm-chair:$L"),
        ({"FunctionName": "elm-chair:1"}, INVALID, "Unsupported function name: elm-chair:1"),
        (
            {"Role": None},
            VALIDATION,
            "Value null at 'role' failed to satisfy constraint: Member mu",
        ),
        ({"Role": "carpenter"}, VALIDATION, "Value 'carpenter' at 'role' failed to satisfy"),
        ({"Handler": "index .handler"}, VALIDATION, "regular expression pattern: [^\\s]+"),
        (
            {"Architectures": ["x86_64", "arm64"]},
            VALIDATION,
            "Value '[x86_64, arm64]' at 'architectures' failed to satisfy constraint: Member must"
            " have length less than or equal to 1",
        ),
        (
            {"Architectures": ["z80"]},
            VALIDATION,
            "Value '[z80]' at 'architectures' failed to satisfy constraint: Member must satisfy"
            " constraint: [Member must satisfy enum value set: [x86_64, arm64], Member must not be"
            " null]",
        ),
        (
            {"SnapStart": {"ApplyOn": "Always"}},
            VALIDATION,
            "Value 'Always' at 'snapStart.applyOn' failed to satisfy constraint: Member must"
            " satisfy enum value set: [PublishedVersions, None]",
        ),
        (
            {"EphemeralStorage": {"Size": 511}},
            VALIDATION,
            "Value '511' at 'ephemeralStorage.size' failed to satisfy constraint: Member must have"
            " value greater than or equal to 512",
        ),
        ({"EphemeralStorage": {"Size": 10241}}, VALIDATION, "less than or equal to 10240"),
        (
            {"Timeout": 0, "MemorySize": 1},
            VALIDATION,
            "2 validation errors detected: Value '0' at 'timeout' failed to satisfy constraint:"
            " Member must have value greater than or equal to 1; Value '1' at 'memorySize' failed",
        ),
        ({"Timeout": "long"}, SERIALIZATION, "STRING_VALUE can not be converted to an Integer"),
        ({"Runtime": 3.11}, SERIALIZATION, "NUMBER_VALUE can not be converted to a String"),
        ({"Code": "x"}, SERIALIZATION, "Unexpected field type"),
        ({"Tags": {f"k{i}": "" for i in range(51)}}, INVALID, "Number of tags exceeds"),
        ({"Runtime": "cobol85"}, INVALID, "Value cobol85 at 'runtime' failed to satisfy"),
        ({"Runtime": None}, INVALID, "Runtime and Handler are mandatory parameters"),
        ({"Handler": None}, INVALID, "Runtime and Handler are mandatory parameters"),
        ({"Code": {"ZipFile": b"oak"}}, INVALID, "Could not unzip uploaded file."),
        ({"Code": {}}, INVALID, "Please provide ZipFile"),
        ({"Code": {"S3Bucket": "oak", "S3Key": "elm"}}, INVALID, "taskdock has no S3"),
        ({"Code": {"ImageUri": "oak:1"}}, INVALID, "Please don't provide ImageUri"),
        ({"PackageType": "Image"}, INVALID, "Please don't provide ZipFile"),
        (
            {"PackageType": "Image", "Code": {"ImageUri": "oak:1"}},
            INVALID,
            "Please don't provide Handler or Runtime",
        ),
        (
            {"Environment": {"Variables": {"LAMBDA_TASK_ROOT": "y", "AWS_REGION": "x", "A1": "z"}}},
            INVALID,
            "Lambda was unable to configure your environment variables because the environment"
            " variables you have provided contains reserved keys that are currently not supported"
            " for modification. Reserved keys used in this request: AWS_REGION, LAMBDA_TASK_ROOT",
        ),
        (
            {"Environment": {"Variables": {"WOOD": "x" * (4097 - len('{"WOOD":""}'))}}},
            INVALID,
            "Lambda was unable to configure your environment variables because the environment"
            " variables you have provided exceeded the 4KB limit. String measured:"
            ' {"WOOD":"xxx',
        ),
        (
            {"Environment": {"Variables": {"1A": "x"}}},
            VALIDATION,
            "Value at 'environment.variables' failed to satisfy constraint: Map keys must satisfy"
            " constraint: [Member must satisfy regular expression pattern: [a-zA-Z]([a-zA-Z0-9_])+",
        ),
        ({"LoggingConfig": {"LogFormat": "XML"}}, VALIDATION, "at 'loggingConfig.logFormat'"),
        (
            {"LoggingConfig": {"ApplicationLogLevel": "INFO"}},
            INVALID,
            'Log level is not supported when log format is set to "Text"',
        ),
    ],
)
def test_a_function_that_cannot_be_is_refused_in_aws_words(
    shared: Dock, shared_aws: Any, fields: Json, name: str, said: str
) -> None:
    answer = shared.call(
        "POST", FUNCTIONS, base="", json=_json(zip_function("elm-chair", **fields))
    )
    error = {**answer.json(), "status": answer.status_code}
    error["Code"] = answer.headers["X-Amzn-Errortype"]
    error["Message"] = error.get("message") or error["Message"]

    assert (error["status"], error["Code"]) == (400, name)
    assert said in error["Message"]
    assert shared.get("/functions/elm-chair").status_code == 404


def _json(body: Json) -> Json:
    """As it is sent: a test may well say what no client would send."""
    code = body["Code"]
    if isinstance(code, dict) and "ZipFile" in code:
        code = {**code, "ZipFile": base64_of(code["ZipFile"])}
    return {**body, "Code": code}


def test_variables_of_just_4_kb_of_json_are_taken_with_those_of_the_log_beside_them(
    dock: Dock, aws: Any
) -> None:
    value = "é" * ((4096 - len('{"WOOD":"x"}')) // 2) + "x"

    made = aws.create_function(
        **zip_function(
            Environment={"Variables": {"WOOD": value}}, LoggingConfig={"LogFormat": "JSON"}
        )
    )

    assert len(json.dumps({"WOOD": value}, separators=(",", ":"), ensure_ascii=False).encode()) in (
        4095,
        4096,
    )
    assert made["Environment"] == {"Variables": {"WOOD": value}}


def test_many_short_variables_take_the_room_of_their_json(dock: Dock, aws: Any) -> None:
    variables = {f"VARIABLE_{number:04}": "x" * 14 for number in range(150)}

    error = refused(aws.create_function, **zip_function(Environment={"Variables": variables}))

    assert (error["status"], error["Code"]) == (400, INVALID)
    assert "exceeded the 4KB limit. String measured: {" in error["Message"]


def test_a_zip_of_over_50_mb_is_too_large(dock: Dock, aws: Any) -> None:
    large = bytes(50 * 1024 * 1024 + 1)

    error = refused(aws.create_function, **zip_function(Code={"ZipFile": large}))

    assert (error["status"], error["Code"]) == (413, "RequestEntityTooLargeException")
    assert error["Message"] == "Zipped size must be smaller than 52428800 bytes"


def test_a_zip_without_a_file_is_refused_in_awss_words(aws: Any) -> None:
    empty = zip_function(Code={"ZipFile": zip_of({})})

    error = refused(aws.create_function, **empty)

    assert (error["status"], error["Code"]) == (400, INVALID)
    assert error["Message"] == "Uploaded file must be a non-empty zip"


@pytest.mark.parametrize("image", [False, True])
def test_code_does_not_become_an_image_nor_an_image_code(dock: Dock, aws: Any, image: bool) -> None:
    if image:
        aws.create_function(
            FunctionName=NAME, Role=ROLE, PackageType="Image", Code={"ImageUri": "oak:1"}
        )
    else:
        aws.create_function(**zip_function())
    code: Json = {"ZipFile": ZIP} if image else {"ImageUri": "oak:2"}

    error = refused(aws.update_function_code, FunctionName=NAME, **code)

    assert (error["status"], error["Code"]) == (400, INVALID)
    kind = "Image" if image else "Zip"
    assert error["Message"].endswith(f"when updating a function with packageType {kind}.")


@pytest.mark.parametrize(
    ("operation", "fields"),
    [
        ("publish_version", {"FunctionName": NAME}),
        ("create_alias", {"FunctionName": NAME, "Name": "prod", "FunctionVersion": "1"}),
        ("put_function_concurrency", {"FunctionName": NAME, "ReservedConcurrentExecutions": 1}),
        ("create_function_url_config", {"FunctionName": NAME, "AuthType": "NONE"}),
        ("get_layer_version_by_arn", {"Arn": f"{ARN}:1".replace("function", "layer")}),
        ("invoke_with_response_stream", {"FunctionName": NAME}),
    ],
)
def test_what_is_not_here_is_named_and_says_where_the_rest_is_listed(
    shared: Dock, shared_aws: Any, operation: str, fields: Json
) -> None:
    error = refused(getattr(shared_aws, operation), **fields)

    assert (error["status"], error["Code"]) == (501, "NotImplementedException")
    name = operation.title().replace("_", "")
    assert error["Message"].startswith(f"taskdock does not have this part of AWS Lambda: {name} (")
    assert error["Message"].endswith("What it has is listed in its docs/lambda-api.md.")


def test_a_path_that_aws_does_not_have_either_is_named_as_it_is(shared: Dock) -> None:
    answer = shared.call("PATCH", "/2015-03-31/carpenters", base="")

    assert (answer.status_code, answer.headers["X-Amzn-Errortype"]) == (
        501,
        "NotImplementedException",
    )
    assert "PATCH /2015-03-31/carpenters." in answer.json()["Message"]


@pytest.mark.parametrize(
    ("body", "name"),
    [(b"oak", "SerializationException"), (b"{}", VALIDATION), (b"7", "SerializationException")],
)
def test_a_body_that_is_no_request_is_refused(shared: Dock, body: bytes, name: str) -> None:
    answer = post(shared, body, FUNCTIONS)

    assert answer.status_code == 400
    assert answer.headers["X-Amzn-Errortype"] == name
    assert answer.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("MaxItems=0", VALIDATION),
        ("MaxItems=10001", VALIDATION),
        ("MaxItems=many", SERIALIZATION),
        ("FunctionVersion=LATEST", VALIDATION),
        ("MasterRegion=oak", VALIDATION),
    ],
)
def test_a_list_that_cannot_be_is_refused(shared: Dock, query: str, name: str) -> None:
    answer = shared.call("GET", f"{FUNCTIONS}?{query}", base="")

    assert (answer.status_code, answer.headers["X-Amzn-Errortype"]) == (400, name)


def test_what_breaks_is_told_in_aws_shape(dock: Dock, monkeypatch: pytest.MonkeyPatch) -> None:
    def explode(self: Catalog) -> list[Any]:
        raise RuntimeError("splinters")

    monkeypatch.setattr(Catalog, "all", explode)

    answer = dock.call("GET", FUNCTIONS, base="")

    assert (answer.status_code, answer.headers["X-Amzn-Errortype"]) == (500, "ServiceException")
    assert "splinters" not in answer.text
    assert facts(dock, "request_broke")


@pytest.mark.parametrize(
    ("length", "status", "name", "said"),
    [
        (
            "99999999",
            413,
            "RequestEntityTooLargeException",
            "Zipped size must be smaller than 52428800 bytes",
        ),
        ("many", 400, "SerializationException", ""),
    ],
)
def test_what_is_refused_before_it_is_read_has_aws_shape_too(
    shared: Dock, *, length: str, status: int, name: str, said: str
) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", shared.emulator.port, timeout=10)
    connection.putrequest("POST", FUNCTIONS)
    connection.putheader("Content-Length", length)
    connection.endheaders()
    answer = connection.getresponse()
    body = json.load(answer)
    connection.close()

    assert (answer.status, answer.headers["X-Amzn-Errortype"]) == (status, name)
    assert body.keys() <= {"Message", "Type"}
    assert said in body["Message"]
