"""The files that an entry point of JavaScript may mean, by Lambda's order."""

from __future__ import annotations

import posixpath

from taskdock.client.deployment.inspection.contents import Contents
from taskdock.client.deployment.inspection.node import parser

ENDINGS = ("", ".js", ".mjs", ".cjs")
_REQUIRED = (".js", ".json", ".node", "/index.js", "/index.json", "/index.node")
_USUAL = ("index", "app", "main", "handler")
_MOST_TRIED = 20


def file_of(contents: Contents, path: str) -> str | None:
    """The file that Lambda's client loads for this path, which has no ending yet.

    Last, the client has `require` look for the name without its folders, and the root of the
    package is among the folders of NODE_PATH.
    """
    base = posixpath.basename(path)
    names = [path + end for end in ENDINGS] + [base + end for end in _REQUIRED]
    found = (name for name in names if contents.has(name))
    return next(map(posixpath.normpath, found), None)


def proposed(contents: Contents, handler: str) -> str:
    """The entry point that was likely meant by one that names no function."""
    whole = handler.strip(".") or "index"
    base = posixpath.basename(whole)  # "build/index", where the folder packed is build itself
    if _is_file(contents, whole):
        return f"{whole}.handler"
    if _is_file(contents, base):
        return f"{base}.handler"
    file = _exporting(contents, whole)
    return f"{whole}.handler" if file is None else f"{posixpath.splitext(file)[0]}.{whole}"


def is_source(name: str) -> bool:
    return name.endswith((".js", ".mjs", ".cjs"))


def _is_file(contents: Contents, path: str) -> bool:
    return any(contents.has(path + end) for end in ENDINGS)


def _exporting(contents: Contents, function: str) -> str | None:
    """The file, one near the package's root first, that exports a function so named."""
    own = (name for name in contents.names if is_source(name) and "node_modules/" not in name)
    for name in sorted(own, key=_distance)[:_MOST_TRIED]:
        source = contents.text(name)
        script = None if source is None else parser.read(source)
        if script is not None and script.error is None and function in script.exports:
            return name
    return None


def _distance(name: str) -> tuple[int, bool, str]:
    stem = posixpath.splitext(posixpath.basename(name))[0]
    return name.count("/"), stem not in _USUAL, name
