"""What only the real service has: told as that, whoever asks, and never taken for an id."""

from __future__ import annotations

import pytest

from taskdock.base.errors import NoSuchEndpoint
from taskdock.web.access import elsewhere
from tests.support.builders import Dock
from tests.support.endpoints import ENDPOINTS
from tests.support.people import administrator, nobody, refusal

ID = "0123456789abcdef01234567"


def asked(endpoint: str) -> tuple[str, str]:
    method, path = endpoint.split()
    return method, path.replace("*", ID)


@pytest.mark.parametrize("endpoint", sorted(elsewhere.ENDPOINTS))
def test_an_endpoint_that_is_not_here_is_told_as_that(shared: Dock, endpoint: str) -> None:
    method, path = asked(endpoint)

    response = nobody(shared).ask(method, path, {})

    assert refusal(response) == (404, 11, "ENDPOINT_EXCEPTION")
    assert response.json()["message"].startswith(f"Extra Horizon has {method} {path}, and taskdock")


@pytest.mark.parametrize("service", sorted(elsewhere.SERVICES))
@pytest.mark.parametrize("rest", ["v1", "v1/", "v2/a/b?eq(id,1)"])
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_a_service_that_is_not_here_is_told_as_that(
    shared: Dock, service: str, rest: str, method: str
) -> None:
    response = administrator(shared).ask(method, f"/{service}/{rest}")

    assert refusal(response)[:2] == (404, 11)
    assert response.json()["message"].startswith("Extra Horizon has ")


def test_a_slash_at_the_end_and_head_make_no_difference(shared: Dock) -> None:
    assert refusal(nobody(shared).ask("GET", "/users/v1/password_policy/"))[:2] == (404, 11)
    assert nobody(shared).ask("HEAD", "/users/v1/password_policy").status_code == 404


@pytest.mark.parametrize("endpoint", sorted(ENDPOINTS))
def test_nothing_that_is_here_is_told_to_be_elsewhere(endpoint: str) -> None:
    method, path = asked(endpoint)

    for each in ("GET", "POST", "PUT", "PATCH", "DELETE") if method == "ANY" else (method,):
        elsewhere.check(each, path)


@pytest.mark.parametrize("path", ["/datasets/v1", "/data", "/data/x1", "/users/v1/ada/mail"])
def test_what_nobody_has_is_not_told_to_be_elsewhere(path: str) -> None:
    elsewhere.check("GET", path)


def test_any_bytes_may_be_in_a_path() -> None:
    with pytest.raises(NoSuchEndpoint, match="Extra Horizon has GET /data/v1"):
        elsewhere.check("GET", "/data/v1/a\nb\0")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/users/v1/confirm_password"),
        ("PUT", "/users/v1/ada"),
        ("DELETE", "/users/v1/ada"),
        ("PUT", "/users/v1/roles/oak"),
        ("DELETE", "/auth/v2/oauth1/tokens/oak"),
        ("DELETE", "/auth/v2/oauth2/tokens/oak"),
        ("DELETE", "/auth/v2/oauth2/refreshTokens/oak"),
    ],
)
def test_a_word_that_is_no_id_is_not_looked_for(shared: Dock, method: str, path: str) -> None:
    response = administrator(shared).ask(method, path, {"name": "oak"})

    assert refusal(response) == (400, 12, "ID_FORMAT_EXCEPTION")
