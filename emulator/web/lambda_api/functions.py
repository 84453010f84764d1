"""AWS's Lambda API: functions are made, changed, shown and deleted. Views translate."""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import quote

from flask import Response, request, send_file

from taskdock.base.errors import AlreadyExists
from taskdock.base.strict_json import Json
from taskdock.lambdas.functions.catalog import Catalog
from taskdock.lambdas.functions.function import Function
from taskdock.lambdas.functions.reference import LATEST
from taskdock.lambdas.functions.zips.hot_folders import HotFolders
from taskdock.lambdas.functions.zips.packing import pack
from taskdock.web.access.authentication import caller
from taskdock.web.common import registries
from taskdock.web.lambda_api import changes as wire
from taskdock.web.lambda_api import configuration as answers
from taskdock.web.lambda_api.function_names import Names, Reference, named, parse, whole
from taskdock.web.lambda_api.invoke import FUNCTIONS
from taskdock.web.lambda_api.model.request import for_machine, operation
from taskdock.web.lambda_api.problems import Refusal

MAX_LISTED = 50
_VERSION = re.compile("[0-9]+")


class Functions:
    """Functions by their AWS names, and as AWS shows them."""

    def __init__(self, catalog: Catalog, names: Names, architecture: str) -> None:
        """`architecture`: of all functions."""
        self.catalog = catalog
        self.names = names
        self._architecture = architecture

    def show(self, function: Function, qualifier: str | None = None) -> Json:
        """AWS's FunctionConfiguration. `qualifier`: one that is in its ARN."""
        arn = self.names.arn(Reference(function.name, qualifier))
        size = self.catalog.code_size(function)
        return answers.configuration(function, arn, self._architecture, size)


class FunctionOperations:
    def __init__(self, functions: Functions, hot: HotFolders) -> None:
        """`hot`: the folders that code may be taken from."""
        self._functions = functions
        self._hot = hot
        self._catalog = functions.catalog
        self._names = functions.names

    @operation("ListFunctions")
    def find(self, asked: Json) -> Json:
        """Every version of each is $LATEST, whose ARN says so when all versions are asked for."""
        start = asked.get("Marker", "")
        size = min(asked.get("MaxItems", MAX_LISTED), MAX_LISTED)
        qualifier = LATEST if "FunctionVersion" in asked else None
        left = [function for function in self._catalog.all() if function.name > start]
        page = left[:size]
        shown = [answers.listed(self._functions.show(each, qualifier)) for each in page]
        more = {"NextMarker": page[-1].name} if len(left) > len(page) else {}
        return {"Functions": shown, **more}

    @operation("CreateFunction")
    def create(self, asked: Json) -> tuple[Json, int]:
        name = wire.new_name(asked["FunctionName"])
        try:
            properties = registries.checked(
                wire.new_function(asked, self._hot), request.remote_addr
            )
            function = self._catalog.deploy(name, by=caller().authors, **properties)
        except AlreadyExists:
            raise AlreadyExists(f"Function already exist: {name}") from None
        return self._functions.show(function), 201

    @operation("GetFunction")
    def get(self, asked: Json) -> Json:
        reference = named(asked)
        function = self._names.find(reference)
        location = f"{request.host_url.rstrip('/')}{FUNCTIONS}/{quote(function.name)}/code"
        tags = function.annotations.tags
        return {
            "Configuration": self._functions.show(function, reference.qualifier),
            "Code": answers.code(function, location),
            **({"Tags": tags} if tags else {}),
        }

    @operation("GetFunctionConfiguration")
    def get_configuration(self, asked: Json) -> Json:
        reference = named(asked)
        return self._functions.show(self._names.find(reference), reference.qualifier)

    @operation("UpdateFunctionCode")
    def update_code(self, asked: Json) -> Json:
        function = self._names.find(whole(asked, latest=True))
        is_image = function.image is not None
        changes = wire.code(asked, image=is_image, doing="updating a function", hot=self._hot)
        code = registries.checked(changes, request.remote_addr)
        check_revision(function, asked.get("RevisionId"))
        if asked.get("DryRun"):
            return self._functions.show(function)
        by = caller().authors
        return self._functions.show(
            self._catalog.update(
                function.name,
                annotated={"source": wire.source(asked, self._hot)},
                by=by,
                judge=revision(asked),
                **code,
            )
        )

    @operation("UpdateFunctionConfiguration")
    def update_configuration(self, asked: Json) -> Json:
        function = self._names.find(whole(asked, latest=True))
        check_revision(function, asked.get("RevisionId"))
        changes = wire.properties(asked, function.environment)
        annotated = wire.annotated(asked)
        by, judge = caller().authors, revision(asked)
        changed = self._catalog.update(
            function.name, annotated=annotated, by=by, judge=judge, **changes
        )
        return self._functions.show(changed)

    @operation("DeleteFunction")
    def delete(self, asked: Json) -> Response:
        reference = named(asked)
        _check_deletable(reference)
        function = self._names.find(Reference(reference.name))
        if reference.qualifier is None:  # else a version that is not there: AWS says 204, too
            self._catalog.delete(function.name)
        return Response(status=204, content_type="application/json")

    @for_machine("GET", f"{FUNCTIONS}/<reference>/code")
    def download(self, reference: str) -> Response:
        """taskdock's own: what `Code.Location` leads to, as AWS's leads to S3."""
        function = self._names.find(parse(reference))
        folder = self._catalog.code_folder(function)
        if folder is None:
            raise Refusal("ResourceNotFoundException", f"{function.name} has an image, and no zip")
        return send_file(pack(folder), "application/zip", download_name=f"{function.name}.zip")


def _check_deletable(reference: Reference) -> None:
    """Raises `Refusal` for what cannot be deleted by itself."""
    qualifier = reference.qualifier
    if qualifier is not None and qualifier.startswith("$"):
        raise wire.invalid("$LATEST version cannot be deleted without deleting the function.")
    if qualifier is not None and not _VERSION.fullmatch(qualifier):
        raise wire.invalid("Deletion of aliases is not currently supported.")


def revision(asked: Json) -> Callable[[Function], None]:
    """Checks it once more when nobody else can change the function."""
    return lambda function: check_revision(function, asked.get("RevisionId"))


def check_revision(
    function: Function, revision_id: str | None, shown_by: str = "GetFunction/GetAlias"
) -> None:
    """Raises `Refusal` unless the revision is the latest one, or None.

    `shown_by`: AWS's operations that show the latest one.
    """
    if revision_id is not None and revision_id != answers.revision(function):
        raise Refusal(
            "PreconditionFailedException",
            "The Revision Id provided does not match the latest Revision Id. Call the"
            f" {shown_by} API to retrieve the latest Revision Id",
        )
