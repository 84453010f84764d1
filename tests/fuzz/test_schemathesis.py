"""Whatever is asked, the answer is one that /openapi.json describes, and never a 5xx.

Thousands of requests, made up from the description by schemathesis: the same ones each time.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from tests.fuzz.world import World, described
from tests.support.endpoints import OPERATIONS
from tests.support.parts import missing

pytestmark = [pytest.mark.fuzz, pytest.mark.long]

ENOUGH = 2000  # cases
ours = settings(deadline=None, suppress_health_check=list(HealthCheck), database=None)

plain = described(examples=12, boundaries=True)
with_credentials = described(examples=3, credentials=True)
signed = described(examples=4)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    world = World(tmp_path_factory.mktemp("open"))
    yield world
    world.stop()


@pytest.fixture(scope="module")
def strict_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    world = World(tmp_path_factory.mktemp("strict"), auth="strict", harness="on")
    yield world
    world.stop()


@plain.parametrize()
@settings(ours, derandomize=True, max_examples=12)
def test_every_answer_is_as_described(case: Any, world: World) -> None:
    world.check(case)


@with_credentials.parametrize()
@settings(ours, derandomize=True, max_examples=3)
def test_every_answer_to_made_up_credentials_is_as_described(case: Any, world: World) -> None:
    world.check(case)


@signed.parametrize()
@settings(ours, derandomize=True, max_examples=4)
def test_every_answer_to_a_bearer_of_a_strict_server_is_as_described(
    case: Any, strict_world: World
) -> None:
    strict_world.check(case)


def test_there_were_enough_cases_of_every_kind(world: World, strict_world: World) -> None:
    if not (world.operations == strict_world.operations == set(OPERATIONS)):
        missing("a run of all tests of this module")
    print(world.statuses, strict_world.statuses)

    assert world.cases + strict_world.cases >= ENOUGH
    assert {200, 400, 401, 404} <= set(world.statuses)
    assert strict_world.statuses[200] > strict_world.statuses[401]
