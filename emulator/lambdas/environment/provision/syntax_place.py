"""Has Node.js say where a syntax error is, when a runtime is started again after one. Pure.

AWS's client for Node.js puts the error into one of its own, so that file and line are lost
(`UserFunction.js` of https://github.com/aws/aws-lambda-nodejs-runtime-interface-client). AWS starts
a runtime again whose init has failed. Here that second start imports a module of taskdock's before
the client, which keeps the place; the client's own line in the log has it then. A function whose
code can be loaded never meets it.
"""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache
from urllib.parse import quote

from taskdock.base import resources
from taskdock.engines.engine import Program
from taskdock.lambdas.outcome import Failure

OPTIONS = "NODE_OPTIONS"
_ERROR = "Runtime.UserCodeSyntaxError"
_RUNTIME = re.compile(r"nodejs(\d+)\.x")
_OLDEST = 14
_WITH_IMPORT = 18
"""The first with the option --import: https://nodejs.org/api/cli.html#--importmodule"""


def telling(program: Program, runtime: str | None, failure: Failure | None) -> Program:
    """The program to start where the last start has failed so; `program` itself for any other
    failure or runtime, and for None. An image's Node.js may be too old for the option."""
    match = _RUNTIME.fullmatch(runtime or "")
    if match is None or failure is None or failure.name != _ERROR or int(match[1]) < _OLDEST:
        return program
    option = "--import" if int(match[1]) >= _WITH_IMPORT else "--no-warnings --experimental-loader"
    given = program.environment.get(OPTIONS, "")
    options = f"{given} {option}={_module()}".strip()
    return replace(program, environment={**program.environment, OPTIONS: options})


@cache
def _module() -> str:
    """As an address that has the module's text in it, so that no container has to have a file."""
    text = (resources.folder("runtimes") / "syntax" / "place.mjs").read_text(encoding="utf-8")
    return f"data:text/javascript,{quote(text, safe='()=;,.*+')}"
