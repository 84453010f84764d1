"""AWS's Lambda API: what tools ask of every function, and the policies and tags that it keeps."""

from __future__ import annotations

import json
from contextlib import closing
from typing import Any

import pytest

from tests.support.aws import ARN, INVALID, NAME, VALIDATION, lambda_client, refused, zip_function
from tests.support.builders import Dock, StartDock

Json = dict[str, Any]

MISSING = "ResourceNotFoundException"
S3 = {
    "FunctionName": NAME,
    "StatementId": "s3",
    "Action": "lambda:InvokeFunction",
    "Principal": "s3.amazonaws.com",
}


# What tools ask of every function


@pytest.mark.parametrize(
    ("operation", "answer"),
    [
        ("list_aliases", {"Aliases": []}),
        ("get_function_concurrency", {}),
        ("list_provisioned_concurrency_configs", {"ProvisionedConcurrencyConfigs": []}),
        ("list_function_event_invoke_configs", {"FunctionEventInvokeConfigs": []}),
        ("list_function_url_configs", {"FunctionUrlConfigs": []}),
        ("get_function_code_signing_config", {}),
        ("get_function_recursion_config", {"RecursiveLoop": "Allow"}),
        (
            "get_runtime_management_config",
            {"UpdateRuntimeOn": "Auto", "FunctionArn": f"{ARN}:$LATEST"},
        ),
    ],
)
def test_what_a_function_does_not_have_is_answered(
    shared: Dock, shared_aws: Any, operation: str, answer: Json
) -> None:
    found = getattr(shared_aws, operation)(FunctionName=NAME)

    assert found.pop("ResponseMetadata")["HTTPStatusCode"] == 200
    assert found == answer
    missing = refused(getattr(shared_aws, operation), FunctionName="no-such")
    assert (missing["status"], missing["Code"]) == (404, MISSING)


@pytest.mark.parametrize(
    ("operation", "fields", "code", "said"),
    [
        ("get_policy", {}, MISSING, "The resource you requested does not exist."),
        (
            "get_function_event_invoke_config",
            {},
            MISSING,
            f"The function {ARN}:$LATEST doesn't have an EventInvokeConfig",
        ),
        ("get_function_url_config", {}, MISSING, "The resource you requested does not exist."),
        (
            "get_provisioned_concurrency_config",
            {"Qualifier": "1"},
            "ProvisionedConcurrencyConfigNotFoundException",
            "No Provisioned Concurrency Config found for this function",
        ),
    ],
)
def test_what_is_not_set_is_not_found(
    shared: Dock, shared_aws: Any, *, operation: str, fields: Json, code: str, said: str
) -> None:
    error = refused(getattr(shared_aws, operation), FunctionName=NAME, **fields)

    assert (error["status"], error["Code"], error["Message"]) == (404, code, said)


@pytest.mark.parametrize(
    ("operation", "members"),
    [
        ("list_layers", "Layers"),
        ("list_event_source_mappings", "EventSourceMappings"),
        ("list_code_signing_configs", "CodeSigningConfigs"),
    ],
)
def test_what_an_account_does_not_have_is_an_empty_list(
    shared: Dock, shared_aws: Any, operation: str, members: str
) -> None:
    assert getattr(shared_aws, operation)()[members] == []


def test_an_account_says_what_there_is_and_how_much_can_run_at_once(
    start_dock: StartDock,
) -> None:
    dock = start_dock(direct_concurrency=7)
    with closing(lambda_client(dock.emulator.url)) as aws:
        aws.create_function(**zip_function())

        settings = aws.get_account_settings()
        size = aws.get_function(FunctionName=NAME)["Configuration"]["CodeSize"]

    assert settings["AccountLimit"]["ConcurrentExecutions"] == 7
    assert settings["AccountLimit"]["CodeSizeZipped"] == 50 * 1024 * 1024
    assert settings["AccountUsage"] == {"TotalCodeSize": size, "FunctionCount": 1}


# Policies


