"""JSON with comments and trailing commas, as VS Code's settings are: read, and edited in place.

An edit changes the lines that it is about; all other text stays as it is, comments too. Pure.
"""

from __future__ import annotations

import json
import re
from typing import Any

_BLANK = re.compile(r"(?:\s+|//[^\n]*|/\*.*?\*/)*", re.DOTALL)
_STRING = re.compile(r'"(?:[^"\\\x00-\x1f]|\\.)*"')
_WORD = re.compile(r"[-+.\w]+")
_USUAL_INDENT = "    "

Path = tuple[str | int, ...]


class NotEditable(ValueError):
    """The text is not such JSON, or has no place for the entry."""


class _CommentedText:
    """Reads a text, and keeps where each value is."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.places: dict[Path, tuple[int, int]] = {}
        self._at = 0

    def read(self) -> Any:
        """Raises `NotEditable`."""
        try:
            value = self._value(())
        except RecursionError:
            raise NotEditable("it is nested too deeply") from None
        self._skip()
        if self._at != len(self.text):
            raise NotEditable(f"there is more text behind its end, at character {self._at}")
        return value

    def _skip(self) -> None:
        found = _BLANK.match(self.text, self._at)
        assert found is not None, "it matches nothing, too"
        self._at = found.end()

    def _value(self, path: Path) -> Any:
        self._skip()
        begin = self._at
        first = self.text[begin : begin + 1]
        if first == "{":
            value: Any = self._members(path)
        elif first == "[":
            value = self._items(path)
        else:
            value = self._scalar(_STRING if first == '"' else _WORD)
        self.places[path] = (begin, self._at)
        return value

    def _scalar(self, pattern: re.Pattern[str]) -> Any:
        found = pattern.match(self.text, self._at)
        if found is None:
            raise NotEditable(f"no value is at character {self._at}")
        self._at = found.end()
        try:
            return json.loads(found[0])
        except ValueError:
            raise NotEditable(f"{found[0][:40]} is no value of JSON") from None

    def _members(self, path: Path) -> dict[str, Any]:
        members: dict[str, Any] = {}
        while self._goes_on("}"):
            name = self._scalar(_STRING)
            self._skip()
            self._take(":")
            if name in members:
                raise NotEditable(f'"{name}" is there twice')
            members[name] = self._value((*path, name))
            self._separate("}")
        return members

    def _items(self, path: Path) -> list[Any]:
        items: list[Any] = []
        while self._goes_on("]"):
            items.append(self._value((*path, len(items))))
            self._separate("]")
        return items

    def _goes_on(self, end: str) -> bool:
        """Behind an opening bracket, or a comma: whether something comes before the end."""
        self._at += 1
        self._skip()
        if self.text[self._at : self._at + 1] != end:
            return True
        self._at += 1
        return False

    def _separate(self, end: str) -> None:
        """A comma, on which `_goes_on` looks further, or the end, on which it stops."""
        self._skip()
        following = self.text[self._at : self._at + 1]
        if following == end:
            self._at -= 1
        elif following != ",":
            raise NotEditable(f"a comma or {end} is missing at character {self._at}")

    def _take(self, sign: str) -> None:
        if self.text[self._at : self._at + 1] != sign:
            raise NotEditable(f"{sign} is missing at character {self._at}")
        self._at += 1


def read(text: str) -> Any:
    """The value of a text. Raises `NotEditable`."""
    return _CommentedText(text).read()


def with_entry(text: str, member: str, entry: dict[str, Any]) -> str:
    """The text of an object, with `entry` in the list that is its `member`. An entry of the same
    `name` is replaced; another one comes last. Raises `NotEditable`."""
    reader = _CommentedText(text)
    whole = reader.read()
    if not isinstance(whole, dict) or not isinstance(whole.get(member), list):
        raise NotEditable(f'it has no list "{member}"')
    entries = whole[member]
    same = [i for i, one in enumerate(entries) if _name(one) == entry["name"]]
    if len(same) > 1:
        raise NotEditable(f'"{entry["name"]}" is there twice')
    if same:
        begin, end = reader.places[(member, same[0])]
        outer, inner = (_indent_at(text, place) for place in (reader.places[(member,)][0], begin))
        edited = text[:begin] + _dumped(entry, inner, _unit(outer, inner), text) + text[end:]
        expected = [*entries[: same[0]], entry, *entries[same[0] + 1 :]]
    else:
        edited = _appended(reader, member, len(entries), entry)
        expected = [*entries, entry]
    if read(edited) != {**whole, member: expected}:
        raise NotEditable("the edit would change something else")
    return edited


def _appended(reader: _CommentedText, member: str, count: int, entry: dict[str, Any]) -> str:
    text = reader.text
    begin, end = reader.places[(member,)]
    close = end - 1
    outer = _indent_at(text, begin)
    unit = _unit("", outer)
    inner = outer + unit
    if count:
        first, _ = reader.places[(member, 0)]
        unit = _unit(outer, _indent_at(text, first))
        inner = outer + unit
        _, last = reader.places[(member, count - 1)]
        if "," not in _without_comments(text[last:close]):
            text = f"{text[:last]},{text[last:]}"
            close += 1
    kept = text[:close].rstrip()
    line = _line_end(text)
    return f"{kept}{line}{inner}{_dumped(entry, inner, unit, text)}{line}{outer}{text[close:]}"


def _without_comments(text: str) -> str:
    return re.sub(r"//[^\n]*|/\*.*?\*/", "", text, flags=re.DOTALL)


def _dumped(entry: dict[str, Any], indent: str, unit: str, text: str) -> str:
    """The entry, whose first line has its indent already."""
    lines = json.dumps(entry, indent=unit, ensure_ascii=False).split("\n")
    return (_line_end(text) + indent).join(lines)


def _indent_at(text: str, place: int) -> str:
    line = text[text.rfind("\n", 0, place) + 1 : place]
    return line[: len(line) - len(line.lstrip(" \t"))]


def _unit(outer: str, inner: str) -> str:
    """One step of indentation: from that of a value to that of a value in it, where they are on
    lines of their own."""
    return (inner.startswith(outer) and inner.removeprefix(outer)) or _USUAL_INDENT


def _line_end(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"


def _name(entry: object) -> object:
    return entry.get("name") if isinstance(entry, dict) else None
