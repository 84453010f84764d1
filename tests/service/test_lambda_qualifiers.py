"""AWS's Lambda API: what each operation makes of each form of a name, and of a qualifier."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.aws import ARN, INVALID, NAME, VALIDATION, lambda_client, refused, zip_function
from tests.support.builders import Dock

Json = dict[str, Any]

MISSING = "ResourceNotFoundException"
LATEST = "$LATEST"
MISMATCH = "The derived qualifier from the function name does not match the specified qualifier."
FUNCTIONS_ONLY = "This operation is permitted on Lambda functions only."
WITH_QUALIFIER = {
    "get_function": {},
    "get_function_configuration": {},
    "invoke": {},
    "get_runtime_management_config": {},
}
"""Operations that read a version of a function, and what they are told beside it."""
WITHOUT_QUALIFIER = {
    "update_function_configuration": {},
    "update_function_code": {"ImageUri": "oak:1"},
    "list_aliases": {},
    "get_function_concurrency": {},
    "list_provisioned_concurrency_configs": {},
}
"""Operations on a function as a whole."""
FORMS = (
    NAME,
    f"function:{NAME}",
    f"000000000000:function:{NAME}",
    f"arn:aws:lambda:us-east-1:000000000000:function:{NAME}",
    f"arn:aws-us-gov:lambda:us-gov-west-1:000000000000:function:{NAME}",
    f"arn:aws-iso-b:lambda:us-isob-east-1:000000000000:function:{NAME}",
    f"arn:aws-eusc:lambda:eusc-de-east-1:000000000000:function:{NAME}",
)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("operation", WITH_QUALIFIER)
def test_each_form_of_a_name_is_the_function(shared_aws: Any, operation: str, form: str) -> None:
    call = getattr(shared_aws, operation)

    for fields in (
        {"FunctionName": form},
        {"FunctionName": f"{form}:{LATEST}"},
        {"FunctionName": form, "Qualifier": LATEST},
        {"FunctionName": f"{form}:{LATEST}", "Qualifier": LATEST},
    ):
        assert call(**fields)["ResponseMetadata"]["HTTPStatusCode"] == 200


@pytest.mark.parametrize(
    ("name", "qualifier", "status", "error", "said"),
    [
        (NAME, "1", 404, MISSING, f"Function not found: {ARN}:1"),
        (f"{NAME}:1", None, 404, MISSING, f"Function not found: {ARN}:1"),
        (f"{ARN}:prod", None, 404, MISSING, f"Function not found: {ARN}:prod"),
        (NAME, "$LATEST.PUBLISHED", 404, MISSING, f"Function not found: {ARN}:$LATEST.PUBLISHED"),
        (f"{NAME}:1", "2", 400, INVALID, MISMATCH),
        (f"{ARN}:{LATEST}", "1", 400, INVALID, MISMATCH),
        (
            NAME,
            "oak table",
            400,
            VALIDATION,
            "1 validation error detected: Value 'oak table' at 'qualifier' failed to satisfy"
            " constraint: Member must satisfy regular expression pattern:"
            r" \$(LATEST(\.PUBLISHED)?)|[a-zA-Z0-9-_$]+",
        ),
        (NAME, "q" * 129, 400, VALIDATION, "Member must have length less than or equal to 128"),
        ("oak table", None, 400, VALIDATION, "Value 'oak table' at 'functionName' failed to"),
        ("oak table", "q" * 129, 400, VALIDATION, "2 validation errors detected: Value 'oak t"),
        ("x" * 257, None, 400, VALIDATION, "Member must have length less than or equal to 256"),
    ],
)
@pytest.mark.parametrize("operation", WITH_QUALIFIER)
def test_a_version_that_is_not_there_is_not_taken_for_one_that_is(
    shared: Dock,
    *,
    operation: str,
    name: str,
    qualifier: str | None,
    status: int,
    error: str,
    said: str,
) -> None:
    client = lambda_client(shared.emulator.url, parameter_validation=False)
    fields = {"FunctionName": name, **({"Qualifier": qualifier} if qualifier else {})}

    found = refused(getattr(client, operation), **fields)

    assert (found["status"], found["Code"]) == (status, error)
    assert found["Message"].startswith(said) if status == 404 else said in found["Message"]


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("Qualifier=", 400),
        ("Qualifier", 400),
        ("Qualifier=%24LATEST&Qualifier=1", 200),
        ("Qualifier=1&Qualifier=%24LATEST", 404),
        ("qualifier=1", 200),  # another name, and no member of the request
    ],
)
@pytest.mark.usefixtures("shared_aws")
def test_every_operation_reads_a_qualifier_alike(shared: Dock, query: str, status: int) -> None:
    path = f"/2015-03-31/functions/{NAME}"

    read = shared.call("GET", f"{path}?{query}", base="")
    invoked = shared.call("POST", f"{path}/invocations?{query}", base="", json={})

    assert (read.status_code, invoked.status_code) == (status, status)
    errors = [answer.headers.get("X-Amzn-Errortype") for answer in (read, invoked)]
    assert errors[0] == errors[1]


@pytest.mark.parametrize("operation", ["get_function", "get_function_configuration"])
def test_the_arn_in_an_answer_has_the_qualifier_that_was_asked_for(
    shared_aws: Any, operation: str
) -> None:
    def arn(**fields: str) -> str:
        answer = getattr(shared_aws, operation)(**fields)
        found: str = answer.get("Configuration", answer)["FunctionArn"]
        return found

    assert arn(FunctionName=NAME) == ARN
    assert arn(FunctionName=NAME, Qualifier=LATEST) == f"{ARN}:{LATEST}"
    assert arn(FunctionName=f"{NAME}:{LATEST}") == f"{ARN}:{LATEST}"


@pytest.mark.parametrize(
    ("operation", "qualifier"),
    [
        *((operation, "1") for operation in WITHOUT_QUALIFIER),
        *((operation, "prod") for operation in WITHOUT_QUALIFIER),
        ("list_aliases", LATEST),
        ("get_function_concurrency", LATEST),
        ("list_provisioned_concurrency_configs", LATEST),
    ],
)
def test_an_operation_on_functions_takes_no_version_for_one(
    shared: Dock, shared_aws: Any, operation: str, qualifier: str
) -> None:
    fields: Json = {"FunctionName": f"{NAME}:{qualifier}", **WITHOUT_QUALIFIER[operation]}

    error = refused(getattr(shared_aws, operation), **fields)

    assert (error["status"], error["Code"]) == (400, INVALID)
    assert error["Message"].startswith(FUNCTIONS_ONLY)


def test_what_is_changed_may_be_called_the_latest_version(dock: Dock, aws: Any) -> None:
    aws.create_function(**zip_function())

    changed = aws.update_function_configuration(FunctionName=f"{NAME}:{LATEST}", Timeout=9)

    assert (changed["Timeout"], changed["FunctionArn"]) == (9, ARN)


def test_the_latest_version_is_not_deleted_without_the_function(dock: Dock, aws: Any) -> None:
    aws.create_function(**zip_function())

    for fields in (
        {"FunctionName": NAME, "Qualifier": LATEST},
        {"FunctionName": f"{NAME}:{LATEST}"},
        {"FunctionName": f"{ARN}:{LATEST}"},
    ):
        error = refused(aws.delete_function, **fields)

        assert (error["status"], error["Code"]) == (400, INVALID)
        assert (
            error["Message"] == "$LATEST version cannot be deleted without deleting the function."
        )
    assert aws.get_function(FunctionName=NAME)["Configuration"]["FunctionName"] == NAME


def test_deleting_a_version_that_is_not_there_deletes_nothing(dock: Dock, aws: Any) -> None:
    aws.create_function(**zip_function())

    answers = [
        aws.delete_function(FunctionName=NAME, Qualifier="7"),
        aws.delete_function(FunctionName=f"{NAME}:7"),
    ]

    assert [each["ResponseMetadata"]["HTTPStatusCode"] for each in answers] == [204, 204]
    assert aws.get_function(FunctionName=NAME)["Configuration"]["FunctionName"] == NAME
    missing = refused(aws.delete_function, FunctionName="no-such", Qualifier="7")
    assert (missing["status"], missing["Message"]) == (
        404,
        f"Function not found: {ARN.replace(NAME, 'no-such')}",
    )


def test_an_alias_is_not_deleted_as_a_function(dock: Dock, aws: Any) -> None:
    aws.create_function(**zip_function())

    error = refused(aws.delete_function, FunctionName=NAME, Qualifier="prod")

    assert (error["status"], error["Code"]) == (400, INVALID)
    assert error["Message"] == "Deletion of aliases is not currently supported."
    assert aws.get_function(FunctionName=NAME)["Configuration"]["FunctionName"] == NAME


def test_a_function_is_deleted_by_its_arn(dock: Dock, aws: Any) -> None:
    aws.create_function(**zip_function())

    aws.delete_function(FunctionName=ARN)

    assert refused(aws.get_function, FunctionName=NAME)["status"] == 404


def test_a_function_is_made_by_its_arn(dock: Dock, aws: Any) -> None:
    made = aws.create_function(**zip_function(ARN))

    assert (made["FunctionName"], made["FunctionArn"]) == (NAME, ARN)
