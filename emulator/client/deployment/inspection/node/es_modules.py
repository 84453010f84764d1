"""The imports and exports of an ES module: statements, so that a parser knows them all."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from taskdock.client.deployment.inspection.node.script import Script, line_of, string_of, text_of

if TYPE_CHECKING:
    from tree_sitter import Node


def take_import(script: Script, node: Node) -> None:
    script.is_module = min(script.is_module or line_of(node), line_of(node))
    if source := string_of(node.child_by_field_name("source")):
        script.imports.setdefault(source, line_of(node))


def take_export(script: Script, node: Node) -> None:
    script.is_module = min(script.is_module or line_of(node), line_of(node))
    source = string_of(node.child_by_field_name("source"))
    if source:
        script.imports.setdefault(source, line_of(node))
    kinds = {child.type for child in node.children}
    if "default" in kinds:
        script.exports.add("default")
    elif "*" in kinds:
        script.stars.append(source or "")
    for child in node.children:
        if child.type == "namespace_export":
            script.exports.update(text_of(one) for one in child.children if one.is_named)
        elif child.type == "export_clause":
            for one in child.named_children:
                if one.type == "export_specifier":
                    name = one.child_by_field_name("alias") or one.child_by_field_name("name")
                    script.exports.add(string_of(name) or text_of(name))
    declaration = node.child_by_field_name("declaration")
    if declaration is not None and "default" not in kinds:
        script.exports.update(_declared(declaration))


def _declared(node: Node) -> Iterator[str]:
    """The names that a declaration makes, with those in patterns."""
    name = node.child_by_field_name("name")
    if node.type in ("lexical_declaration", "variable_declaration"):
        for one in node.named_children:
            yield from _declared(one)
    elif name is not None:
        yield from _bound(name)


def _bound(node: Node) -> Iterator[str]:
    if node.type in ("identifier", "shorthand_property_identifier_pattern"):
        yield text_of(node)
    for child in node.named_children:
        yield from _bound(child)
