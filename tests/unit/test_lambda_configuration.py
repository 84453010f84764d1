"""AWS's shapes of a function: what goes in, what comes out, and how functions are named."""

from datetime import datetime, timezone

import pytest

from taskdock.lambdas.arns import function_arn
from taskdock.lambdas.functions.function import Function, ImageConfig
from taskdock.web.lambda_api import changes, configuration, function_names
from taskdock.web.lambda_api.problems import Refusal

ARN = "arn:aws:lambda:us-east-1:000000000000:function:oak"


def function(**fields):
    made = datetime(2026, 1, 2, 3, 4, 5, 678_000, tzinfo=timezone.utc)
    return Function(name="oak", update_timestamp=made, **fields)


@pytest.mark.parametrize(
    ("text", "qualifier", "name", "arn"),
    [
        ("oak", None, "oak", ARN),
        ("oak", "", "oak", ARN),
        ("oak", "$LATEST", "oak", f"{ARN}:$LATEST"),
        ("oak:7", None, "oak", f"{ARN}:7"),
        ("oak:7", "7", "oak", f"{ARN}:7"),
        ("123456789012:function:oak:prod", None, "oak", f"{ARN}:prod"),
        ("arn:aws-cn:lambda:cn-north-1:123456789012:function:oak", None, "oak", ARN),
        ("function:oak", None, "oak", ARN),
    ],
)
def test_a_reference_is_a_name_and_an_arn_of_ours(text, qualifier, name, arn):
    reference = function_names.parse(text, qualifier)

    names = function_names.Names(None, function_arn)
    assert (reference.name, names.arn(reference)) == (name, arn)


@pytest.mark.parametrize("text", ["", "oak table", "oak/7", "a:b:c", "oak:", "arn:aws:s3:::oak"])
def test_what_is_no_reference_is_refused(text):
    with pytest.raises(Refusal):
        function_names.parse(text)


def test_the_time_of_a_change_is_shown_as_aws_does():
    shown = configuration.configuration(function(), ARN, "x86_64", 0)

    assert shown["LastModified"] == "2026-01-02T03:04:05.678+0000"


def test_the_revision_changes_with_every_change():
    first, second = function(), function(memory_limit=256)

    assert configuration.revision(first) == configuration.revision(function())
    assert configuration.revision(first) != configuration.revision(second)


BEFORE = {"WOOD": "oak", "AWS_LAMBDA_LOG_FORMAT": "JSON", "AWS_LAMBDA_LOG_LEVEL": "DEBUG"}


@pytest.mark.parametrize(
    ("body", "environment"),
    [
        ({}, None),
        (
            {"Environment": {"Variables": {"WOOD": "elm"}}},
            {"WOOD": "elm", "AWS_LAMBDA_LOG_FORMAT": "JSON", "AWS_LAMBDA_LOG_LEVEL": "DEBUG"},
        ),
        ({"LoggingConfig": {"LogFormat": "Text"}}, {"WOOD": "oak"}),
        (
            {"LoggingConfig": {"ApplicationLogLevel": "ERROR"}},
            {"WOOD": "oak", "AWS_LAMBDA_LOG_FORMAT": "JSON", "AWS_LAMBDA_LOG_LEVEL": "ERROR"},
        ),
        ({"LoggingConfig": {"LogFormat": "JSON"}}, BEFORE),
        ({"Environment": {}, "LoggingConfig": {"LogFormat": "Text"}}, {}),
    ],
)
def test_the_log_format_is_kept_in_the_environment(body, environment):
    assert changes.properties(body, BEFORE).get("environment") == environment


def test_without_a_level_json_logging_begins_at_info():
    body = {"LoggingConfig": {"LogFormat": "JSON"}}

    assert changes.properties(body, {})["environment"] == {
        "AWS_LAMBDA_LOG_FORMAT": "JSON",
        "AWS_LAMBDA_LOG_LEVEL": "INFO",
    }


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ({}, ImageConfig()),
        ({"EntryPoint": [], "Command": [], "WorkingDirectory": ""}, ImageConfig()),
        (
            {"EntryPoint": ["/bin/sh", "-c"], "Command": ["app.oak"], "WorkingDirectory": "/oak"},
            ImageConfig(
                entry_point=("/bin/sh", "-c"), command=("app.oak",), working_directory="/oak"
            ),
        ),
    ],
)
def test_what_takes_the_place_of_an_images_settings_is_read(sent, kept):
    assert changes.properties({"ImageConfig": sent}, {})["image_config"] == kept
