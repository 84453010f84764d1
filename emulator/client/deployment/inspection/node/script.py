"""The facts that reading one JavaScript file shows, and the parser's nodes as text."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tree_sitter import Node


@dataclass
class Script:
    """The facts of one file. Lines count from 1."""

    error: int | None = None
    """The line of the first syntax error."""
    error_near: str = ""
    """The text that is wrong, or what is missing there."""
    is_module: int | None = None
    """The line of the first `import` or `export` statement, which only ES modules have."""
    is_common: int | None = None
    """The line of the first top-level `require`, `exports` or `module.exports`, in a statement
    that runs when the file is loaded; only CommonJS has these names."""
    common_name: str = ""
    """The name that `is_common` is about: `require` or `module.exports`."""
    own_names: set[str] = field(default_factory=set)
    """Variables of CommonJS that the file makes for itself, or looks for before it uses them."""
    exports: set[str] = field(default_factory=set)
    stars: list[str] = field(default_factory=list)
    """Modules all of whose exports are exported too."""
    open: bool = False
    """Whether more may be exported than reading shows."""
    imports: dict[str, int] = field(default_factory=dict)
    """Modules that are loaded as soon as the file is, each with its line."""
    mentions: set[str] = field(default_factory=set)
    """Modules that are named by any `require` or `import()`, also by one that may never run."""
    bundled: bool = False
    """Whether a bundler wrote the file, so that its dependencies may be in it."""


def line_of(node: Node) -> int:
    return node.start_point[0] + 1


def text_of(node: Node | None) -> str:
    return "" if node is None or node.text is None else node.text.decode("utf-8", "replace")


def string_of(node: Node | None) -> str | None:
    """The value of a plain string. None: it is another expression, or has escapes."""
    if node is None or node.type not in ("string", "template_string"):
        return None
    inner = [one for one in node.children if one.is_named]
    if any(one.type != "string_fragment" for one in inner):
        return None
    return "".join(text_of(one) for one in inner)
