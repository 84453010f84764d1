"""Hints for Node.js's two kinds of modules."""

from __future__ import annotations

import re

from taskdock.client.failures.failed_run import TASK_ROOT, FailedRun
from taskdock.client.failures.frames import own_frame

_AS_MODULE = (
    "Cannot use import statement outside a module",
    "Unexpected token 'export'",
    "Cannot use 'import.meta' outside a module",
)
_WARNED = re.compile(r"Failed to load the ES module: /var/task/([^\n]+?)\. Make sure")
_COMMONJS = re.compile(
    r"(require|exports|module|__dirname|__filename) is not defined(?: in ES module scope)?"
)
_INSTEAD = {
    "require": "write import",
    "exports": "write export",
    "module": "write export",
    "__dirname": "write import.meta.dirname",
    "__filename": "write import.meta.filename",
}
_REQUIRED = re.compile(r"require\(\) of ES Module (\S+) from (\S+) not supported")


def in_js(failed: FailedRun) -> str | None:
    """An ES module in a file that Node.js takes for CommonJS."""
    if not failed.is_node or not any(words in failed.message for words in _AS_MODULE):
        return None
    frame = own_frame(failed)
    warned = [name for line in failed.log for name in _WARNED.findall(line)]
    file = frame.path if frame is not None else warned[-1] if warned else "the file"
    renamed = f"rename it to {file[:-3]}.mjs" if file.endswith(".js") else "name it .mjs"
    return (
        f"{file} is an ES module (import, export), and Node.js takes it for CommonJS: {renamed}, or"
        ' write "type": "module" into the package.json beside it'
    )


def commonjs_in_module(failed: FailedRun) -> str | None:
    match = _COMMONJS.match(failed.message) if failed.is_node else None
    if failed.name != "ReferenceError" or match is None:
        return None
    frame = own_frame(failed)
    file = "the file" if frame is None else frame.path
    by_name = file.endswith(".mjs")
    why = "by its name" if by_name else 'by "type": "module" in package.json'
    if not by_name and "in ES module scope" not in failed.message:
        return None
    return (
        f"{file} is an ES module {why}, which has no {match[1]}: {_INSTEAD[match[1]]}, or rename it"
        f" to {re.sub(r'[.][mc]?js$', '', file)}.cjs"
        if file != "the file"
        else f"an ES module has no {match[1]}: {_INSTEAD[match[1]]}"
    )


def required(failed: FailedRun) -> str | None:
    """An ES module cannot be required."""
    match = _REQUIRED.search(failed.message) if failed.is_node else None
    if match is None:
        return None
    module, by = (path.replace(TASK_ROOT, "") for path in (match[1], match[2]))
    return f"{module} is an ES module, so {by} cannot require it: write await import(...) there"
