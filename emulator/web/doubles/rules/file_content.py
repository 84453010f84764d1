"""The content of a file as an answer has it. Pure."""

from __future__ import annotations

import base64
import mimetypes
from typing import Any

from taskdock.base.strict_json import Json


def type_of(name: str) -> str:
    """The content type of a file, by its name."""
    return mimetypes.guess_type(name)[0] or "application/octet-stream"


def with_content(answer: dict[str, Any], name: str, content: bytes) -> Json:
    """The answer with the content of a file in place of its `file`, for a server that has not that
    file. Its type goes by the file's name, unless the answer has another one."""
    others = {key: value for key, value in answer.items() if key != "file"}
    headers = others.get("headers", {})
    names = [str(key).lower() for key in headers]
    if isinstance(headers, dict) and "content-type" not in names:
        headers = {"content-type": type_of(name), **headers}
    return {**others, "base64": base64.b64encode(content).decode(), "headers": headers}
