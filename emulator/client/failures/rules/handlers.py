"""Hints for a handler that is not there."""

from __future__ import annotations

import difflib
import posixpath
import re

from taskdock.client.failures.failed_run import FailedRun
from taskdock.client.failures.frames import missing

_NODE_ENDINGS = (".js", ".mjs", ".cjs")
_BY_CLIENT = """abc base64 builtins codecs collections contextlib encodings enum functools importlib
io itertools json logging os re string sys threading time traceback types warnings"""
LOADED = frozenset(_BY_CLIENT.split())
"""Modules that Python's runtime client has loaded before a function's own files."""
_LAYOUT = "entryPoint in task-config.json"


def malformed(failed: FailedRun) -> str | None:
    if failed.name != "Runtime.MalformedHandlerName":
        return None
    given = failed.handler or ""
    shape = "FILE.FUNCTION, such as index.handler"
    if "." not in given:
        return f"the handler {given!r} has to be {shape} ({_LAYOUT})"
    return f"the handler {given!r} cannot be used: it has to be {shape}, with / between folders"


def callback(failed: FailedRun) -> str | None:
    """A handler with a third argument; from Node.js 24 on there is none."""
    if failed.name != "Runtime.CallbackHandlerDeprecated":
        return None
    return (
        "write the handler as async (event) => { return ...; }, or take an older runtime"
        ' ("runtime": "nodejs22.x" in task-config.json)'
    )


def no_file(failed: FailedRun) -> str | None:
    """The handler's file is not in the package."""
    if failed.name != "Runtime.ImportModuleError" or failed.handler is None:
        return None
    module, wanted = failed.handler_module, missing(failed.message)
    own = module.replace("/", ".") if failed.is_python else module.rpartition("/")[2]
    if wanted != own or "Require stack:\n- /var/task/" in failed.message:
        return None
    names = failed.code.names()
    if names and failed.handler_file() is not None:
        return None
    endings = (".py",) if failed.is_python else _NODE_ENDINGS
    file = module + endings[0]
    said = f"the handler {failed.handler} needs a file {file}, and the package has none"
    if f"{module}.ts" in names:
        return f"{said}: only {module}.ts, which has to be built to JavaScript first"
    found = _candidates(failed, module, endings)
    if found:
        return f"{said}; did you mean {found[0]}.{failed.handler_name}? ({_LAYOUT})"
    tops = sorted({name.partition("/")[0] for name in names})
    there = f"; it has {', '.join(tops[:5])}{', ...' if len(tops) > 5 else ''}" if tops else ""
    return f"{said}{there} (path and {_LAYOUT})"


def _candidates(failed: FailedRun, module: str, endings: tuple[str, ...]) -> list[str]:
    """Handlers' modules that could have been meant: of the same name in another folder, or of a
    name that is close."""
    own = [
        posixpath.splitext(name)[0]
        for name in failed.code.names()
        if name.endswith(endings) and failed.is_own(name)
    ]
    last = posixpath.basename(module)
    same = sorted((name for name in own if posixpath.basename(name) == last), key=len)
    return same or difflib.get_close_matches(module, own, n=1, cutoff=0.6)


def no_function(failed: FailedRun) -> str | None:
    """The handler's file has no such function."""
    if failed.name != "Runtime.HandlerNotFound":
        return None
    name, file = failed.handler_name, failed.handler_file()
    top = failed.handler_module.partition("/")[0]
    if failed.is_python and file and top in LOADED:
        return (
            f"Python's own module {top} is loaded before {file} and hides it: give the file another"
            f" name, and {_LAYOUT} with it"
        )
    if "is not a function" in failed.message:
        return f"{name} is exported, and is no function"
    text = None if file is None else failed.code.text(file)
    if text is None:
        return None
    there = _functions(text, python=failed.is_python)
    close = difflib.get_close_matches(name, there, n=1) or (there if len(there) == 1 else [])
    said = f"{file} has no {'' if failed.is_python else 'export '}{name}"
    if close:
        return f"{said}; did you mean {failed.handler_module}.{close[0]}? ({_LAYOUT})"
    return f"{said}; it has {', '.join(there[:8])}" if there else said


def _functions(text: str, *, python: bool) -> list[str]:
    """The names that a file defines for others, as far as it can be read without running it."""
    if python:
        found = re.findall(r"^(?:async )?def (\w+)|^(\w+) *=", text, re.MULTILINE)
    else:
        found = re.findall(
            r"^(?:module\.)?exports\.(\w+) *="
            r"|^export (?:async )?(?:function\*?|const|let|var) (\w+)",
            text,
            re.MULTILINE,
        )
    return list(dict.fromkeys(first or second for first, second in found))
