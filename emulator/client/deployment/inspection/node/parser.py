"""The reading of one JavaScript file: its syntax error, what it imports and what it exports.

The parser is tree-sitter's. It goes on behind an error, and it knows nothing of what a name means.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING

from taskdock.client.deployment.inspection.node import common_js, es_modules
from taskdock.client.deployment.inspection.node.script import Script, line_of, text_of

if TYPE_CHECKING:
    from tree_sitter import Node, Parser, Query

_NAMES = " ".join(f'"{name}"' for name in common_js.NAMES)
_QUERY = f"""
(program (import_statement source: (string) @from) @import)
(program (export_statement) @export)
((identifier) @name (#any-of? @name {_NAMES}))
((this) @this)
"""


@cache
def _tools() -> tuple[Parser, Query]:
    # Late: only an inspection of JavaScript needs the parser, which is native code.
    import tree_sitter_javascript  # noqa: PLC0415
    from tree_sitter import Language, Parser, Query  # noqa: PLC0415

    language = Language(tree_sitter_javascript.language())
    return Parser(language), Query(language, _QUERY)


# The grammar refuses some code that Node.js takes; each of these was found in packages of npm:
# names that are words of the language elsewhere, and line ends that end a statement. A change
# keeps every line's number.
_RENAMED = re.compile(rb"\bas(\s+)[a-z]+\b")
_REPAIRS = [
    (re.compile(rb"[\0-\x08\x0e-\x1f]"), b" "),
    (re.compile(rb"\busing\b"), b"usinG"),
    (_RENAMED, rb"as\1x"),
    (re.compile(rb"^([ \t]*)in(?!stanceof\b)(?=[\w$])", re.MULTILINE), rb"\1xn"),
    (
        re.compile(rb"\b(let\s+[\w$]+|var\s+[\w$]+|continue|break)([ \t\r]*\n)(?=\s*[(\[])"),
        rb"\1;\2",
    ),
    (re.compile(rb"^([ \t]*(?:static )?[#\w$]+)([ \t\r]*\n)(?=\s*\[)", re.MULTILINE), rb"\1;\2"),
]


_SHOWN = 30
"""Characters of the text at a syntax error, at most."""


def read(source: bytes) -> Script:
    from tree_sitter import QueryCursor  # noqa: PLC0415 - late: as above

    parser, query = _tools()
    tree = parser.parse(source)
    repaired = source
    if tree.root_node.has_error:
        for pattern, replacement in _REPAIRS:
            repaired = pattern.sub(replacement, repaired)
        tree = parser.parse(repaired)
    script = Script(bundled=b"webpackBootstrap" in source or b"// node_modules/" in source)
    if tree.root_node.has_error:
        wrong = _first_error(tree.root_node)
        script.error, script.error_near = line_of(wrong), _described(wrong)
        return script
    script.open = repaired is not source and _RENAMED.search(source) is not None
    found = QueryCursor(query).captures(tree.root_node)
    try:
        _take(script, found)
    except RecursionError:  # assignments in each other as no person writes them
        return Script(open=True, bundled=script.bundled)
    return script


def _take(script: Script, found: Mapping[str, list[Node]]) -> None:
    for node in found.get("import", []):
        es_modules.take_import(script, node)
    for node in found.get("export", []):
        es_modules.take_export(script, node)
    for node in found.get("name", []):
        common_js.take_name(script, node)
    for node in found.get("this", []):
        common_js.take_this(script, node)


def _described(node: Node) -> str:
    if node.is_missing:
        return f": {node.type} is missing"
    text = text_of(node).strip().split("\n", 1)[0]
    return f" at {text[:_SHOWN]}" if text else ""


def _first_error(node: Node) -> Node:
    """The innermost node that is wrong, the first in the file."""
    while True:
        if node.is_error or node.is_missing:
            return node
        child = next((one for one in node.children if one.has_error or one.is_missing), None)
        if child is None:
            return node
        node = child
