"""Hints for files of the package that an import does not find."""

from __future__ import annotations

import difflib
import posixpath
import re

from taskdock.client.failures.failed_run import TASK_ROOT, FailedRun
from taskdock.client.failures.frames import missing, own_frame

_RELATIVE = "attempted relative import with no known parent package"
_NO_EXPORT = re.compile(
    r"The requested module '([^']+)' does not provide an export named '([^']+)'"
)
_EXPORT = re.compile(r"^export (?:async )?(?:function\*?|class|const|let|var) (\w+)", re.MULTILINE)


def relative(failed: FailedRun) -> str | None:
    """A path, or a part of a package of one's own, that is not there."""
    if failed.is_python and _RELATIVE in failed.message:
        return (
            "the handler's file is no part of a Python package, so `from .name import` cannot work"
            " there: write `from name import`"
        )
    name = missing(failed.message)
    if name is None or not failed.code.names():
        return None
    if match := _NO_EXPORT.search(failed.message):
        return _no_export(failed, match[1], match[2])
    return _relative_python(failed, name) if failed.is_python else _relative_node(failed, name)


def _relative_python(failed: FailedRun, name: str) -> str | None:
    if name == failed.handler_module.replace("/", "."):
        return None
    wanted = name.replace(".", "/")
    if part := re.search(r"cannot import name '([^']+)' from '([^']+)'", failed.message):
        folder = part[2].replace(".", "/")
        if not failed.has(folder) or not failed.is_own(f"{folder}/x"):
            return None
        module = _closest(f"{folder}/{part[1]}.py", failed)
        return f"{part[2]} has no {part[1]}; {module}" if module else None
    own = {path.partition("/")[0] for path in failed.code.names() if failed.is_own(path)}
    top = wanted.partition("/")[0]
    close = _closest(f"{wanted}.py", failed)
    if "/" in wanted and top in own:
        return f"the package has no {wanted}.py{'; ' + close if close else ''}"
    return f"the package has no {wanted}.py; {close}" if close else None


def _relative_node(failed: FailedRun, name: str) -> str | None:
    if not name.startswith((".", "/")):
        return None
    frame = own_frame(failed)
    if name.startswith("."):
        if frame is None:
            return None
        name = posixpath.normpath(posixpath.join(TASK_ROOT, posixpath.dirname(frame.path), name))
    if not name.startswith(TASK_ROOT):
        return f"{name} is outside of the package, whose root is {TASK_ROOT.rstrip('/')}"
    wanted = name[len(TASK_ROOT) :]
    if wanted in failed.code.names():
        return None
    for ending in (".js", ".mjs", ".cjs", ".json", "/index.js"):
        if "imported from" in failed.message and failed.has(wanted + ending):
            return f"an import in an ES module names the whole file: write {ending} behind it"
    close = _closest(wanted, failed)
    return f"the package has no {wanted}{'; ' + close if close else ''}"


def _no_export(failed: FailedRun, module: str, name: str) -> str | None:
    frame = own_frame(failed)
    if not module.startswith(".") or frame is None:
        return None
    file = posixpath.normpath(posixpath.join(posixpath.dirname(frame.path), module))
    there = _EXPORT.findall(failed.code.text(file) or "")
    if not there:
        return None
    close = difflib.get_close_matches(name, there, n=1)
    more = f"did you mean {close[0]}?" if close else f"it has {', '.join(there[:8])}"
    return f"{file} has no export {name}; {more}"


def _closest(wanted: str, failed: FailedRun) -> str:
    """`did you mean ...?`; empty where nothing is close."""
    own = [name for name in failed.code.names() if failed.is_own(name)]
    names = {name: name for name in own} | {posixpath.splitext(name)[0]: name for name in own}
    same = [name for name in own if name.lower() == wanted.lower()]
    found = same or difflib.get_close_matches(wanted, names, n=1, cutoff=0.75)
    found = [name for name in found if names.get(name, name) != wanted]
    return f"did you mean {names.get(found[0], found[0])}?" if found else ""
