"""AWS's Runtime API, as an ASGI application: next, response, error, init/error.

Whose container is asking is said by the host name that it was given
(`<environment>.lambda`): the runtime clients accept nothing but host and port.
https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from emulator.lambdas.mailbox import Delivery, Mailbox, Verdict
from emulator.lambdas.outcome import MAX_RESPONSE

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

_ROOT = "/2018-06-01/runtime/"
_ACCEPTED = (202, {"status": "OK"})
_ANSWERS: dict[Verdict, tuple[int, dict[str, str]]] = {
    Verdict.ACCEPTED: _ACCEPTED,
    Verdict.UNKNOWN_ID: (
        400,
        {"errorMessage": "Invalid request ID", "errorType": "InvalidRequestID"},
    ),
    Verdict.WRONG_STATE: (
        403,
        {
            "errorMessage": "State transition is not allowed",
            "errorType": "InvalidStateTransition",
        },
    ),
    Verdict.TOO_LARGE: (
        413,
        {
            "errorMessage": f"Exceeded maximum allowed payload size ({MAX_RESPONSE} bytes).",
            "errorType": "RequestEntityTooLarge",
        },
    ),
}
_UNKNOWN = (404, {"errorMessage": "Not found", "errorType": "NotFound"})


class RuntimeApi:
    def __init__(self, mailbox_of: Callable[[str], Mailbox | None]) -> None:
        """`mailbox_of` finds an environment's mailbox by its id."""
        self._mailbox_of = mailbox_of

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        headers = dict(scope["headers"])
        host = headers.get(b"host", b"").decode("latin-1")
        mailbox = self._mailbox_of(host.partition(".")[0])
        path: str = scope["path"]
        if mailbox is None or not path.startswith(_ROOT):
            await _answer(send, *_UNKNOWN)
            return
        match scope["method"], path[len(_ROOT) :].split("/"):
            case "GET", ["invocation", "next"]:
                await _next(mailbox, receive, send)
            case "POST", ["invocation", request_id, "response"]:
                body = await _body(receive)
                await _answer(send, *_ANSWERS[mailbox.answer(request_id, body)])
            case "POST", ["invocation", request_id, "error"]:
                body = await _body(receive)
                verdict = mailbox.fail(request_id, _error_type(headers), body)
                await _answer(send, *_ANSWERS[verdict])
            case "POST", ["init", "error"]:
                body = await _body(receive)
                await _answer(send, *_ANSWERS[mailbox.fail_init(_error_type(headers), body)])
            case _:
                await _answer(send, *_UNKNOWN)


async def _next(mailbox: Mailbox, receive: Receive, send: Send) -> None:
    """Holds the request until there is an event, or the runtime hangs up."""
    loop = asyncio.get_running_loop()
    came: asyncio.Future[Delivery | None] = loop.create_future()

    def arrive(delivery: Delivery | None) -> None:
        if not came.done():
            came.set_result(delivery)

    def deliver(delivery: Delivery | None) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended; so will the container
            loop.call_soon_threadsafe(arrive, delivery)

    cancel = mailbox.next(deliver)
    hung_up = asyncio.ensure_future(_hang_up(receive))
    try:
        await asyncio.wait((came, hung_up), return_when=asyncio.FIRST_COMPLETED)
        delivery = came.result() if came.done() else None
        if delivery is not None:
            await _send(send, 200, delivery.event, _delivery_headers(delivery))
        elif not hung_up.done():
            await _answer(send, 500, {"errorMessage": "Shutdown", "errorType": "Container"})
    finally:
        cancel()
        hung_up.cancel()


async def _hang_up(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _delivery_headers(delivery: Delivery) -> Iterable[tuple[str, str]]:
    context = delivery.client_context
    return (
        ("Content-Type", "application/json"),
        ("Lambda-Runtime-Aws-Request-Id", delivery.request_id),
        ("Lambda-Runtime-Deadline-Ms", str(delivery.deadline_ms)),
        ("Lambda-Runtime-Invoked-Function-Arn", delivery.function_arn),
        ("Lambda-Runtime-Trace-Id", delivery.trace_id),
        *(() if context is None else (("Lambda-Runtime-Client-Context", context),)),
    )


async def _body(receive: Receive) -> bytes:
    """The request's body. Past the limit it is read but not kept: the answer says so."""
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ConnectionError("the runtime hung up in the middle of its answer")
        part: bytes = message.get("body", b"")
        size += len(part)
        if size <= MAX_RESPONSE + 1:
            parts.append(part)
        if not message.get("more_body", False):
            body = b"".join(parts)
            return body if size <= MAX_RESPONSE else body.ljust(MAX_RESPONSE + 1)


def _error_type(headers: dict[bytes, bytes]) -> str | None:
    value = headers.get(b"lambda-runtime-function-error-type")
    return None if value is None else value.decode("latin-1")


async def _answer(send: Send, status: int, value: dict[str, str]) -> None:
    body = json.dumps(value, separators=(",", ":")).encode()
    await _send(send, status, body, [("Content-Type", "application/json")])


async def _send(send: Send, status: int, body: bytes, headers: Iterable[tuple[str, str]]) -> None:
    raw = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers]
    raw.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": body})
