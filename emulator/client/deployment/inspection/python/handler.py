"""Functions in Python, read and not run: the handler, and syntax errors.

Lambda's runtime client splits the handler at its last dot, turns slashes into dots, and imports
the rest as a module (aws/aws-lambda-python-runtime-interface-client, `bootstrap.py`).
"""

from __future__ import annotations

import ast
import posixpath
import re
import sys

from taskdock.client.deployment.inspection.contents import Contents
from taskdock.client.deployment.inspection.finding import PackageFinding
from taskdock.client.deployment.inspection.python.reader import ImportReader, file_of
from taskdock.client.failures.rules.handlers import LOADED

_COMPILED = re.compile(r"\.(cpython-\d+[^.]*|abi3)?\.?(so|pyc)$")
# sys.modules[__name__] = ..., and enumerations that make their members names of the module.
_DYNAMIC_ATTRIBUTES = frozenset({"modules", "__dict__", "_convert_", "_convert", "global_enum"})
_DYNAMIC = frozenset({"globals", "setattr", "exec", "vars", "__import__", "eval", "global_enum"})

_MOST_TRIED = 20


def inspect(reader: ImportReader, handler: str) -> list[PackageFinding]:
    contents = reader.contents
    module, dot, function = handler.rpartition(".")
    if not dot or not module or not function:
        return [_malformed(contents, handler)]
    path = module.replace(".", "/")
    file = file_of(contents, path)
    if file is None:
        return _missing(contents, handler, path)
    top = path.split("/", 1)[0]
    if top in LOADED:
        return [_hidden(file, top)]
    tree = reader.read(file)
    if tree is not None and _lacks(tree, function):
        reader.findings.append(_no_function(file, function, tree))
    return reader.findings


def _hidden(file: str, top: str) -> PackageFinding:
    return PackageFinding(
        kind="handler",
        message=f"Python's own module {top} is loaded before this file and hides it",
        file=file,
        remedy="give the file another name, and entryPoint in task-config.json with it",
    )


def _malformed(contents: Contents, handler: str) -> PackageFinding:
    whole = handler.strip(".") or "app"
    module, function = whole, "handler"
    if file_of(contents, whole) is None and (file := _defining(contents, whole)):
        module, function = file.removesuffix(".py"), whole
    return PackageFinding(
        kind="handler",
        message=f'entryPoint "{handler}" names no function: it is FILE.FUNCTION',
        remedy=f'"entryPoint": "{module}.{function}"',
    )


def _defining(contents: Contents, function: str) -> str | None:
    """The file at the package's root that defines a function so named."""
    names = sorted(name for name in contents.names if name.endswith(".py") and "/" not in name)
    for name in names[:_MOST_TRIED]:
        wanted = rf"^(?:async )?def {re.escape(function)}\b".encode()
        if re.search(wanted, contents.text(name) or b"", re.MULTILINE):
            return name
    return None


def _missing(contents: Contents, handler: str, path: str) -> list[PackageFinding]:
    """The finding for a module without a source file, unless it may still come from elsewhere."""
    top = path.split("/", 1)[0]
    if top in sys.stdlib_module_names or contents.has_folder(path):
        return []  # Python's own; or a folder that is a package without an __init__.py
    compiled = re.compile(re.escape(path) + _COMPILED.pattern)
    if any(compiled.fullmatch(name) for name in contents.names):
        return []
    if path.endswith("/py") and contents.has(handler):
        return [
            PackageFinding(
                kind="handler",
                message=f'entryPoint "{handler}" names a file, and no function in it',
                file=handler,
                remedy=f'"entryPoint": "{handler.removesuffix(".py")}.handler"',
            )
        ]
    wanted = f"{path}.py"
    message = f'{wanted} is not in the package; entryPoint is "{handler}"'
    return [
        PackageFinding(
            kind="handler", message=message, remedy=_elsewhere(contents, wanted, handler)
        )
    ]


def _elsewhere(contents: Contents, wanted: str, handler: str) -> str | None:
    """Where a file of that name is: the likely slip is the folder, or upper and lower case."""
    base, function = posixpath.basename(wanted), handler.rpartition(".")[2]
    same = contents.near(wanted)
    found = [same] if same else sorted(n for n in contents.names if posixpath.basename(n) == base)
    found = [name for name in found if "site-packages" not in name and "/" not in name[:0]]
    if not found:
        return None
    shortest = min(found, key=lambda name: (name.count("/"), name))
    return f'"entryPoint": "{shortest.removesuffix(".py")}.{function}"'


def _no_function(file: str, function: str, tree: ast.Module) -> PackageFinding:
    made = sorted(
        node.name
        for node in tree.body
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.name[0] != "_"
    )
    has = f"it has {', '.join(made[:3])}" if made else "it has no function"
    stem = file.removesuffix("/__init__.py").removesuffix(".py")
    return PackageFinding(
        kind="handler",
        message=f"{file} has no {function}; {has}",
        file=file,
        remedy=f'"entryPoint": "{stem}.{made[0]}"' if len(made) == 1 else None,
    )


def _lacks(tree: ast.Module, name: str) -> bool:
    """Whether the module surely has no such name once it is imported."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id in {name, *_DYNAMIC}:
            return False  # assigned, deleted or used in some way; or anything may be made
        if isinstance(node, ast.Attribute) and node.attr in _DYNAMIC_ATTRIBUTES:
            return False
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            if node.name in (name, "__getattr__"):
                return False
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            if any(name in _bound(alias) or alias.name == "*" for alias in node.names):
                return False
        elif name in _names_in(node):
            return False
    return True


def _bound(alias: ast.alias) -> tuple[str]:
    return (alias.asname or alias.name.split(".", 1)[0],)


def _names_in(node: ast.AST) -> list[str]:
    """Names that nodes bind as plain text: patterns, handlers of exceptions, `global`."""
    named = [getattr(node, field, None) for field in ("name", "rest", "names", "arg")]
    found: list[str] = []
    for one in named:
        found.extend(one if isinstance(one, list) else [one] if isinstance(one, str) else [])
    return found
