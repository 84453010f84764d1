"""Dependencies of functions in JavaScript: what package.json names or the code loads, against
what is in node_modules."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping

from taskdock.client.deployment.inspection.contents import Contents
from taskdock.client.deployment.inspection.finding import (
    MOST_NAMED,
    PackageFinding,
    not_installed,
)
from taskdock.client.deployment.inspection.node.manifest import package_json
from taskdock.client.deployment.inspection.node.script import Script

# https://nodejs.org/docs/latest-v24.x/api/modules.html#built-in-modules, with those of older ones
_MODULES = """assert async_hooks buffer child_process cluster console constants crypto dgram
diagnostics_channel dns domain events fs http http2 https inspector module net os path perf_hooks
process punycode querystring readline repl stream string_decoder sys timers tls trace_events tty
url util v8 vm wasi worker_threads zlib"""
_BUILT_IN = frozenset(_MODULES.split())
_NAME = re.compile(r"(@[a-z0-9-~][a-z0-9-._~]*/)?[a-zA-Z0-9-~_][\w.~-]*")
# Packages that version 3 of AWS's SDK needs, which lie beside it in /var/runtime/node_modules.
_OF_SDK = frozenset({"tslib", "bowser", "fast-xml-parser", "strnum", "mnemonist", "obliterator"})


def inspect(
    contents: Contents, scripts: Mapping[str, Script], version: tuple[int, int], install: str
) -> list[PackageFinding]:
    """`scripts`: the files that the handler loads. `install`: the line that installs what the
    package's own package.json names."""
    if any(posixpath.basename(name) in (".pnp.cjs", ".pnp.js") for name in contents.names):
        return []  # Yarn keeps packages in zip files then
    loaded = {
        name: (file, line)
        for file, script in scripts.items()
        for wanted, line in script.imports.items()
        if (name := _package_of(wanted)) and not _is_here(contents, name, version)
    }
    named = [name for name in _named(contents) if not _is_here(contents, name, version)]
    findings = [
        _loaded(name, place, install if name in named else _alone(install, name))
        for name, place in sorted(loaded.items())
    ]
    rest = [name for name in named if name not in loaded]
    if any(script.bundled for script in scripts.values()):
        rest = []  # they may be in the bundle
    if rest:
        findings.append(not_installed(rest, file="package.json", install=install))
    if len(findings) > MOST_NAMED:
        return [not_installed(sorted({*loaded, *rest}), file="package.json", install=install)]
    return findings


def _package_of(wanted: str) -> str | None:
    """The package of an import; None for a path, a part of Node.js, or an import of another kind
    (`#inner`, a URL)."""
    if wanted.startswith((".", "/", "#")) or ":" in wanted:
        return None
    parts = wanted.split("/")
    name = "/".join(parts[:2]) if wanted.startswith("@") else parts[0]
    return name if _NAME.fullmatch(name) and name not in _BUILT_IN else None


def _named(contents: Contents) -> list[str]:
    """The dependencies that package.json names, less those that may be missing."""
    found = package_json(contents, "package.json")
    needed, optional = found.get("dependencies"), found.get("optionalDependencies")
    if not isinstance(needed, dict):
        return []
    without = optional if isinstance(optional, dict) else {}
    return [name for name in needed if name not in without and _NAME.fullmatch(name)]


def _is_here(contents: Contents, name: str, version: tuple[int, int]) -> bool:
    if name.startswith("@types/") or _is_of_runtime(name, version):
        return True
    # Lambda has /var/task itself in NODE_PATH, so that the function's own folders are found.
    top = name.split("/", 1)[0]
    if contents.has_folder(top) or any(contents.has(top + end) for end in (".js", ".json", ".cjs")):
        return True
    inner = f"node_modules/{name}"
    return contents.has_folder(inner) or any(
        folder.endswith(f"/{inner}") for folder in contents.folders
    )


def _is_of_runtime(name: str, version: tuple[int, int]) -> bool:
    """https://docs.aws.amazon.com/lambda/latest/dg/lambda-nodejs.html: version 2 of AWS's SDK up to
    nodejs16.x, version 3 since."""
    if version[0] < 18:
        return name == "aws-sdk"
    return name in _OF_SDK or name.startswith(("@aws-sdk/", "@smithy/", "@aws-crypto/", "@aws/"))


def _alone(install: str, name: str) -> str:
    """The line that installs one package, which package.json does not name."""
    return install.replace("--omit=dev", name)


def _loaded(name: str, place: tuple[str, int], install: str) -> PackageFinding:
    return PackageFinding(
        kind="dependency",
        message=f"{name} is not in the package",
        file=place[0],
        line=place[1],
        remedy=install,
    )
