"""AWS's Invoke: what a caller sends becomes an event, and what became of it an answer.

https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping

from flask import Blueprint, Response, g, request

from emulator import ids, strict_json
from emulator.lambdas.invoker import MAX_EVENT, Call
from emulator.lambdas.outcome import Answer, Cause
from emulator.tasks.invocations import MAX_ACCEPTED_EVENT, Invocations, Invoked
from emulator.web import lambda_problems as problems
from emulator.web.lambda_names import LATEST, Names, parse
from emulator.web.lambda_problems import Refusal

FUNCTIONS = "/2015-03-31/functions"
_TYPES = ("RequestResponse", "Event", "DryRun")
_VERSION = {"X-Amz-Executed-Version": LATEST}
_MAX_CONTEXT = 3583  # bytes of base64
_EXPECTED = (
    "expected a valid value (JSON String, Number, Array, Object or token 'null', 'true' or 'false')"
)
_SOURCE = "Source: REDACTED (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled)"


def serve(api: Blueprint, names: Names, invocations: Invocations) -> None:
    @api.post(f"{FUNCTIONS}/<reference>/invocations")
    def invoke(reference: str) -> Response:
        named = parse(reference, request.args.get("Qualifier"))
        function = names.find(named, unqualified=f":{LATEST}")
        kind = request.headers.get("X-Amz-Invocation-Type") or _TYPES[0]
        call = Call(
            request_id=request_id(),
            client_context=_client_context(request.headers.get("X-Amz-Client-Context")),
            arn=names.arn(named),
            trace_id=trace_id(),
        )
        match kind:
            case "RequestResponse":
                event = _event(request.get_data(), MAX_EVENT)
                return _answer(invocations.run(function, event, call))
            case "Event":
                event = _event(request.get_data(), MAX_ACCEPTED_EVENT)
                invocations.accept(function, event, call)
                return _nothing(202)
            case "DryRun":
                return _nothing(204, _VERSION)
        raise Refusal(
            "ValidationException",
            f"1 validation error detected: Value '{kind[:80]}' at 'invocationType' failed to"
            " satisfy constraint: Member must satisfy enum value set:"
            f" [{', '.join(_TYPES)}]",
        )


def _answer(invoked: Invoked) -> Response:
    """200 also for an error of the function's. Raises `Refusal` for what is not its fault."""
    outcome = invoked.outcome
    headers = dict(_VERSION)
    if not isinstance(outcome, Answer):
        if outcome.cause is Cause.STOPPED:
            raise Refusal("ServiceUnavailableException", outcome.message)
        if outcome.cause is Cause.START:
            raise Refusal("ServiceException", f"{outcome.name}: {outcome.message}")
        headers["X-Amz-Function-Error"] = "Unhandled"
    if request.headers.get("X-Amz-Log-Type") == "Tail":
        headers["X-Amz-Log-Result"] = base64.b64encode(invoked.log_tail).decode()
    return Response(outcome.body, 200, headers, content_type="application/json")


def _nothing(status: int, headers: Mapping[str, str] | None = None) -> Response:
    return Response(status=status, headers=headers, content_type="application/json")


def _event(body: bytes, limit: int) -> bytes:
    """The body as it came, or an empty object for none. Raises `RequestTooLarge` or `Refusal`."""
    if len(body) > limit:
        raise problems.too_large(limit, "InvokeFunction")
    if not body:
        return b"{}"
    try:
        strict_json.check(body)
    except ValueError as error:
        raise Refusal(
            "InvalidRequestContentException",
            "Could not parse request body into json: Could not parse payload into json: "
            + _where(error),
        ) from None
    return body


def _where(error: ValueError) -> str:
    """What is wrong and where, in the words of the parser that AWS uses."""
    if not isinstance(error, json.JSONDecodeError):
        return str(error)
    said = "Unexpected end-of-input"
    if error.pos < len(error.doc):
        char = error.doc[error.pos]
        known = char.isascii() and char.isprintable()
        shown = f"'{char}' (code {ord(char)})" if known else f"(CTRL-CHAR, code {ord(char)})"
        said = f"Unexpected character ({shown}): {_EXPECTED}"
    return f"{said}\n at [{_SOURCE}; line: {error.lineno}, column: {error.colno}]"


def _client_context(encoded: str | None) -> str | None:
    """The JSON text, fit for a header. Raises `Refusal`."""
    if not encoded:
        return None
    if len(encoded) > _MAX_CONTEXT:
        raise Refusal(
            "InvalidRequestContentException",
            f"Client context must be no more than {_MAX_CONTEXT} bytes when base64-encoded.",
        )
    try:
        text = base64.b64decode(encoded, validate=True).decode()
        value = strict_json.loads(text)
    except (binascii.Error, ValueError):
        raise Refusal(
            "InvalidRequestContentException",
            "Client context must be a valid Base64-encoded JSON object.",
        ) from None
    return text if text.isascii() and text.isprintable() else json.dumps(value)


def request_id() -> str:
    """The id of the current request, which its invocation has, too."""
    if "request_id" not in g:
        g.request_id = ids.request_id()
    found: str = g.request_id
    return found


def trace_id() -> str:
    """The caller's, or a new one, which the runtime is told."""
    if "trace_id" not in g:
        given = request.headers.get("X-Amzn-Trace-Id", "")
        g.trace_id = given if given.isascii() and given else ids.trace_id()
    found: str = g.trace_id
    return found
