"""AWS's Lambda API: tags of functions, kept and shown.

https://docs.aws.amazon.com/lambda/latest/dg/configuration-tags.html
"""

from __future__ import annotations

from dataclasses import replace

from flask import Response

from taskdock.base.strict_json import Json
from taskdock.lambdas.functions.function import Annotations, Function
from taskdock.web.lambda_api.changes import checked_tags
from taskdock.web.lambda_api.function_names import Reference, parse
from taskdock.web.lambda_api.functions import Functions
from taskdock.web.lambda_api.model.request import operation
from taskdock.web.lambda_api.problems import Refusal


class TagOperations:
    def __init__(self, functions: Functions) -> None:
        self._catalog = functions.catalog
        self._names = functions.names

    @operation("ListTags")
    def find(self, asked: Json) -> Json:
        return {"Tags": self._find(asked).annotations.tags}

    @operation("TagResource")
    def add(self, asked: Json) -> Response:
        def tagged(before: Function) -> Annotations:
            tags = {**before.annotations.tags, **asked["Tags"]}
            return replace(before.annotations, tags=checked_tags(tags))

        self._catalog.annotate(self._find(asked).name, tagged)
        return Response(status=204, content_type="application/json")

    @operation("UntagResource")
    def remove(self, asked: Json) -> Response:
        def untagged(before: Function) -> Annotations:
            tags = before.annotations.tags
            kept = {key: tags[key] for key in tags if key not in asked["TagKeys"]}
            return replace(before.annotations, tags=kept)

        self._catalog.annotate(self._find(asked).name, untagged)
        return Response(status=204, content_type="application/json")

    def _find(self, asked: Json) -> Function:
        return self._names.find(_tagged(asked["Resource"]))


def _tagged(arn: str) -> Reference:
    """Raises `Refusal` for what has no tags: here, all but functions."""
    kind, _, _ = arn.split(":", 5)[5].partition(":")
    if kind != "function":
        raise Refusal("ResourceNotFoundException", f"{kind} not found: {arn}")
    reference = parse(arn)
    if reference.qualifier is not None:
        raise Refusal(
            "InvalidParameterValueException",
            "Tags on function aliases and versions are not supported. Please specify a function"
            " ARN.",
        )
    return reference