def test_a_permission_is_kept_until_it_is_removed(dock: Dock, aws: Any) -> None:
    aws.create_function(**zip_function())

    added = aws.add_permission(**S3, SourceArn="arn:aws:s3:::oak", SourceAccount="123456789012")
    aws.add_permission(**{**S3, "StatementId": "user", "Principal": "123456789012"})

    statement = json.loads(added["Statement"])
    assert statement == {
        "Sid": "s3",
        "Effect": "Allow",
        "Principal": {"Service": "s3.amazonaws.com"},
        "Action": "lambda:InvokeFunction",
        "Resource": ARN,
        "Condition": {
            "StringEquals": {"AWS:SourceAccount": "123456789012"},
            "ArnLike": {"AWS:SourceArn": "arn:aws:s3:::oak"},
        },
    }
    policy = json.loads(aws.get_policy(FunctionName=NAME)["Policy"])
    assert (policy["Version"], policy["Id"]) == ("2012-10-17", "default")
    assert policy["Statement"][0] == statement
    assert policy["Statement"][1]["Principal"] == {"AWS": "arn:aws:iam::123456789012:root"}

    for sid in ("s3", "user"):
        aws.remove_permission(FunctionName=NAME, StatementId=sid)

    assert refused(aws.get_policy, FunctionName=NAME)["Code"] == MISSING


def test_a_change_of_the_policy_is_another_revision_and_can_name_the_one_it_is_for(
    dock: Dock, aws: Any
) -> None:
    made = aws.create_function(**zip_function())

    aws.add_permission(**S3, RevisionId=made["RevisionId"])
    error = refused(
        aws.add_permission, **{**S3, "StatementId": "sns"}, RevisionId=made["RevisionId"]
    )

    now = aws.get_policy(FunctionName=NAME)["RevisionId"]
    assert (error["status"], error["Code"]) == (412, "PreconditionFailedException")
    assert now == aws.get_function_configuration(FunctionName=NAME)["RevisionId"]
    assert now != made["RevisionId"]
    aws.remove_permission(FunctionName=NAME, StatementId="s3", RevisionId=now)


def test_a_permission_changes_nothing_of_what_runs(dock: Dock, aws: Any) -> None:
    dock.deploy(lambda event, _: event)
    aws.invoke(FunctionName=NAME)

    aws.add_permission(**S3)
    aws.tag_resource(Resource=ARN, Tags={"wood": "oak"})
    aws.invoke(FunctionName=NAME)

    assert len(dock.engine.ran) == 1


@pytest.mark.parametrize(
    ("fields", "status", "code", "said"),
    [
        ({}, 409, "ResourceConflictException", "The statement id (s3) provided already exists."),
        ({"Qualifier": "$LATEST"}, 400, INVALID, "We currently do not support adding policies for"),
        ({"Qualifier": "1"}, 404, MISSING, f"Function not found: {ARN}:1"),
        ({"FunctionName": "no-such"}, 404, MISSING, "Function not found: "),
        ({"Principal": "carpenter"}, 400, INVALID, "The provided principal was invalid."),
        ({"Action": "s3:GetObject"}, 400, VALIDATION, "1 validation error detected: Value 's3:Get"),
        ({"StatementId": "a b"}, 400, VALIDATION, "1 validation error detected: Value 'a b' at 's"),
    ],
)
def test_a_permission_that_cannot_be_is_refused(
    dock: Dock, aws: Any, *, fields: Json, status: int, code: str, said: str
) -> None:
    aws.create_function(**zip_function())
    aws.add_permission(**S3)

    error = refused(aws.add_permission, **{**S3, **fields})

    assert (error["status"], error["Code"]) == (status, code)
    assert error["Message"].startswith(said)
    assert len(json.loads(aws.get_policy(FunctionName=NAME)["Policy"])["Statement"]) == 1


def test_a_policy_has_a_largest_size(dock: Dock, aws: Any) -> None:
    aws.create_function(**zip_function())

    for sid in ("one", "two"):
        aws.add_permission(**{**S3, "StatementId": sid}, SourceArn=f"arn:aws:s3:::{'x' * 9_000}")
    error = refused(
        aws.add_permission,
        **{**S3, "StatementId": "three"},
        SourceArn=f"arn:aws:s3:::{'x' * 9_000}",
    )

    assert (error["status"], error["Code"]) == (400, "PolicyLengthExceededException")
    assert error["Message"].endswith("is bigger than the limit (20480).")


@pytest.mark.parametrize(
    ("there", "said"),
    [
        (False, "No policy is associated with the given resource."),
        (True, "Statement oak is not found in resource policy."),
    ],
)
def test_a_permission_that_is_not_there_cannot_be_removed(
    dock: Dock, aws: Any, there: bool, said: str
) -> None:
    aws.create_function(**zip_function())
    if there:
        aws.add_permission(**S3)

    error = refused(aws.remove_permission, FunctionName=NAME, StatementId="oak")

    assert (error["status"], error["Code"], error["Message"]) == (404, MISSING, said)


