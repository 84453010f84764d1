"""Hints for modules and packages that are not found."""

from __future__ import annotations

import difflib
import json
import posixpath
import re
import shlex

from taskdock.client.failures.failed_run import TASK_ROOT, FailedRun
from taskdock.client.failures.frames import missing as missing_name
from taskdock.client.failures.frames import own_frame

_PROJECTS = {
    "attr": "attrs",
    "bs4": "beautifulsoup4",
    "Crypto": "pycryptodome",
    "cv2": "opencv-python-headless",
    "dateutil": "python-dateutil",
    "dotenv": "python-dotenv",
    "jose": "python-jose",
    "jwt": "PyJWT",
    "MySQLdb": "mysqlclient",
    "OpenSSL": "pyOpenSSL",
    "PIL": "pillow",
    "psycopg2": "psycopg2-binary",
    "sklearn": "scikit-learn",
    "yaml": "PyYAML",
}
"""Projects of PyPI whose module has another name."""

_GONE = {
    **dict.fromkeys(["asynchat", "asyncore", "distutils", "imp", "smtpd"], 12),
    **dict.fromkeys(
        [
            "aifc",
            "audioop",
            "cgi",
            "cgitb",
            "chunk",
            "crypt",
            "imghdr",
            "lib2to3",
            "mailcap",
            "nis",
            "nntplib",
            "ossaudiodev",
            "pipes",
            "sndhdr",
            "spwd",
            "sunau",
            "telnetlib",
            "uu",
            "xdrlib",
        ],
        13,
    ),
}
"""The 3.x that has this module no more: https://docs.python.org/3/whatsnew."""
_CAME = {"graphlib": 9, "zoneinfo": 9, "tomllib": 11, "annotationlib": 14, "compression": 14}
_RELATIVE = "attempted relative import with no known parent package"
_NO_EXPORT = re.compile(
    r"The requested module '([^']+)' does not provide an export named '([^']+)'"
)
_EXPORT = re.compile(r"^export (?:async )?(?:function\*?|class|const|let|var) (\w+)", re.MULTILINE)
_UNKNOWN_BUILT_IN = "No such built-in module: "


def relative(failed: FailedRun) -> str | None:
    """A path, or a part of a package of one's own, that is not there."""
    if failed.is_python and _RELATIVE in failed.message:
        return (
            "the handler's file is no part of a Python package, so `from .name import` cannot work"
            " there: write `from name import`"
        )
    name = missing_name(failed.message)
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


def built_in(failed: FailedRun) -> str | None:
    """A module of the language's own that this version has not."""
    runtime = failed.runtime or ""
    if failed.is_node and failed.message.startswith(_UNKNOWN_BUILT_IN):
        name = failed.message[len(_UNKNOWN_BUILT_IN) :]
        return f"{runtime} has no {name}: it takes a newer runtime ({_configure('nodejs24.x')})"
    module = missing_name(failed.message) if failed.is_python else None
    minor = re.fullmatch(r"python3\.(\d+)", runtime)
    if module is None or minor is None:
        return None
    gone, came = _GONE.get(module), _CAME.get(module)
    if gone is not None and int(minor[1]) >= gone:
        return (
            f"Python has no {module} from 3.{gone} on, and this is {runtime}: use what took its"
            f" place, or an older runtime ({_configure(f'python3.{gone - 1}')})"
        )
    if came is not None and int(minor[1]) < came:
        return (
            f"Python has {module} from 3.{came} on, and this is {runtime}:"
            f" {_configure(f'python3.{came}')}"
        )
    return None


def _configure(runtime: str) -> str:
    return f'"runtime": "{runtime}" in task-config.json'


def missing(failed: FailedRun) -> str | None:
    """A package that has to be installed into the function's folder."""
    name = missing_name(failed.message)
    if name is None or "cannot import name" in failed.message:
        return None
    if failed.is_python:
        return _pip(failed, name.partition(".")[0])
    is_handler = "Require stack:\n- /var/runtime/" in failed.message
    if failed.is_node and not is_handler and not name.startswith((".", "/", "node:", "#")):
        return _npm(failed, name)
    return None


def _pip(failed: FailedRun, module: str) -> str | None:
    handlers = (failed.handler_module.partition("/")[0], _imported_by_client(failed.message))
    if module in handlers or failed.has(module):
        return None
    folder, project = shlex.quote(failed.folder), _PROJECTS.get(module, module)
    listed = _normal(project) in map(_normal, _requirements(failed))
    what = f"-r {shlex.quote(failed.folder + '/requirements.txt')}" if listed else project
    said = f"{module} is in requirements.txt and not in the package" if listed else ""
    return _line(
        failed, said or f"the package has no {module}", f"pip install --target {folder} {what}"
    )


def _imported_by_client(message: str) -> str:
    """The top of the handler's module, as Python's client names it."""
    match = re.match(r"Unable to import module '([^'.]+)", message)
    return match[1] if match else ""


def _requirements(failed: FailedRun) -> list[str]:
    text = failed.code.text("requirements.txt") or ""
    found = (re.match(r"[A-Za-z0-9][\w.-]*", line.strip()) for line in text.splitlines())
    return [match[0] for match in found if match]


def _normal(project: str) -> str:
    """https://packaging.python.org/specifications/name-normalization"""
    return re.sub(r"[-_.]+", "-", project).lower()


def _npm(failed: FailedRun, name: str) -> str:
    parts = name.split("/")
    package = "/".join(parts[: 2 if name.startswith("@") else 1])
    if failed.has(f"node_modules/{package}"):
        return f"{package} is in node_modules, and has no {'/'.join(parts[1:]) or 'entry'}"
    within = re.search(r"^- /var/task/(node_modules/(?:@[^/]+/)?[^/]+)/", failed.message, re.M)
    command = f"npm install {package}"
    said = f"the package has no {package} in node_modules"
    if within:
        said += f", which {within[1]} needs"
        command = "npm install --omit=dev"
    elif package in _listed(failed, "dependencies"):
        said = f"{package} is in package.json and not in the package"
        command = "npm install --omit=dev"
    elif package in _listed(failed, "devDependencies"):
        said += ": package.json has it for development only (devDependencies)"
    if package.startswith("@aws-sdk/") and any("Stand-in:" in line for line in failed.log):
        said += " (AWS's own image brings it, this stand-in does not)"
    return _line(failed, said, command, prefix=True)


def _listed(failed: FailedRun, field: str) -> list[str]:
    try:
        found = json.loads(failed.code.text("package.json") or "{}").get(field)
    except (ValueError, AttributeError):
        return []
    return list(found) if isinstance(found, dict) else []


def _line(failed: FailedRun, said: str, command: str, *, prefix: bool = False) -> str:
    known = failed.folder != "DIR"
    if prefix:
        command += f" --prefix {shlex.quote(failed.folder)}"
    where = "" if known else ", where DIR is the folder of the function's code"
    return f"{said}: {command}{where}; then deploy again"
