"""package.json in a package: its object, and the kind of module that it makes of a file."""

from __future__ import annotations

import json
import posixpath

from taskdock.client.deployment.inspection.contents import Contents

NAME = "package.json"


def package_json(contents: Contents, name: str) -> dict[str, object]:
    """The object of a package.json; empty if it cannot be read."""
    try:
        found = json.loads(contents.text(name) or b"")
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def is_module(contents: Contents, file: str) -> bool:
    """Whether Node.js loads the file as an ES module: its ending, else the nearest package.json
    (https://nodejs.org/api/packages.html#determining-module-system)."""
    if file.endswith((".mjs", ".cjs")):
        return file.endswith(".mjs")
    return file.endswith(".js") and type_near(contents, file)[1] == "module"


def type_near(contents: Contents, file: str) -> tuple[str, str]:
    """The nearest package.json and its `type`; each is empty where there is none."""
    folder = posixpath.dirname(file)
    while True:
        name = posixpath.join(folder, NAME)
        if contents.has(name):
            return name, str(package_json(contents, name).get("type", ""))
        if not folder:
            return "", ""
        folder = posixpath.dirname(folder)