# Tags


def test_tags_are_kept_changed_and_removed(dock: Dock, aws: Any) -> None:
    aws.create_function(**zip_function(Tags={"wood": "oak", "legs": "4"}))

    aws.tag_resource(Resource=ARN, Tags={"wood": "elm", "möbel": "ja"})
    aws.untag_resource(Resource=ARN, TagKeys=["legs", "no-such"])

    assert aws.list_tags(Resource=ARN)["Tags"] == {"wood": "elm", "möbel": "ja"}
    assert aws.get_function(FunctionName=NAME)["Tags"] == {"wood": "elm", "möbel": "ja"}
    aws.untag_resource(Resource=ARN, TagKeys=["wood", "möbel"])
    assert aws.list_tags(Resource=ARN)["Tags"] == {}
    assert "Tags" not in aws.get_function(FunctionName=NAME)


def test_a_function_has_fifty_tags_at_most(dock: Dock, aws: Any) -> None:
    aws.create_function(**zip_function(Tags={f"k{number}": "" for number in range(50)}))

    error = refused(aws.tag_resource, Resource=ARN, Tags={"one": "more"})

    assert (error["status"], error["Code"]) == (400, INVALID)
    assert error["Message"] == "Number of tags exceeds resource tag limit."
    assert len(aws.list_tags(Resource=ARN)["Tags"]) == 50


@pytest.mark.parametrize(
    ("arn", "status", "code"),
    [
        (ARN.replace(NAME, "no-such"), 404, MISSING),
        (f"{ARN}:$LATEST", 400, INVALID),
        (f"{ARN}:1", 400, INVALID),
        (NAME, 400, VALIDATION),
        (f"{ARN.partition(':function:')[0]}:code-signing-config:csc-{'0' * 17}", 404, MISSING),
    ],
)
def test_only_functions_have_tags(
    shared: Dock, shared_aws: Any, arn: str, status: int, code: str
) -> None:
    for call, fields in (
        (shared_aws.list_tags, {}),
        (shared_aws.tag_resource, {"Tags": {"wood": "oak"}}),
        (shared_aws.untag_resource, {"TagKeys": ["wood"]}),
    ):
        error = refused(call, Resource=arn, **fields)

        assert (error["status"], error["Code"]) == (status, code)


# Both


def test_what_was_told_of_a_function_is_there_after_a_start_and_gone_with_it(
    start_dock: StartDock,
) -> None:
    first = start_dock()
    with closing(lambda_client(first.emulator.url)) as aws:
        aws.create_function(**zip_function(Tags={"wood": "oak"}))
        aws.add_permission(**S3)
    first.stop()
    second = start_dock()
    with closing(lambda_client(second.emulator.url)) as aws:
        tags = aws.list_tags(Resource=ARN)["Tags"]
        policy = json.loads(aws.get_policy(FunctionName=NAME)["Policy"])
        aws.update_function_configuration(FunctionName=NAME, Timeout=9)
        still = aws.list_tags(Resource=ARN)["Tags"]

        aws.delete_function(FunctionName=NAME)
        aws.create_function(**zip_function())

        assert (tags, still) == ({"wood": "oak"}, {"wood": "oak"})
        assert [each["Sid"] for each in policy["Statement"]] == ["s3"]
        assert aws.list_tags(Resource=ARN)["Tags"] == {}
        assert refused(aws.get_policy, FunctionName=NAME)["status"] == 404


@pytest.mark.parametrize(
    ("qualifier", "said"),
    [
        ("$LATEST", "The resource you requested does not exist."),
        ("1", f"Function not found: {ARN}:1"),
    ],
)
def test_a_version_has_no_policy_and_the_functions_is_not_taken_for_it(
    dock: Dock, aws: Any, qualifier: str, said: str
) -> None:
    aws.create_function(**zip_function())
    aws.add_permission(**S3)

    shown = refused(aws.get_policy, FunctionName=NAME, Qualifier=qualifier)
    removed = refused(aws.remove_permission, FunctionName=f"{NAME}:{qualifier}", StatementId="s3")

    for error in (shown, removed):
        assert (error["status"], error["Code"], error["Message"]) == (404, MISSING, said)
    assert len(json.loads(aws.get_policy(FunctionName=NAME)["Policy"])["Statement"]) == 1
