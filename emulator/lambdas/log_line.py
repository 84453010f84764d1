"""One message of a log, and how a line that a program printed becomes one. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class LogLine:
    timestamp: datetime
    message: str


# The lines that AWS's clients write where they have no descriptor for whole messages: one message,
# with carriage returns for its line feeds. `stdout-logger.ts` of
# https://github.com/aws/aws-lambda-nodejs-runtime-interface-client, `StandardLogSink` of
# https://github.com/aws/aws-lambda-python-runtime-interface-client
_OF_NODE = re.compile(
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\t([0-9a-f-]{36}|undefined)\t[A-Z]+\t"
)
_OF_PYTHON = "\rTraceback (most recent call last):"


def message_of(line: bytes) -> str:
    """The log's message for a line that a program printed, without its line feed.

    A carriage return at its end belongs to the line end. Others stay, but in what AWS's clients
    keep together by them: with AWS's own descriptor these are line feeds.
    """
    message = line.decode(errors="replace").removesuffix("\r")
    if "\r" in message and (_OF_PYTHON in message or _OF_NODE.match(message)):
        return message.replace("\r", "\n")
    return message


Sink = Callable[[LogLine], None]
