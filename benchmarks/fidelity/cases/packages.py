"""Cases of zips: links, permissions, names."""

from __future__ import annotations

import io
import stat
import zipfile

from benchmarks.fidelity.case import Case, Row, body, calls, error, field
from benchmarks.fidelity.seen import Seen
from benchmarks.function import Function, entry


def _zip(*entries: tuple[zipfile.ZipInfo, str]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for made, content in entries:
            archive.writestr(made, content)
    return packed.getvalue()


def _dos(name: str) -> zipfile.ZipInfo:
    """As old tools of Windows make it: without Unix permissions."""
    made = zipfile.ZipInfo(name)
    made.filename = name  # a backslash included
    made.create_system = 0
    made.external_attr = 0
    return made


_LINKED = """import os

import lib


def handler(event, context):
    return {
        "module": lib.X,
        "target": os.readlink("/var/task/lib.py"),
        "folder": "a link" if os.path.islink("/var/task/dir") else "no link",
        "layer": os.readlink("/var/task/out"),
    }
"""

LINKS = Case(
    "links",
    "A zip with symbolic links",
    Function(
        {},
        package=_zip(
            (entry("app.py", 0o644), _LINKED),
            (entry("store/lib.py", 0o644), "X = 'imported'\n"),
            (entry("lib.py", 0o777, stat.S_IFLNK), "store/lib.py"),
            (entry("dir", 0o777, stat.S_IFLNK), "store"),
            (entry("out", 0o777, stat.S_IFLNK), "/opt/nodejs"),
        ),
    ),
    calls({}),
    (
        Row("a module through a link", "imported", "R", field("module")),
        Row("where the link leads", "store/lib.py", "R", field("target")),
        Row("a link to a folder", "a link", "R", field("folder")),
        Row("a link into a layer that is not there", "/opt/nodejs", "R", field("layer")),
    ),
    needs="zip",
)


_ATTEMPTS = """import subprocess


def read(path):
    try:
        with open(path) as file:
            return file.read()
    except OSError as error:
        return error.strerror


def run(path):
    try:
        return subprocess.run([path], capture_output=True, text=True, check=True).stdout.strip()
    except OSError as error:
        return error.strerror


def handler(event, context):
    return {
        "file": read("/var/task/secret"),
        "folder": read("/var/task/own/file"),
        "tool": run("/var/task/tool"),
        "program": run("/var/task/program"),
    }
"""
_TOOL = "#!/bin/sh\necho runs\n"

PERMISSIONS = Case(
    "permissions",
    "The permissions in a zip",
    Function(
        {},
        package=_zip(
            (entry("app.py", 0o644), _ATTEMPTS),
            (entry("secret", 0o600), "read"),
            (entry("own/", 0o700, stat.S_IFDIR), ""),
            (entry("own/file", 0o644), "read"),
            (entry("tool", 0o644), _TOOL),
            (entry("program", 0o755), _TOOL),
        ),
    ),
    calls({}),
    (
        Row("reading a file with 0600", "Permission denied", "R", field("file")),
        Row("reading a file in a folder with 0700", "Permission denied", "D", field("folder")),
        Row("running a file with 0644", "Permission denied", "D", field("tool")),
        Row("running a file with 0755", "runs", "D", field("program")),
    ),
    needs="zip",
)


def _reason(seen: Seen) -> str:
    """The end of the message: its beginning has changed with the runtime's versions."""
    reason = "[Errno 13] Permission denied: '/var/task/app.py'"
    found = seen.error(0)
    return reason if found.endswith(reason) else found


CLOSED_MODULE = Case(
    "closed-module",
    "A zip whose module has 0600, as Python's `writestr` makes it",
    Function(
        {}, package=_zip((entry("app.py", 0o600), "def handler(event, context):\n    return 1\n"))
    ),
    calls({}),
    (Row("error", "[Errno 13] Permission denied: '/var/task/app.py'", "R", _reason),),
    needs="zip",
)


DOS_BOOTSTRAP = Case(
    "dos-bootstrap",
    "A bootstrap in a zip without Unix permissions, as Windows makes it",
    Function(
        {}, package=_zip((_dos("bootstrap"), _TOOL)), runtime="provided.al2023", handler="any"
    ),
    calls({}),
    (
        Row(
            "error",
            "Runtime.InvalidEntrypoint: RequestId: <id> Error:"
            " fork/exec /var/task/bootstrap: permission denied",
            "R",
            error(0),
        ),
    ),
    needs="zip",
)


_LISTED = """import os


def handler(event, context):
    return sorted(os.listdir("/var/task"))
"""

BACKSLASHES = Case(
    "backslashes",
    "A zip with names of Windows",
    Function(
        {},
        package=_zip((entry("app.py", 0o644), _LISTED), (_dos("lib\\x.py"), "")),
    ),
    calls({}),
    (Row("`/var/task`", '["app.py", "lib\\\\x.py"]', "R", body(0)),),
    needs="zip",
)
