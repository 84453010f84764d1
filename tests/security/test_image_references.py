"""What is no reference of an image does not reach an engine, whichever API it comes by."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from taskdock.base.errors import ImageNotAvailable
from taskdock.engines import references
from taskdock.engines.docker.images.images import Images
from taskdock.engines.images import ImageRequest
from taskdock.testing.dock import new_function
from tests.service.conftest import (  # noqa: F401
    shared,
    shared_aws,
    stop_later,
)
from tests.support.builders import Dock

ROLE = "arn:aws:iam::123456789012:role/any"
BAD = {
    "another question": "../containers/x",
    "deeper": "a/../../containers/json",
    "absolute": "/containers/json",
    "doubled slash": "a//b",
    "a query": "name?force=1",
    "a fragment": "name#x",
    "an escape": "..%2fcontainers",
    "a space": "a name",
    "a space before": " name",
    "a line end": "name\r\nX-Header: y",
    "a null": "name\0",
    "capitals": "Name",
    "capitals in a path": "host.example/Name",
    "not ASCII": "n\u00e4me",
    "other digits": "name:\u0661",
    "three underscores": "a___b",
    "two dots": "a..b",
    "a dot at the end": "name.",
    "an empty tag": "name:",
    "a long tag": "name:" + "x" * 129,
    "a tag of a hyphen": "name:-1",
    "two tags": "name:a:b",
    "a port without a name": "host:5000/",
    "a port of letters": "host:port/name",
    "a short digest": "name@sha256:abc",
    "a digest of capitals": "name@sha256:" + "A" * 64,
    "a digest of another kind": "name@md5:" + "a" * 32,
    "two digests": "name@sha256:" + "a" * 64 + "@sha256:" + "a" * 64,
    "a long name": "x" * 256,
    "endless": "a/" * 100_000 + "a",
    "an option": "--privileged",
}
GOOD = [
    "a",
    "name:tag",
    "name:_1.2-x",
    "library/name",
    "a__b/c--d.e_f",
    "localhost/name",
    "localhost:5000/name:1",
    "HOST/name",
    "host.example:443/a/b/c:latest",
    "[2001:db8::1]:5000/name",
    "public.ecr.aws/lambda/python:3.12",
    "123456789012.dkr.ecr.us-east-1.amazonaws.com/my-function:latest",
    "name@sha256:" + "a" * 64,
    "host:1/name:tag@sha512:" + "0" * 128,
    "sha256:" + "0" * 64,
    "0" * 64,
    "x" * 255,
    "name:" + "x" * 128,
]


@pytest.mark.parametrize("reference", GOOD)
def test_a_reference_by_dockers_grammar_is_one(reference: str) -> None:
    assert references.fault(reference) is None


@pytest.mark.parametrize("reference", BAD.values(), ids=BAD)
def test_what_is_no_reference_is_refused_by_the_task_service(
    shared: Dock,  # noqa: F811
    reference: str,
) -> None:
    fields = {"code": None, "entryPoint": None, "runtime": None, "image": reference}

    answer = shared.post("/functions/", new_function("foreign", **fields))

    assert answer.status_code == 400, answer.text
    assert "no reference of a container image" in answer.text
    assert "[HOST[:PORT]/]NAME[:TAG][@DIGEST]" in answer.text
    assert len(answer.text) < 600


@pytest.mark.parametrize("reference", BAD.values(), ids=BAD)
def test_what_is_no_reference_is_refused_by_the_lambda_api(
    shared_aws: Any,  # noqa: F811
    reference: str,
) -> None:
    with pytest.raises(ClientError) as refusal:
        shared_aws.create_function(
            FunctionName="foreign",
            Role=ROLE,
            PackageType="Image",
            Code={"ImageUri": reference},
        )

    assert refusal.value.response["Error"]["Code"] == "InvalidParameterValueException"
    assert "no reference of a container image" in refusal.value.response["Error"]["Message"]


def test_a_function_keeps_its_image_when_it_is_given_none_that_is_one(shared_aws: Any) -> None:  # noqa: F811
    shared_aws.create_function(
        FunctionName="kept", Role=ROLE, PackageType="Image", Code={"ImageUri": "name:1"}
    )

    with pytest.raises(ClientError) as refusal:
        shared_aws.update_function_code(FunctionName="kept", ImageUri="../containers/x")

    assert refusal.value.response["Error"]["Code"] == "InvalidParameterValueException"
    assert shared_aws.get_function(FunctionName="kept")["Code"]["ImageUri"] == "name:1"


def test_an_engine_is_not_asked_for_what_an_older_database_has(tmp_path: Path) -> None:
    class Untouched:
        def __getattr__(self, name: str) -> Any:
            raise AssertionError(f"the engine was asked: {name}")

    untouched: Any = Untouched()
    images = Images(
        untouched,
        lambda _: None,
        cache=tmp_path,
        standins=untouched,
        puller=untouched,
        processors=untouched,
    )

    with pytest.raises(ImageNotAvailable, match="no reference of a container image"):
        images.find(ImageRequest("../containers/x"))
