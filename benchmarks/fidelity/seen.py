"""Observations of a case as short texts that can be compared, without ids, times and names."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from benchmarks.call import Answer

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT[0-9:.]+Z")
_AMOUNT = re.compile(r"[0-9.]+ (ms|MB)")
_ARN = re.compile(r"arn:aws:lambda:[a-z0-9-]+:\d{12}:function:")


@dataclass(frozen=True)
class Seen:
    name: str  # of the function
    answers: list[Answer]
    log: str

    def body(self, number: int) -> str:
        return plain(self.answers[number].text, self.name)

    def error(self, number: int) -> str:
        """The error of a function's answer as "type: message", else the whole answer."""
        try:
            error = json.loads(self.answers[number].body)
            return plain(f"{error['errorType']}: {error['errorMessage']}", self.name)
        except (ValueError, LookupError, TypeError):
            return self.body(number)

    def header(self, number: int, name: str) -> str:
        answer = self.answers[number]
        return answer.headers.get(name.lower(), "absent") if answer.status else answer.text

    def status(self, number: int) -> str:
        answer = self.answers[number]
        return str(answer.status) if answer.status else answer.text

    def works(self, number: int) -> str:
        """Whether a call was answered with a result; otherwise what came instead."""
        _ = self.answers[number].value
        return "answers"

    def lines(self, start: str) -> list[str]:
        """The log's lines that begin like this, with their tabs shown as two spaces."""
        found = [line for line in self.log.splitlines() if line.lstrip().startswith(start)]
        return [plain(line.replace("\t", "  "), self.name) for line in found]

    def line(self, start: str, number: int = 0) -> str:
        """One such line, with its amounts left out; `number` as of a list."""
        found = self.lines(start)
        present = -len(found) <= number < len(found)
        return _AMOUNT.sub(r"<n> \1", found[number]).strip() if present else "no such line"

    def report(self, number: int = 0) -> Mapping[str, str]:
        """A REPORT line's parts by name, such as {"Duration": "3.01 ms"}; empty without one."""
        found = self.lines("REPORT ")
        if not -len(found) <= number < len(found):
            return {}
        parts = (part.partition(": ") for part in re.split(" {2,}", found[number].strip()))
        return {name: value for name, _, value in parts}

    def amount(self, part: str, number: int = 0) -> float:
        """A number of a REPORT line; raises KeyError where there is none."""
        return float(self.report(number)[part].split()[0])


def plain(text: str, name: str) -> str:
    """The text with this run's ids, moments, account and function name taken out."""
    text = _MOMENT.sub("<time>", _UUID.sub("<id>", text))
    return _ARN.sub("arn:aws:lambda:<region>:<account>:function:", text).replace(name, "<name>")
