"""Declarations of endpoints, and the schemas that are made of their answers."""

from __future__ import annotations

from typing import Annotated, Any, TypedDict, get_args, get_type_hints

import pytest
from flask import Flask
from jsonschema import Draft202012Validator

from taskdock.base.strict_json import Json, SchemaPart, one_of, present
from taskdock.web.common.endpoint import Endpoint, Gate, Page, declared, every, serve
from taskdock.web.public.app import PublicApplication
from taskdock.web.public.openapi.schemas import Schemas
from tests.support.endpoints import APPLICATION, ENDPOINTS


class LeafJson(TypedDict):
    colour: Annotated[str, one_of("green", "red")]
    veins: int | None


class OakJson(TypedDict):
    leaves: list[LeafJson]
    rings: Annotated[int, SchemaPart(description="years")] | None
    notes: dict[str, str]
    data: Json | None


class Oaks:
    @Endpoint("GET", "/oaks", permission="VIEW_OAKS", tag="Oaks", answer=Page(OakJson))
    def find(self) -> Json:
        return {"data": []}

    @Endpoint("POST", "/oaks", permission=Gate.ANYONE, tag="Oaks", answer=OakJson)
    def create(self) -> Json:
        return {}

    def not_a_view(self) -> None:
        pass


@pytest.fixture
def application() -> Flask:
    application = PublicApplication("wood", static_folder=None)
    serve(application, Oaks())
    return application


def test_the_declared_methods_of_an_object_are_served_in_their_order(application: Flask) -> None:
    routes = [f"{each.method} {each.path}" for each in every(application.url_map)]

    assert routes == ["GET /oaks", "POST /oaks"]
    assert application.test_client().get("/oaks").json == {"data": []}


def test_no_function_is_compiled_for_the_address_of_a_route(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Two for each of two hundred routes, which made every start twice as slow."""
    compiled: list[object] = []
    monkeypatch.setattr(
        "werkzeug.routing.rules.compile",
        lambda *words: (compiled.append(words), compile(*words))[1],
        raising=False,
    )

    serve(PublicApplication("wood", static_folder=None), Oaks())

    assert compiled == []


def test_a_schema_has_the_fields_of_its_answer_and_no_other() -> None:
    schema = Schemas(()).of_answer(OakJson)

    leaf = {
        "type": "object",
        "properties": {
            "colour": {"type": "string", "enum": ["green", "red"]},
            "veins": {"type": "integer"},
        },
        "required": ["colour"],
        "additionalProperties": False,
    }
    assert schema == {
        "type": "object",
        "properties": {
            "leaves": {"type": "array", "items": leaf},
            "notes": {"type": "object", "additionalProperties": {"type": "string"}},
            "rings": {"type": "integer", "description": "years"},
            "data": {"type": "object"},
        },
        "required": ["leaves", "notes"],
        "additionalProperties": False,
    }


def test_an_answer_of_an_endpoint_has_a_name_wherever_it_stands(application: Flask) -> None:
    schemas = Schemas(every(application.url_map))
    reference = {"$ref": "#/components/schemas/Oak"}

    assert list(schemas.named()) == ["Oak"]
    assert schemas.of_answer(OakJson) == reference
    assert schemas.of_answer(Page(OakJson))["properties"]["data"]["items"] == reference
    assert schemas.of_answer(Page(OakJson))["required"] == ["query", "page", "data"]
    assert schemas.of_answer(Page(OakJson, has_query=False))["required"] == ["page", "data"]


def test_a_type_that_json_has_not_has_no_schema() -> None:
    with pytest.raises(TypeError, match="bytes"):
        Schemas(()).of(list[bytes])


def test_what_is_not_set_is_left_out_and_what_is_empty_stays() -> None:
    leaf: LeafJson = {"colour": "green", "veins": None}
    oak: OakJson = {"leaves": [], "rings": 0, "notes": {}, "data": None}

    assert present(leaf) == {"colour": "green"}
    assert present(oak) == {"leaves": [], "rings": 0, "notes": {}}


VIEWS = [
    (endpoint, APPLICATION.view_functions[rule.endpoint])
    for rule in APPLICATION.url_map.iter_rules()
    if (endpoint := declared(rule)).answer is not None and not isinstance(endpoint.answer, Page)
]


@pytest.mark.parametrize(("endpoint", "view"), VIEWS, ids=lambda each: getattr(each, "path", ""))
def test_a_view_returns_the_answer_that_its_endpoint_declares(
    endpoint: Endpoint, view: Any
) -> None:
    """A page's items are made by a function that the view hands on: the made-up requests see it."""
    returned = get_type_hints(view)["return"]

    assert endpoint.answer in (returned, *get_args(returned))


@pytest.mark.parametrize("name", [name for name, each in ENDPOINTS.items() if each.tag])
def test_every_schema_of_an_answer_is_a_json_schema(name: str) -> None:
    answer = ENDPOINTS[name].answer

    if answer is not None:
        Draft202012Validator.check_schema(Schemas(()).of_answer(answer))
