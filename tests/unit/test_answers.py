"""The tests' own watch over refusals that nobody looks at."""

from __future__ import annotations

import pytest
import requests

from tests.support.answers import overlooked, watched


def answer(status: int) -> requests.Response:
    answer = requests.Response()
    answer.status_code = status
    answer.url = "http://here/functions"
    answer.request = requests.Request("POST", answer.url).prepare()
    answer._content = b'{"name": "NO"}'
    return answer


def test_a_refusal_that_nobody_looks_at_is_told_once() -> None:
    watched(answer(400))

    assert overlooked() == ['POST http://here/functions: 400 {"name": "NO"}']
    assert overlooked() == []


@pytest.mark.parametrize("look", ["status_code", "ok", "text", "headers"])
def test_a_refusal_that_somebody_looks_at_is_not_told(look: str) -> None:
    refused = watched(answer(404))

    getattr(refused, look)

    assert overlooked() == []


def test_an_answer_that_is_no_refusal_needs_no_look() -> None:
    watched(answer(200))
    watched(answer(302))

    assert overlooked() == []
