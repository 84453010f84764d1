"""AWS's Lambda API: what tools ask of every function, answered for what there is here.

There are no versions but $LATEST, no aliases, no reserved or provisioned concurrency, no URLs,
layers, event sources or code signing, and each of these can be asked for.
"""

from __future__ import annotations

from typing import Any

from flask import Blueprint, request

from emulator.base.errors import NotFound
from emulator.lambdas.functions.code import MAX_ZIPPED_BY_AWS
from emulator.lambdas.functions.reference import LATEST
from emulator.lambdas.functions.unzip import MAX_UNZIPPED
from emulator.web.lambda_api import configuration as answers
from emulator.web.lambda_api.function_names import Names, Reference, named, whole
from emulator.web.lambda_api.functions import Functions
from emulator.web.lambda_api.model.request import asked, route, serve
from emulator.web.lambda_api.problems import Refusal, not_here

Json = dict[str, Any]

_MAX_CODE = 80_530_636_800  # bytes, AWS's for one account; nothing here keeps to it


def serve_reads(api: Blueprint, functions: Functions, concurrency: int) -> None:
    """`concurrency`: how many invocations there can be at once."""
    _serve_versions(api, functions)
    _serve_settings(api, functions.names)
    _serve_account(api, functions, concurrency)


def _serve_versions(api: Blueprint, functions: Functions) -> None:
    names = functions.names

    @serve(api, "ListVersionsByFunction")
    def versions(asked: Json) -> Json:
        function = names.find(named(asked))
        first = not asked.get("Marker")
        shown = answers.listed(functions.show(function, LATEST))
        return {"Versions": [shown] if first else []}

    @serve(api, "ListAliases")
    def aliases(asked: Json) -> Json:
        names.find(whole(asked))
        return {"Aliases": []}

    @serve(api, "GetRuntimeManagementConfig")
    def runtime_management(asked: Json) -> Json:
        """AWS brings a function's runtime up to date by itself; here, whoever pulls its image."""
        function = names.find(named(asked))
        arn = names.arn(Reference(function.name, LATEST))
        return {"UpdateRuntimeOn": "Auto", "FunctionArn": arn}


def _serve_settings(api: Blueprint, names: Names) -> None:
    @serve(api, "GetFunctionConcurrency")
    def concurrency(asked: Json) -> Json:
        names.find(whole(asked))
        return {}

    @api.get(route("GetProvisionedConcurrencyConfig"))
    def provisioned(FunctionName: str) -> Json:
        """Two operations are at this path; the query string says which is meant."""
        if request.args.get("List") == "ALL":
            names.find(whole(asked("ListProvisionedConcurrencyConfigs", FunctionName=FunctionName)))
            return {"ProvisionedConcurrencyConfigs": []}
        wanted = asked("GetProvisionedConcurrencyConfig", FunctionName=FunctionName)
        names.find(Reference(named(wanted).name))
        raise Refusal(
            "ProvisionedConcurrencyConfigNotFoundException",
            "No Provisioned Concurrency Config found for this function",
        )

    @serve(api, "GetFunctionEventInvokeConfig")
    def event_invoke_config(asked: Json) -> Json:
        reference = named(asked)
        arn = names.arn(Reference(reference.name, reference.qualifier or LATEST))
        raise NotFound(f"The function {arn} doesn't have an EventInvokeConfig")

    @serve(api, "ListFunctionEventInvokeConfigs")
    def event_invoke_configs(asked: Json) -> Json:
        _find(names, asked, "The function doesn't exist.")
        return {"FunctionEventInvokeConfigs": []}

    @serve(api, "GetFunctionUrlConfig")
    def url(asked: Json) -> Json:
        _find(names, asked, "Function does not exist")
        raise NotFound("The resource you requested does not exist.")

    @serve(api, "ListFunctionUrlConfigs")
    def urls(asked: Json) -> Json:
        _find(names, asked, "Function does not exist")
        return {"FunctionUrlConfigs": []}

    @serve(api, "GetFunctionCodeSigningConfig")
    def code_signing(asked: Json) -> Json:
        names.find(named(asked))
        return {}

    @serve(api, "GetFunctionRecursionConfig")
    def recursion(asked: Json) -> Json:
        """AWS ends a function's loops unless it is told not to. Here they go on."""
        names.find(whole(asked))
        return {"RecursiveLoop": "Allow"}


def _serve_account(api: Blueprint, functions: Functions, concurrency: int) -> None:
    catalog = functions.catalog

    @serve(api, "GetAccountSettings")
    def settings(asked: Json) -> Json:
        there = catalog.all()
        return {
            "AccountLimit": {
                "TotalCodeSize": _MAX_CODE,
                "CodeSizeUnzipped": MAX_UNZIPPED,
                "CodeSizeZipped": MAX_ZIPPED_BY_AWS,
                "ConcurrentExecutions": concurrency,
                "UnreservedConcurrentExecutions": concurrency,
            },
            "AccountUsage": {
                "TotalCodeSize": sum(map(catalog.code_size, there)),
                "FunctionCount": len(there),
            },
        }

    @serve(api, "ListEventSourceMappings")
    def event_sources(asked: Json) -> Json:
        return {"EventSourceMappings": []}

    @serve(api, "ListCodeSigningConfigs")
    def code_signing_configs(asked: Json) -> Json:
        return {"CodeSigningConfigs": []}

    @api.get(route("ListLayers"))
    def layers() -> Json:
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
