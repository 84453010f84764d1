"""Hints for packages that are not installed, and for modules that a version does not have."""

from __future__ import annotations

import json
import re
import shlex

from taskdock.client.failures.failed_run import FailedRun
from taskdock.client.failures.frames import missing

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
_UNKNOWN_BUILT_IN = "No such built-in module: "


def built_in(failed: FailedRun) -> str | None:
    """A module of the language's own that this version has not."""
    runtime = failed.runtime or ""
    if failed.is_node and failed.message.startswith(_UNKNOWN_BUILT_IN):
        name = failed.message[len(_UNKNOWN_BUILT_IN) :]
        return f"{runtime} has no {name}: it takes a newer runtime ({_configure('nodejs24.x')})"
    module = missing(failed.message) if failed.is_python else None
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


def not_installed(failed: FailedRun) -> str | None:
    """A package that has to be installed into the function's folder."""
    name = missing(failed.message)
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
        failed,
        said or f"the package has no {module}",
        f"pip install --target {folder}{_platform(failed)} {what}",
    )


def _platform(failed: FailedRun) -> str:
    """The options with which pip installs for the function's machine, whatever this one is."""
    version = re.fullmatch(r"python(3\.\d+)", failed.runtime or "")
    if version is None:
        return ""
    machine = "aarch64" if failed.machine == "arm64" else failed.machine
    return f" --platform manylinux2014_{machine} --only-binary=:all: --python-version {version[1]}"


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
