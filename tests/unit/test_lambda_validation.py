"""AWS's words for what is wrong with a request, by its own description."""

from __future__ import annotations

from typing import Any

import pytest

from taskdock.web.lambda_api.model.validation import check
from taskdock.web.lambda_api.problems import Refusal

Json = dict[str, Any]

FUNCTION: Json = {"FunctionName": "oak", "Role": "arn:aws:iam::123456789012:role/x", "Code": {}}


def refusal(operation: str, given: Json) -> Refusal:
    with pytest.raises(Refusal) as caught:
        check(operation, given)
    return caught.value


def said(**fields: Any) -> str:
    """What is wrong with a function that is made with these."""
    refused = refusal("CreateFunction", {**FUNCTION, **fields})
    assert refused.name == "ValidationException"
    one = "1 validation error detected: "
    assert refused.message.startswith(one), refused.message
    return refused.message.removeprefix(one)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"Unknown": 1},
        {"Timeout": 1800, "MemorySize": 10240, "EphemeralStorage": {"Size": 10240}},
        {"Timeout": 3.0},
        {"Environment": {}},
        {"Environment": {"Variables": None}, "Layers": None},
        {"Tags": {"möbel 木 +-=._:/@": ""}},
        {"Runtime": "whatever the catalog says"},
        {"Role": "arn:aws-us-gov:iam::123456789012:role/path/x"},
    ],
)
def test_what_is_as_it_should_be_passes(fields: Json) -> None:
    check("CreateFunction", {**FUNCTION, **fields})


def test_everything_that_is_wrong_is_told_at_once() -> None:
    refused = refusal("CreateFunction", {"Timeout": 0, "Code": {}, "Role": FUNCTION["Role"]})

    assert refused.message == (
        "2 validation errors detected: Value null at 'functionName' failed to satisfy constraint:"
        " Member must not be null; Value '0' at 'timeout' failed to satisfy constraint: Member must"
        " have value greater than or equal to 1"
    )


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        (
            {"LoggingConfig": {"LogFormat": "XML"}},
            "Value 'XML' at 'loggingConfig.logFormat' failed to satisfy constraint: Member must"
            " satisfy enum value set: [JSON, Text]",
        ),
        (
            {"EphemeralStorage": {}},
            "Value null at 'ephemeralStorage.size' failed to satisfy constraint: Member must not be"
            " null",
        ),
        (
            {"KMSKeyArn": "oak"},
            "Value 'oak' at 'kMSKeyArn' failed to satisfy constraint: Member must satisfy regular"
            " expression pattern: (arn:(aws[a-zA-Z-]*)?:[a-z0-9-.]+:.*)|()",
        ),
        (
            {"Architectures": []},
            "Value '[]' at 'architectures' failed to satisfy constraint: Member must have length"
            " greater than or equal to 1",
        ),
        (
            {"Architectures": [None]},
            "Value '[null]' at 'architectures' failed to satisfy constraint: Member must satisfy"
            " constraint: [Member must satisfy enum value set: [x86_64, arm64], Member must not be"
            " null]",
        ),
        (
            {"FileSystemConfigs": [{"LocalMountPath": "/mnt/oak"}]},
            "Value null at 'fileSystemConfigs.1.member.arn' failed to satisfy constraint: Member"
            " must not be null",
        ),
        (
            {"Environment": {"Variables": {"1": "secret"}}},
            "Value at 'environment.variables' failed to satisfy constraint: Map keys must satisfy"
            " constraint: [Member must satisfy regular expression pattern:"
            " [a-zA-Z]([a-zA-Z0-9_])+]",
        ),
        (
            {"Tags": {"wood": "#"}},
            "Value '{wood=#}' at 'tags' failed to satisfy constraint: Map value must satisfy"
            " constraint: [Member must have length less than or equal to 256, Member must satisfy"
            r" regular expression pattern: ([\p{L}\p{Z}\p{N}_.:/=+\-@]*), Member must not be null]",
        ),
    ],
)
def test_what_is_wrong_is_told_in_aws_words(fields: Json, words: str) -> None:
    assert said(**fields) == words


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"Timeout": "3"}, "STRING_VALUE can not be converted to an Integer"),
        ({"Timeout": True}, "TRUE_VALUE can not be converted to an Integer"),
        ({"Timeout": 3.5}, "NUMBER_VALUE can not be converted to an Integer"),
        ({"Handler": 7}, "NUMBER_VALUE can not be converted to a String"),
        ({"Handler": ["x"]}, "Start of list found where not expected"),
        ({"Handler": {}}, "Start of structure or map found where not expected."),
        ({"Publish": "no"}, "STRING_VALUE can not be converted to a Boolean"),
        ({"Environment": "none"}, "Unexpected field type"),
        ({"Environment": {"Variables": {"WOOD": 1}}}, "NUMBER_VALUE can not be converted to a St"),
    ],
)
def test_what_is_of_another_type_cannot_be_read(fields: Json, words: str) -> None:
    refused = refusal("CreateFunction", {**FUNCTION, **fields})

    assert refused.name == "SerializationException"
    assert refused.message.startswith(words)


def test_only_the_members_that_are_named_are_looked_at() -> None:
    check("Invoke", {"FunctionName": "oak", "LogType": "Everything"}, "FunctionName")
