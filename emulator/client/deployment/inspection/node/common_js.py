"""The imports and exports of a CommonJS file: the usual ways, and whether there are others.

Node.js gives such a file the variables `exports`, `module` and `require`, and any code may use
them. The usual ways are those of people, and what TypeScript, Babel and esbuild write.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from taskdock.client.deployment.inspection.node.script import Script, line_of, string_of, text_of

if TYPE_CHECKING:
    from tree_sitter import Node

NAMES = (
    "exports",
    "module",
    "require",
    "eval",
    "__export",
    "__webpack_require__",
    "__nccwpck_require__",
    "__commonJS",
    "__toESM",
    "__toCommonJS",
    "__require",
    "parcelRequire",
)
"""The variables that matter here."""
_BUNDLERS = frozenset(NAMES[5:])
_OWN_THIS = frozenset(
    {"function_declaration", "function_expression", "generator_function", "method_definition"}
    | {"generator_function_declaration", "class_body"}
)
_FUNCTIONS = _OWN_THIS | {"arrow_function"}
_MAYBE = frozenset(
    {"if_statement", "try_statement", "ternary_expression", "binary_expression", "catch_clause"}
    | {"switch_statement", "for_statement", "for_in_statement", "while_statement"}
)


def _is_inside(node: Node, kinds: frozenset[str]) -> bool:
    above = node.parent
    while above is not None:
        if above.type in kinds:
            return True
        above = above.parent
    return False


def _runs_at_once(node: Node) -> bool:
    """Whether the expression is evaluated, whatever happens, when the file is loaded."""
    return not _is_inside(node, _FUNCTIONS | _MAYBE)


def take_this(script: Script, node: Node) -> None:
    """At the top of a CommonJS file, `this` is its exports."""
    if not _is_inside(node, _OWN_THIS):
        script.open = True


def take_name(script: Script, node: Node) -> None:
    name, above = text_of(node), node.parent
    if above is None:
        return
    if name in ("require", "exports", "module") and _is_own(node, above):
        script.own_names.add(name)
    elif name in _BUNDLERS:
        script.bundled = True
    elif name == "eval":
        script.open = True
    elif name == "__export":
        _take_esbuild(script, above)
    elif name == "require":
        _take_require(script, node, above)
    elif _is_value(node, above):
        _take_exports(script, node, above)


def _is_own(node: Node, above: Node) -> bool:
    """Whether the file makes or asks for a variable of this name, so that it may be another than
    that of CommonJS: createRequire, a parameter, `typeof require`."""
    if above.type in ("variable_declarator", "function_declaration"):
        return _is(above, "name", node)
    return above.type in ("import_specifier", "import_clause", "formal_parameters") or (
        above.type == "unary_expression" and text_of(node) == "require"
    )


def _is_value(node: Node, above: Node) -> bool:
    """False for what only looks like the variable: `typeof exports`, `require.main === module`."""
    return above.type not in ("unary_expression", "binary_expression") or _operator(above) in (
        "||",
        "&&",
        "??",
    )


def _operator(node: Node) -> str:
    return text_of(node.child_by_field_name("operator"))


def _take_require(script: Script, node: Node, above: Node) -> None:
    called = above.child_by_field_name("function")
    if above.type != "call_expression" or called is None or called.id != node.id:
        return
    arguments = above.child_by_field_name("arguments")
    wanted = (
        string_of(arguments.named_children[0]) if arguments and arguments.named_children else None
    )
    if wanted is None:
        return
    script.mentions.add(wanted)
    if _runs_at_once(above):
        script.imports.setdefault(wanted, line_of(above))
        if script.is_common is None:
            script.is_common, script.common_name = line_of(above), "require"


def _take_exports(script: Script, node: Node, above: Node) -> None:
    """Reads one use of `exports` or `module`."""
    if text_of(node) == "exports":
        _take_use(script, node, above)
    elif above.type != "member_expression":
        script.open = True
    elif _is_exports(above) and above.parent is not None and _is_value(above, above.parent):
        _take_use(script, above, above.parent)


def _is_exports(member: Node) -> bool:
    return text_of(member.child_by_field_name("property")) == "exports"


def _take_use(script: Script, target: Node, user: Node) -> None:
    """Reads one use of the exports; any other than the usual ones opens them."""
    if user.type == "member_expression" and _is(user, "object", target):
        name = text_of(user.child_by_field_name("property"))
        script.exports.add(name)
        script.open = script.open or name.startswith("__define")
        _note_common(script, user)
    elif user.type == "assignment_expression" and _is(user, "left", target):
        _take_whole(script, user.child_by_field_name("right"))
        script.open = script.open or _has_another_name(user)
        _note_common(script, user)
    elif user.type == "assignment_expression" and _is_module_exports(user):
        return  # module.exports = exports: they are each other already
    elif (key := _key(user, target)) is not None:
        script.exports.add(key)
    else:
        script.open = True


def _has_another_name(assignment: Node) -> bool:
    """Whether the exports get a variable too: `const app = module.exports = {}`."""
    above = assignment.parent
    while above is not None and above.type in ("parenthesized_expression", "binary_expression"):
        above = above.parent
    if above is None or above.type in ("expression_statement", "sequence_expression"):
        return False
    if above.type == "assignment_expression" and _is_module_exports(above):
        return _has_another_name(above)
    return True


def _key(user: Node, target: Node) -> str | None:
    """The key of exports["key"], or of what compilers write."""
    if user.type == "subscript_expression" and _is(user, "object", target):
        return string_of(user.child_by_field_name("index"))
    return _defined(user, target)


def _note_common(script: Script, node: Node) -> None:
    if script.is_common is None and _runs_at_once(node):
        script.is_common, script.common_name = line_of(node), "module.exports"


def _is(node: Node, name: str, child: Node) -> bool:
    found = node.child_by_field_name(name)
    return found is not None and found.id == child.id


def _is_module_exports(node: Node) -> bool:
    return text_of(node.child_by_field_name("left")).replace(" ", "") in (
        "module.exports",
        "exports",
    )


def _take_whole(script: Script, right: Node | None) -> None:
    """Reads what is assigned to `module.exports`."""
    while right is not None and right.type == "parenthesized_expression":
        right = right.named_children[0] if right.named_children else None
    if right is None:
        script.open = True
    elif right.type == "object":
        if not _take_object(script, right):
            script.open = True
    elif right.type == "assignment_expression":  # exports = module.exports = {...}
        if not _is_module_exports(right):
            _take_whole(script, right.child_by_field_name("right"))
    elif right.type == "call_expression" and text_of(right).startswith("__toCommonJS("):
        return  # esbuild: __export has the names
    elif right.type not in ("arrow_function", "function_expression"):
        script.open = True


def _take_object(script: Script, node: Node) -> bool:
    """Adds the keys of an object literal. False: it has more than plain keys."""
    plain = True
    for one in node.named_children:
        if one.type == "shorthand_property_identifier":
            script.exports.add(text_of(one))
        elif one.type in ("pair", "method_definition"):
            key = one.child_by_field_name("key") or one.child_by_field_name("name")
            text = string_of(key) if key is not None and key.type == "string" else text_of(key)
            if key is None or text is None or key.type == "computed_property_name":
                plain = False
            else:
                script.exports.add(text)
        elif one.type != "comment":
            plain = False
    return plain


def _take_esbuild(script: Script, above: Node) -> None:
    """__export(src_exports, { handler: () => handler }): esbuild's own way to say its exports."""
    arguments = above.child_by_field_name("arguments")
    if above.type == "call_expression" and arguments is not None:
        for one in arguments.named_children:
            if one.type == "object" and not _take_object(script, one):
                script.open = True


def _defined(user: Node, target: Node) -> str | None:
    """The key of Object.defineProperty(exports, "key", ...), which compilers write."""
    call = user.parent
    if user.type != "arguments" or call is None:
        return None
    if text_of(call.child_by_field_name("function")) != "Object.defineProperty":
        return None
    first, *rest = user.named_children
    return string_of(rest[0]) if rest and first.id == target.id else None
