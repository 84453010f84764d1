"""The rule to write for a call that nothing matches, as YAML that can be pasted. Pure."""

from __future__ import annotations

import re

from taskdock.base.errors import BadQuery
from taskdock.web.common.rql import meaning
from taskdock.web.doubles.call import ServiceCall
from taskdock.web.doubles.rules.rule import ANY, METHODS
from taskdock.web.doubles.rules.yaml_writing import flow, text

_LONGEST = 300  # characters of a line


def rule_for(call: ServiceCall) -> str:
    """A double for this call, with an answer to be filled in."""
    method = "GET" if call.method == "HEAD" else call.method
    lines = [f"- method: {method if method in METHODS else ANY}"]
    lines.append(f"  path: {_path(call.path)}")
    lines += _query(call.query)
    if isinstance(call.json, dict) and call.method not in ("GET", "HEAD", "OPTIONS"):
        whole = flow(call.json)
        lines += [f"  body: {whole}"] if len(whole) <= _LONGEST else []
    return "\n".join([*lines, "  answer:", "    status: 200", "    json: {}"])


def _path(path: str) -> str:
    """Escapes what means something in a pattern: a pattern is decoded as a path is."""
    safe = re.sub(r"[{}*<>?#%:]", lambda found: f"%{ord(found[0]):02X}", path[:_LONGEST])
    return text(safe)


def _query(query: str) -> list[str]:
    if not query or len(query) > _LONGEST:
        return []
    try:
        meaning.read(query)
    except BadQuery:
        return []
    return [f"  rql: {text(query)}"]
