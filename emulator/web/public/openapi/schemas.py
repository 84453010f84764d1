"""JSON schemas of answers, made of the `TypedDict`s that views answer with.

An answer is strict: it has no field that its `TypedDict` does not name, and none is null. A field
whose type is `X | None` is left out where there is no value. A `SchemaPart` in `Annotated[...]`
adds to the field's schema.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints, is_typeddict

from taskdock.base.strict_json import Json
from taskdock.web.common.endpoint import Endpoint, Page

_PLAIN: Mapping[Any, Json] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    float: {"type": "number"},
    bool: {"type": "boolean"},
    Any: {},
}
_SUFFIX = "Json"

ERROR: Json = {
    "type": "object",
    "properties": {
        "code": {"type": "integer"},
        "name": {"type": "string"},
        "message": {"type": "string"},
    },
    "required": ["code", "name", "message"],
}
"""The fields that every error has; some have more."""


def ref(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}


def name_of(answer: type) -> str:
    """The name of an answer in the description: `TaskJson` is `Task` there."""
    return answer.__name__.removesuffix(_SUFFIX)


class Schemas:
    """The schemas of some endpoints' answers. An answer is named, and its other parts are not."""

    def __init__(self, endpoints: Iterable[Endpoint]) -> None:
        self._named: list[type] = []
        for endpoint in endpoints:
            for answer in (endpoint.answer, endpoint.answer_503):
                kind = answer.item if isinstance(answer, Page) else answer
                if kind is not None and is_typeddict(kind) and kind not in self._named:
                    self._named.append(kind)

    def named(self) -> dict[str, Json]:
        """The schemas by name, in the order in which the endpoints have them."""
        return {name_of(each): self._record(each) for each in self._named}

    def of_answer(self, answer: type | Page) -> Json:
        if not isinstance(answer, Page):
            return self.of(answer)
        page = _object({"offset": self.of(int), "limit": self.of(int)}, {"total": self.of(int)})
        items = {"page": page, "data": {"type": "array", "items": self.of(answer.item)}}
        return _object({"query": self.of(str), **items} if answer.has_query else items)

    def of(self, kind: Any) -> Json:
        """The schema of a type. Raises `TypeError` for one that JSON has not."""
        if get_origin(kind) is not None:
            return self._of_parts(get_origin(kind), get_args(kind))
        if kind in self._named:
            return ref(name_of(kind))
        if is_typeddict(kind):
            return self._record(kind)
        if kind not in _PLAIN:
            raise TypeError(f"{kind} has no JSON schema here")
        return dict(_PLAIN[kind])

    def _of_parts(self, origin: Any, parts: tuple[Any, ...]) -> Json:
        if origin is Annotated:
            return {**self.of(parts[0]), **parts[1].facts}
        if origin is list:
            return {"type": "array", "items": self.of(parts[0])}
        if origin is not dict:
            raise TypeError(f"{origin} has no JSON schema here")
        values = self.of(parts[1])
        return {"type": "object", **({"additionalProperties": values} if values else {})}

    def _record(self, kind: type) -> Json:
        required, optional = {}, {}
        for name, hint in get_type_hints(kind, include_extras=True).items():
            inner = _without_none(hint)
            if inner is None:
                required[name] = self.of(hint)
            else:
                optional[name] = self.of(inner)
        return _object(required, optional)


def _object(required: dict[str, Json], optional: dict[str, Json] | None = None) -> Json:
    """An object with these fields and no others."""
    return {
        "type": "object",
        "properties": {**required, **(optional or {})},
        "required": list(required),
        "additionalProperties": False,
    }


def _without_none(hint: Any) -> Any:
    """X, where `hint` is `X | None`; else None."""
    if get_origin(hint) not in (Union, UnionType):
        return None
    (inner,) = (each for each in get_args(hint) if each is not type(None))
    return inner
