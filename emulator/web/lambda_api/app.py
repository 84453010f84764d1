"""/2015-03-31: AWS's Lambda API, on the same functions as the Task Service's.

https://docs.aws.amazon.com/lambda/latest/api/API_Operations.html - what is not served is refused in
AWS's way, too, so that SDKs understand it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from flask import Blueprint, Response, request
from flask.blueprints import BlueprintSetupState
from werkzeug.exceptions import HTTPException
from werkzeug.routing import BaseConverter

from taskdock.base import ids
from taskdock.base.errors import CallerError, TaskdockError
from taskdock.base.notices import Notices
from taskdock.lambdas.functions.catalog import Catalog
from taskdock.lambdas.functions.zips.hot_folders import HotFolders
from taskdock.web.common.endpoint import add, declared, serve
from taskdock.web.common.notices import RequestBroke
from taskdock.web.lambda_api import problems
from taskdock.web.lambda_api.function_names import Names
from taskdock.web.lambda_api.functions import FunctionOperations, Functions
from taskdock.web.lambda_api.invoke import trace_id_of
from taskdock.web.lambda_api.model import description as model
from taskdock.web.lambda_api.model.request import for_machine
from taskdock.web.lambda_api.policy import PolicyOperations
from taskdock.web.lambda_api.problems import Refusal
from taskdock.web.lambda_api.reads import AccountOperations, SettingOperations, VersionOperations
from taskdock.web.lambda_api.tags import TagOperations

_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


class _Date(BaseConverter):
    """A version of the API, with which each of its paths begins."""

    regex = r"\d{4}-\d\d-\d\d"


@dataclass(frozen=True)
class LambdaApi:
    """The parts that the operations call. Invoke is `invoke.InvokeApi`'s, past Flask."""

    catalog: Catalog
    names: Names
    architecture: str
    """The architecture of all functions, as AWS writes it: `x86_64` or `arm64`."""
    concurrency: int
    """The maximum number of invocations at once."""
    hot: HotFolders = field(default_factory=HotFolders)
    """The folders of this machine that code may be taken from."""

    def blueprint(self, notices: Notices) -> Blueprint:
        api = Blueprint("lambda_api", __name__)
        functions = Functions(self.catalog, self.names, self.architecture)
        serve(api, FunctionOperations(functions, self.hot))
        serve(api, PolicyOperations(functions))
        serve(api, TagOperations(functions))
        serve(api, VersionOperations(functions))
        serve(api, SettingOperations(self.names))
        serve(api, AccountOperations(self.catalog, self.concurrency))
        _refuse_others(api)
        _answer_as_aws(api, notices)
        return api


def _refuse_others(api: Blueprint) -> None:
    """Refuses the parts of AWS's API that are not here: a date and what follows."""
    others = for_machine(_METHODS, "/<date:version>/<path:rest>")

    @api.record
    def know_converter(state: BlueprintSetupState) -> None:
        state.app.url_map.converters["date"] = _Date

    def refuse(version: str, rest: str) -> Response:
        operation = model.at(request.method, request.path)
        raise problems.not_here(operation.name if operation else None, request.method, request.path)

    @api.before_request
    def refuse_ahead() -> None:
        """Before the body has come: see `early`."""
        if request.url_rule is not None and declared(request.url_rule) is others:
            refuse(**(request.view_args or {}))

    add(api, others, refuse)


def _answer_as_aws(api: Blueprint, notices: Notices) -> None:
    @api.after_request
    def identify(response: Response) -> Response:
        response.headers["x-amzn-RequestId"] = ids.request_id()
        response.headers["X-Amzn-Trace-Id"] = trace_id_of(request.headers.get("X-Amzn-Trace-Id"))
        return response

    @api.errorhandler(TaskdockError)
    def explain(error: TaskdockError) -> Response:
        if not isinstance(error, CallerError):
            notices.publish(RequestBroke(path=request.path, error=error.message))
        return problems.answer(error)

    @api.errorhandler(Exception)
    def break_down(error: Exception) -> Response:
        if isinstance(error, HTTPException):  # the connection's, such as a body that is cut off
            return problems.answer(Refusal("SerializationException", str(error.description)))
        notices.publish(RequestBroke(path=request.path, error=repr(error)))
        return problems.break_down()
