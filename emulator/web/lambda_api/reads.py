"""AWS's Lambda API: what tools ask of every function, answered for what there is here.

There are no versions but $LATEST, no aliases, no reserved or provisioned concurrency, no URLs,
layers, event sources or code signing, and each of these can be asked for.
"""

from __future__ import annotations

from flask import request

from taskdock.base.errors import NotFound
from taskdock.base.strict_json import Json
from taskdock.lambdas.functions.catalog import Catalog
from taskdock.lambdas.functions.code import MAX_ZIPPED_BY_AWS
from taskdock.lambdas.functions.reference import LATEST
from taskdock.lambdas.functions.zips.zip_limits import MAX_UNZIPPED
from taskdock.web.lambda_api import configuration as answers
from taskdock.web.lambda_api.function_names import Names, Reference, named, whole
from taskdock.web.lambda_api.functions import Functions
from taskdock.web.lambda_api.model.request import asked, declaration, operation
from taskdock.web.lambda_api.problems import Refusal, not_here

_MAX_CODE = 80_530_636_800  # bytes, AWS's for one account; nothing here keeps to it


class VersionOperations:
    def __init__(self, functions: Functions) -> None:
        self._functions = functions
        self._names = functions.names

    @operation("ListVersionsByFunction")
    def versions(self, asked: Json) -> Json:
        function = self._names.find(named(asked))
        first = not asked.get("Marker")
        shown = answers.listed(self._functions.show(function, LATEST))
        return {"Versions": [shown] if first else []}

    @operation("ListAliases")
    def aliases(self, asked: Json) -> Json:
        self._names.find(whole(asked))
        return {"Aliases": []}

    @operation("GetRuntimeManagementConfig")
    def runtime_management(self, asked: Json) -> Json:
        """AWS brings a function's runtime up to date by itself; here, whoever pulls its image."""
        function = self._names.find(named(asked))
        arn = self._names.arn(Reference(function.name, LATEST))
        return {"UpdateRuntimeOn": "Auto", "FunctionArn": arn}


class SettingOperations:
    def __init__(self, names: Names) -> None:
        self._names = names

    @operation("GetFunctionConcurrency")
    def concurrency(self, asked: Json) -> Json:
        self._names.find(whole(asked))
        return {}

    @declaration("GetProvisionedConcurrencyConfig")
    def provisioned(self, FunctionName: str) -> Json:
        """Two operations are at this path; the query string says which is meant."""
        if request.args.get("List") == "ALL":
            self._names.find(
                whole(asked("ListProvisionedConcurrencyConfigs", FunctionName=FunctionName))
            )
            return {"ProvisionedConcurrencyConfigs": []}
        one = asked("GetProvisionedConcurrencyConfig", FunctionName=FunctionName)
        self._names.find(Reference(named(one).name))
        raise Refusal(
            "ProvisionedConcurrencyConfigNotFoundException",
            "No Provisioned Concurrency Config found for this function",
        )

    @operation("GetFunctionEventInvokeConfig")
    def event_invoke_config(self, asked: Json) -> Json:
        reference = named(asked)
        arn = self._names.arn(Reference(reference.name, reference.qualifier or LATEST))
        raise NotFound(f"The function {arn} doesn't have an EventInvokeConfig")

    @operation("ListFunctionEventInvokeConfigs")
    def event_invoke_configs(self, asked: Json) -> Json:
        _find(self._names, asked, "The function doesn't exist.")
        return {"FunctionEventInvokeConfigs": []}

    @operation("GetFunctionUrlConfig")
    def url(self, asked: Json) -> Json:
        _find(self._names, asked, "Function does not exist")
        raise NotFound("The resource you requested does not exist.")

    @operation("ListFunctionUrlConfigs")
    def urls(self, asked: Json) -> Json:
        _find(self._names, asked, "Function does not exist")
        return {"FunctionUrlConfigs": []}

    @operation("GetFunctionCodeSigningConfig")
    def code_signing(self, asked: Json) -> Json:
        self._names.find(named(asked))
        return {}

    @operation("GetFunctionRecursionConfig")
    def recursion(self, asked: Json) -> Json:
        """AWS ends a function's loops unless it is told not to. Here they go on."""
        self._names.find(whole(asked))
        return {"RecursiveLoop": "Allow"}


class AccountOperations:
    def __init__(self, catalog: Catalog, concurrency: int) -> None:
        """`concurrency`: how many invocations there can be at once."""
        self._catalog = catalog
        self._concurrency = concurrency

    @operation("GetAccountSettings")
    def settings(self, asked: Json) -> Json:
        there = self._catalog.all()
        return {
            "AccountLimit": {
                "TotalCodeSize": _MAX_CODE,
                "CodeSizeUnzipped": MAX_UNZIPPED,
                "CodeSizeZipped": MAX_ZIPPED_BY_AWS,
                "ConcurrentExecutions": self._concurrency,
                "UnreservedConcurrentExecutions": self._concurrency,
            },
            "AccountUsage": {
                "TotalCodeSize": sum(map(self._catalog.code_size, there)),
                "FunctionCount": len(there),
            },
        }

    @operation("ListEventSourceMappings")
    def event_sources(self, asked: Json) -> Json:
        return {"EventSourceMappings": []}

    @operation("ListCodeSigningConfigs")
    def code_signing_configs(self, asked: Json) -> Json:
        return {"CodeSigningConfigs": []}

    @declaration("ListLayers")
    def layers(self) -> Json:
        """Another operation is at this path, which finds one layer by its ARN."""
        if "find" in request.args:
            raise not_here("GetLayerVersionByArn", "GET", request.path)
        asked("ListLayers")
        return {"Layers": []}


def _find(names: Names, asked: Json, words: str) -> None:
    """Raises `NotFound` in the operation's own words."""
    try:
        names.find(named(asked))
    except NotFound:
        raise NotFound(words) from None
