"""Hints for answers that cannot be sent."""

from __future__ import annotations

import re

from taskdock.client.failures.failed_run import FailedRun

_TYPE = re.compile(r"Object of type (\S+) is not JSON serializable")
_NOT_STRINGIFIED = "Unable to stringify response body"
_WRITE = {
    "datetime": "write .isoformat()",
    "date": "write .isoformat()",
    "Decimal": "write str() or float()",
    "set": "write list()",
    "bytes": "write .decode(), or base64",
    "UUID": "write str()",
    "coroutine": "the handler is async def, which Lambda does not await: write asyncio.run(...)",
}


def too_large(failed: FailedRun) -> str | None:
    if failed.name != "Function.ResponseSizeTooLarge":
        return None
    return "an answer has 6 MB at most, on AWS too: answer with a part, or where the whole is"


def not_json(failed: FailedRun) -> str | None:
    if failed.name == "Runtime.MarshalError" and (match := _TYPE.search(failed.message)):
        advice = _WRITE.get(match[1], "make it of dict, list, str, numbers, True, False and None")
        return f"the answer has a {match[1]}, which JSON has not: {advice}"
    if failed.is_node and failed.message == _NOT_STRINGIFIED:
        return (
            "the answer cannot be written as JSON: it refers to itself, or has a BigInt (write"
            " String(...))"
        )
    return None
