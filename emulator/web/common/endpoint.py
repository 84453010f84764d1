"""The declaration of an endpoint, at its view: route, permission, models, errors, example.

An `Endpoint` decorates the view that serves it. Everything else that speaks of endpoints asks these
records: `access` for the permission, `openapi` for the description, the tests for the documents.
An application whose `url_rule_class` is `DeclaredRule` has no route without a declaration.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import KW_ONLY, dataclass
from enum import Enum
from typing import Any, NoReturn, TypeVar

from flask import Blueprint, Flask
from werkzeug.routing import Map, Rule

from taskdock.base.errors import TaskdockError
from taskdock.base.strict_json import Json
from taskdock.store.query.fields import Fields
from taskdock.web.common.requests import Wire

View = TypeVar("View", bound=Callable[..., Any])

_DECLARATION = "declaration"  # the attribute of a view that holds its `Endpoint`


class Gate(Enum):
    """The callers of an endpoint that has no permission of its own."""

    ANYONE = "anyone"
    USER = "user"
    """Any user who is signed in."""
    VIEW = "view"
    """The view asks for the permission, because it depends on which function or user is named."""
    MACHINE = "machine"
    """Callers on this machine. Credentials do not count; see `authentication.check_machine`."""
    DOUBLE = "double"
    """Any caller who is known: a service that is not here has permissions of its own."""
    HARNESS = "harness"
    """Programs on this machine that test: neither functions nor pages, and no credentials count;
    see `authentication.check_harness`."""


@dataclass(frozen=True)
class Page:
    """The answer of a list: one page of items."""

    item: type
    """A `TypedDict`. With `select(...)` in the query, items have the selected fields only."""
    has_query: bool = True
    """Whether the answer repeats the query."""


@dataclass(frozen=True, eq=False)
class Endpoint:
    """One endpoint. Models of answers are `TypedDict`s; those of bodies are pydantic's."""

    method: str | tuple[str, ...]
    """Of several methods, all have this declaration."""
    path: str
    """As the web framework writes it, with <variables>."""
    _: KW_ONLY
    permission: str | Gate
    """The name of a permission, such as VIEW_TASKS, or a `Gate`."""
    runs: str | None = None
    """The permission to run the function that the path names, by that function's mode."""
    asks: tuple[str, ...] = ()
    """Further permissions that the view asks for."""
    tag: str | None = None
    """The heading in the description. None: it is not described there."""
    summary: str = ""
    described_paths: tuple[str, ...] = ()
    """The paths in the description, with {variables}, where `path` cannot be rewritten as one."""
    answer: type | Page | None = None
    """The JSON of status 200. None: any content of any type."""
    answer_503: type | None = None
    """The JSON of status 503, where that is an answer and no error."""
    is_function: bool = False
    """A function makes the answer, with any status."""
    body: type[Wire] | None = None
    body_optional: bool = False
    form: bool = False
    """The body may be a form, too."""
    example: Json | None = None
    """A body that works."""
    query: Fields | None = None
    """The fields that RQL in the query string may name."""
    selects: bool = False
    """The query says which rows are changed, so there has to be one."""
    parameters: tuple[Json, ...] = ()
    """OpenAPI's description of further parameters in the query string."""
    errors: tuple[type[TaskdockError], ...] = ()
    """Beyond those that every endpoint of its kind has: see `openapi.responses`."""
    deprecated: bool = False
    of_dashboard: bool = False
    """Whether it serves the dashboard, and so browsers alone."""

    def __post_init__(self) -> None:
        """Raises `TaskdockError` for the name of a `Gate` in place of the gate itself."""
        if not isinstance(self.permission, Gate) and self.permission in Gate.__members__:
            raise TaskdockError(f"{self.path}: {self.permission} is a gate: Gate.{self.permission}")

    @property
    def methods(self) -> tuple[str, ...]:
        return (self.method,) if isinstance(self.method, str) else self.method

    def needs(self, method: str) -> str | Gate:
        """The permission of a request by `method`: HEAD needs what GET does.

        The web framework itself answers OPTIONS, with the methods there are: to anyone, unless the
        endpoint has several methods, which may stand for all.
        """
        if method == "OPTIONS" and len(self.methods) == 1:
            return Gate.ANYONE
        return self.permission

    def __call__(self, view: View) -> View:
        """Declares `view` as what serves this endpoint; `serve` adds the route."""
        setattr(view, _DECLARATION, self)
        return view


class DeclaredRule(Rule):
    """A route of Flask's with the declaration of its endpoint.

    Raises `TaskdockError` for a route without one.
    """

    def __init__(self, string: str, *, declaration: Endpoint | None = None, **options: Any) -> None:
        super().__init__(string, **options)
        if declaration is None:
            raise TaskdockError(f"the route {string} has no declaration: see web.common.endpoint")
        self.declaration = declaration

    def _compile_builder(self, append_unknown: bool = True) -> Callable[..., Any]:
        """Compiles nothing: no address is made of a route here, and werkzeug would compile two
        functions for each, which was most of the time in which a server starts. A werkzeug that
        does not call this is slower, and right."""
        return _no_address


def _no_address(rule: Rule, **values: object) -> NoReturn:
    raise NotImplementedError(f"no address is made of the route {rule.rule}")


def add(routes: Flask | Blueprint, declaration: Endpoint, view: Callable[..., Any]) -> None:
    """Adds the route of one view."""
    methods = list(declaration.methods)
    name = f"{declaration.method} {declaration.path}".replace(".", " ")
    routes.add_url_rule(declaration.path, name, view, methods=methods, declaration=declaration)


def serve(routes: Flask | Blueprint, views: object) -> None:
    """Adds the routes of an object's declared methods, in the order of its class."""
    for name, member in vars(type(views)).items():
        declaration = getattr(member, _DECLARATION, None)
        if declaration is not None:
            add(routes, declaration, getattr(views, name))


def declared(rule: Rule) -> Endpoint:
    """The declaration of a route. Raises `TaskdockError` when it has none."""
    declaration = getattr(rule, _DECLARATION, None)
    if not isinstance(declaration, Endpoint):
        raise TaskdockError(f"{sorted(rule.methods or ())} {rule.rule} is declared nowhere")
    return declaration


def every(routes: Map) -> Iterator[Endpoint]:
    """The declarations of all routes, in the order in which they were added."""
    return map(declared, routes.iter_rules())
